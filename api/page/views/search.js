// @ts-check
import { ApiProblem } from '../api.js';
import { h, id, section } from '../dom.js';
import { statusPill } from '../parts/status.js';
import { deletionLink, deletionTable, tenantLink } from '../parts/tables.js';
import { hashOf } from '../rules/route.rules.js';
import { lookUpsFor } from '../rules/search.rules.js';
import { subjectWords } from '../rules/words.rules.js';

/** @typedef {import('../rules/search.rules.js').LookUp} LookUp */
/** @typedef {{ as: string, hash: string | undefined, content: import('../dom.js').Child }} Hit */

/**
 * Everything that goes by the text that was typed. Of a single hit its own view is opened at once.
 * @param {import('./view.js').Context} context
 * @param {string} text
 * @returns {Promise<import('./view.js').View>}
 */
export async function searchView({ api, me }, text) {
  const found = (await Promise.all(lookUpsFor(text, me.tenants !== null).map((lookUp) => hitOf(api, lookUp)))).filter((hit) => hit !== undefined);
  const [only] = found;
  const hash = found.length === 1 ? only?.hash : undefined;
  const title = `Search: ${text}`;
  return {
    title,
    content: [
      h('h1', { tabindex: -1 }, 'Found for ', h('q', {}, text)),
      found.length === 0 && h('p', { class: 'lead' }, 'Nothing goes by this. Searched are whole ids: of requests, jobs, tenants, users, subject references, service instances and traces. A request that was asked for a moment ago may not have been read from Kafka yet.'),
      ...found.map(({ as, content }) => section(`By ${as.toLowerCase()}`, content)),
    ],
    // A link that replaces: going back leads to where the search was typed.
    ...(hash === undefined ? {} : { opened: () => { location.replace(hash); } }),
  };
}

/** @param {import('../api.js').Api} api @param {LookUp} lookUp @returns {Promise<Hit | undefined>} */
async function hitOf(api, { as, path, finds }) {
  /** @type {unknown} */
  let answer;
  try {
    answer = await api.get(path);
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 404 || error.status === 400)) return undefined;
    throw error;
  }
  switch (finds) {
    case 'deletion': {
      const deletion = /** @type {import('../rules/words.rules.js').Deletion} */ (answer);
      return { as, hash: hashOf({ view: 'deletion', requestId: deletion.requestId }), content: h('p', { class: 'pills' }, deletionLink(deletion.requestId, `Deletion of ${subjectWords(deletion)}`), statusPill(deletion.status)) };
    }
    case 'job': {
      const job = /** @type {import('../../../contracts/api/deletions.js').JobAnswer} */ (answer);
      return { as, hash: hashOf({ view: 'deletion', requestId: job.requestId }), content: h('p', {}, `Attempt ${job.attempt} of `, deletionLink(job.requestId), job.stands ? ': it may still erase.' : `: it must not erase (${job.reason}).`) };
    }
    case 'tenant': {
      const tenant = /** @type {import('../../../contracts/api/tenants.js').TenantAnswer} */ (answer);
      return { as, hash: hashOf({ view: 'tenant', tenantId: tenant.tenantId }), content: h('p', {}, 'Tenant ', tenantLink(tenant.tenantId)) };
    }
    case 'deletions': {
      const { items, next } = /** @type {import('../../../contracts/api/lists.js').DeletionList} */ (answer);
      const [first] = items;
      if (!first) return undefined;
      return {
        as,
        hash: items.length === 1 ? hashOf({ view: 'deletion', requestId: first.requestId }) : undefined,
        content: h('div', {}, deletionTable(`By ${as.toLowerCase()}`, items), next !== null && h('p', {}, h('a', { href: `#/deletions?${path.slice(path.indexOf('&') + 1)}` }, 'Show all'), ' of ', id(as))),
      };
    }
  }
}
