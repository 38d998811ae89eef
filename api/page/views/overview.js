// @ts-check
import { h, section } from '../dom.js';
import { filterForm } from '../parts/filters.js';
import { pill } from '../parts/status.js';
import { deletionTable } from '../parts/tables.js';
import { filterCount, hashOf, queryText } from '../rules/route.rules.js';

/** @typedef {import('../../../contracts/api/lists.js').DeletionList} DeletionList */
/** @typedef {import('../rules/route.rules.js').ListQuery} ListQuery */

const COUNTED = 50;
const SHOWN = 8;

/**
 * The list of deletions; before it, as long as nothing is filtered, what is parked and what is overdue.
 * @param {import('./view.js').Context} context
 * @param {ListQuery} query
 * @returns {Promise<import('./view.js').View>}
 */
export async function overviewView({ api, me }, query) {
  const list = async (/** @type {ListQuery} */ wanted, /** @type {number} */ limit) => /** @type {DeletionList} */ (await api.get(`deletions?${queryText({ ...wanted, limit: String(limit) })}`));
  const isWhole = filterCount(query) === 0 && query.cursor === undefined;
  const [page, parked, overdue] = await Promise.all([list(query, 25), isWhole ? list({ parked: 'true' }, COUNTED) : undefined, isWhole ? list({ overdue: 'true' }, COUNTED) : undefined]);
  const isQuiet = parked?.items.length === 0 && overdue?.items.length === 0;
  const title = query.parked === 'true' ? 'Parked deletions' : query.overdue === 'true' ? 'Overdue deletions' : 'Deletions';
  return {
    title,
    content: [
      h('div', { class: 'head' }, h('h1', { tabindex: -1 }, title), h('button', { type: 'button', id: 'refresh', onclick: () => { window.dispatchEvent(new HashChangeEvent('hashchange')); } }, 'Refresh')),
      isQuiet && h('p', { class: 'calm' }, pill('good', 'All clear'), ' Nothing is parked and nothing is overdue.'),
      parked && parked.items.length > 0 && attention('Parked', 'They wait for a person, or for what blocks them to go.', parked, { parked: 'true' }),
      overdue && overdue.items.length > 0 && attention('Overdue', 'Past their due date and not over; the longest overdue first.', overdue, { overdue: 'true' }),
      section(isWhole ? 'All deletions' : 'Found',
        filterForm(query, { fenced: me.tenants !== null }),
        page.items.length === 0 ? h('p', { class: 'quiet' }, isWhole ? 'No deletion was ever asked for.' : 'No deletion fits.') : deletionTable('Deletions', page.items),
        pages(query, page.next)),
    ],
  };
}

/** @param {string} title @param {string} about @param {DeletionList} found @param {ListQuery} query */
function attention(title, about, { items, next }, query) {
  const count = next === null ? String(items.length) : `${items.length}+`;
  const more = items.length > SHOWN || next !== null;
  return section(title,
    h('p', { class: 'attention' }, pill('bad', count, `${count} in all`), ' ', about),
    deletionTable(title, items.slice(0, SHOWN)),
    more && h('p', {}, h('a', { href: hashOf({ view: 'overview', query }) }, `Show all ${count} ${title.toLowerCase()}`)));
}

/** @param {ListQuery} query @param {string | null} next */
function pages(query, next) {
  const { cursor, ...filters } = query;
  if (cursor === undefined && next === null) return null;
  return h('nav', { class: 'pages', 'aria-label': 'Pages' },
    cursor !== undefined && h('a', { href: hashOf({ view: 'overview', query: filters }) }, 'First page'),
    next !== null && h('a', { href: hashOf({ view: 'overview', query: { ...filters, cursor: next } }), rel: 'next' }, 'Next page'));
}
