// @ts-check
import { h } from '../dom.js';
import { filterCount, hashOf } from '../rules/route.rules.js';
import { STATUSES } from '../rules/words.rules.js';

/** @typedef {import('../rules/route.rules.js').ListQuery} ListQuery */

const KINDS = { user: 'User', service: 'Service', tenant: 'Tenant' };
/** @type {readonly (readonly ['tenantId' | 'serviceType' | 'serviceInstanceId' | 'userId' | 'subjectRef' | 'traceId', string])[]} */
const WORDS = [['tenantId', 'Tenant'], ['serviceType', 'Service type'], ['serviceInstanceId', 'Service instance'], ['userId', 'User'], ['subjectRef', 'Subject reference'], ['traceId', 'Trace']];

/**
 * The filters of the list, as they are now; what is chosen becomes the page's address.
 * @param {ListQuery} query
 * @param {{ fenced: boolean }} options whoever is fenced to tenants sees no users
 */
export function filterForm(query, { fenced }) {
  const count = filterCount(query);
  const form = h('form', { onsubmit: (event) => {
    event.preventDefault();
    location.hash = hashOf({ view: 'overview', query: queryIn(new FormData(form)) });
  } },
    choices('Status', 'status', Object.entries(STATUSES).map(([value, { label }]) => [value, label]), query.status ?? []),
    choices('Kind', 'kind', Object.entries(KINDS), query.kind ?? []),
    choices('Only', 'only', [['parked', 'Parked'], ['overdue', 'Overdue']], [query.parked === 'true' ? 'parked' : '', query.overdue === 'true' ? 'overdue' : '']),
    h('div', { class: 'fields' },
      WORDS.filter(([name]) => !fenced || (name !== 'userId' && name !== 'subjectRef')).map(([name, label]) => h('div', {}, h('label', { for: `filter-${name}` }, label), h('input', { id: `filter-${name}`, name, value: query[name], autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: 160 }))),
      h('div', {}, h('label', { for: 'filter-since' }, 'Received since'), h('input', { id: 'filter-since', name: 'since', type: 'datetime-local', value: localOf(query.since) })),
      h('div', {}, h('label', { for: 'filter-until' }, 'Received before'), h('input', { id: 'filter-until', name: 'until', type: 'datetime-local', value: localOf(query.until) }))),
    h('div', { class: 'buttons' }, h('button', { type: 'submit', class: 'strong' }, 'Apply filters'), count > 0 && h('a', { href: '#/' }, 'Clear filters')));
  return h('details', { class: 'filters', open: count > 0 && window.matchMedia('(min-width: 46rem)').matches }, h('summary', {}, count === 0 ? 'Filters' : `Filters (${count} set)`), form);
}

/** @param {string} legend @param {string} name @param {readonly (readonly [string, string])[]} options @param {readonly string[]} chosen */
function choices(legend, name, options, chosen) {
  return h('fieldset', {}, h('legend', {}, legend), options.map(([value, label]) => h('label', { class: 'choice' }, h('input', { type: 'checkbox', name, value, checked: chosen.includes(value) }), label)));
}

/** @param {FormData} data @returns {ListQuery} */
function queryIn(data) {
  /** @type {ListQuery} */
  const query = {};
  const all = (/** @type {string} */ name) => data.getAll(name).filter((value) => typeof value === 'string').map((value) => value.trim()).filter((value) => value !== '');
  if (all('status').length > 0) query.status = all('status');
  if (all('kind').length > 0) query.kind = all('kind');
  for (const one of all('only')) if (one === 'parked' || one === 'overdue') query[one] = 'true';
  for (const [name] of WORDS) if (all(name)[0] !== undefined) query[name] = all(name)[0] ?? '';
  for (const name of /** @type {const} */ (['since', 'until'])) if (all(name)[0] !== undefined) query[name] = new Date(all(name)[0] ?? '').toISOString();
  return query;
}

/** A moment as a field for local times takes it; nothing for what is no moment. @param {string | undefined} iso */
function localOf(iso) {
  const at = new Date(iso ?? '');
  if (Number.isNaN(at.getTime())) return undefined;
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
