// @ts-check

/**
 * What the page shows, as its address names it behind the #: so a link can be shared, and nothing of it (a user's id, say) reaches a log.
 * @typedef {{ view: 'overview', query: ListQuery } | { view: 'deletion', requestId: string } | { view: 'tenants', query: TenantsQuery }
 *   | { view: 'tenant', tenantId: string } | { view: 'search', text: string } | { view: 'unknown' }} Route
 */

/**
 * Filters of the list, by the API's names; what is not asked for is not there.
 * @typedef {{ status?: string[], kind?: string[], tenantId?: string, serviceType?: string, userId?: string, subjectRef?: string, serviceInstanceId?: string,
 *   traceId?: string, parked?: string, overdue?: string, since?: string, until?: string, cursor?: string }} ListQuery
 */

/** @typedef {{ status?: string[], cursor?: string }} TenantsQuery */

const WORDS = /** @type {const} */ (['tenantId', 'serviceType', 'userId', 'subjectRef', 'serviceInstanceId', 'traceId', 'parked', 'overdue', 'since', 'until', 'cursor']);

/**
 * What an address asks for; `unknown` for what this page does not have.
 * @param {string} hash as `location.hash` has it
 * @returns {Route}
 */
export function routeOf(hash) {
  const [path, query] = split(hash.replace(/^#/, ''));
  const [head = '', id, ...rest] = path.split('/').filter((step) => step !== '').map(decoded);
  const params = new URLSearchParams(query);
  if (rest.length > 0) return { view: 'unknown' };
  if (head === '' || (head === 'deletions' && id === undefined)) return { view: 'overview', query: listQueryOf(params) };
  if (head === 'deletions' && id !== undefined) return { view: 'deletion', requestId: id };
  if (head === 'tenants' && id === undefined) return { view: 'tenants', query: { ...listOf(params, 'status'), ...wordOf(params, 'cursor') } };
  if (head === 'tenants' && id !== undefined) return { view: 'tenant', tenantId: id };
  if (head === 'search' && id === undefined) return { view: 'search', text: (params.get('q') ?? '').trim() };
  return { view: 'unknown' };
}

/**
 * The address of what is to be shown.
 * @param {Exclude<Route, { view: 'unknown' }>} route
 * @returns {string} with the #
 */
export function hashOf(route) {
  switch (route.view) {
    case 'overview': {
      const query = queryText(route.query);
      return query === '' ? '#/' : `#/deletions?${query}`;
    }
    case 'deletion':
      return `#/deletions/${encodeURIComponent(route.requestId)}`;
    case 'tenants': {
      const query = queryText(route.query);
      return query === '' ? '#/tenants' : `#/tenants?${query}`;
    }
    case 'tenant':
      return `#/tenants/${encodeURIComponent(route.tenantId)}`;
    case 'search':
      return `#/search?${queryText({ q: route.text })}`;
  }
}

/**
 * A query as the API and an address take it.
 * @param {Readonly<Record<string, string | readonly string[] | undefined>>} query
 */
export function queryText(query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const one of value === undefined ? [] : [value].flat()) params.append(name, one);
  return params.toString();
}

/**
 * How many filters are set; the page that is shown is none.
 * @param {ListQuery} query
 */
export function filterCount({ cursor: _cursor, ...filters }) {
  return Object.values(filters).filter((value) => value.length > 0).length;
}

/** @param {string} text @returns {[string, string]} */
function split(text) {
  const at = text.indexOf('?');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** @param {string} step */
function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step; // a stray % in an address that somebody typed: the API says what is wrong with the id
  }
}

/** @param {URLSearchParams} params @returns {ListQuery} */
function listQueryOf(params) {
  return { ...listOf(params, 'status'), ...listOf(params, 'kind'), ...Object.fromEntries(WORDS.flatMap((name) => Object.entries(wordOf(params, name)))) };
}

/** @param {URLSearchParams} params @param {string} name */
function listOf(params, name) {
  const values = params.getAll(name).filter((value) => value !== '');
  return values.length > 0 ? { [name]: values } : {};
}

/** @param {URLSearchParams} params @param {string} name */
function wordOf(params, name) {
  const value = params.get(name)?.trim() ?? '';
  return value === '' ? {} : { [name]: value };
}
