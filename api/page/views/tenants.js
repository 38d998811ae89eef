// @ts-check
import { h, momentOrNone } from '../dom.js';
import { inventoryPill } from '../parts/status.js';
import { cardTable, tenantLink } from '../parts/tables.js';
import { hashOf, queryText } from '../rules/route.rules.js';

/** @typedef {import('../../../contracts/api/lists.js').TenantList} TenantList */
/** @typedef {import('../rules/route.rules.js').TenantsQuery} TenantsQuery */

const STATUSES = { '': 'All', ACTIVE: 'Active', EMPTY: 'Empty', ERASED: 'Erased', UNKNOWN: 'Unknown' };

/**
 * The tenants by their ids, page by page.
 * @param {import('./view.js').Context} context
 * @param {TenantsQuery} query
 * @returns {Promise<import('./view.js').View>}
 */
export async function tenantsView({ api }, query) {
  const { items, next } = /** @type {TenantList} */ (await api.get(`tenants?${queryText({ ...query, limit: '50' })}`));
  const { cursor, ...filters } = query;
  const current = query.status?.length === 1 ? query.status[0] : '';
  return {
    title: 'Tenants',
    content: [
      h('h1', { tabindex: -1 }, 'Tenants'),
      h('nav', { class: 'tabs', 'aria-label': 'Tenants by status' }, Object.entries(STATUSES).map(([status, label]) => h('a', { href: hashOf({ view: 'tenants', query: status === '' ? {} : { status: [status] } }), 'aria-current': status === current ? 'page' : null }, label))),
      items.length === 0 ? h('p', { class: 'quiet' }, 'There is none.') : cardTable('Tenants', ['Tenant', 'Status', 'Active services', 'Emptied', 'Erased'], items.map((tenant) => [
        tenantLink(tenant.tenantId), inventoryPill(tenant.status), tenant.activeServices, momentOrNone(tenant.emptiedAt), momentOrNone(tenant.erasedAt),
      ])),
      (cursor !== undefined || next !== null) && h('nav', { class: 'pages', 'aria-label': 'Pages' },
        cursor !== undefined && h('a', { href: hashOf({ view: 'tenants', query: filters }) }, 'First page'),
        next !== null && h('a', { href: hashOf({ view: 'tenants', query: { ...filters, cursor: next } }), rel: 'next' }, 'Next page')),
    ],
  };
}
