// @ts-check
import { facts, h, id, moment, momentOrNone, outerLink, section } from '../dom.js';
import { servicesPicture } from '../parts/services-picture.js';
import { inventoryPill, statusPill } from '../parts/status.js';
import { deletionLink, wideTable } from '../parts/tables.js';
import { hashOf } from '../rules/route.rules.js';

/** @typedef {import('../../../contracts/api/tenants.js').TenantAnswer} Tenant */

/**
 * A tenant: its services and what depends on what, as a picture and as a table, and its clean-ups.
 * @param {import('./view.js').Context} context
 * @param {string} tenantId
 * @returns {Promise<import('./view.js').View>}
 */
export async function tenantView({ api }, tenantId) {
  const tenant = /** @type {Tenant} */ (await api.get(`tenants/${encodeURIComponent(tenantId)}`));
  const active = tenant.services.filter(({ status }) => status === 'ACTIVE').length;
  return {
    title: `Tenant ${tenant.tenantId}`,
    content: [
      h('h1', { tabindex: -1 }, `Tenant ${tenant.tenantId}`),
      h('p', { class: 'pills' }, inventoryPill(tenant.status)),
      facts([
        ['Services', `${active} active of ${tenant.services.length}`],
        ['Emptied', tenant.emptyings === 0 ? 'never' : [`${tenant.emptyings} times`, tenant.emptiedAt === null ? null : [', last ', moment(tenant.emptiedAt)]].flat()],
        ['Erased', tenant.erasedAt === null ? null : moment(tenant.erasedAt)],
        ['Deletions since it became active', `${tenant.gdprDeletions} in GDPR mode, ${tenant.otherDeletions} others`],
        ['All its deletions', h('a', { href: hashOf({ view: 'overview', query: { tenantId: tenant.tenantId } }) }, 'Show the list')],
        ['Workflow', [id(tenant.workflowId), tenant.links.temporal !== undefined && [' ', outerLink(tenant.links.temporal, 'Open in Temporal')]].flat()],
      ]),
      section('Services and what they depend on',
        tenant.services.length === 0 ? h('p', { class: 'quiet' }, 'The inventory knows of none.') : [
          h('p', { class: 'quiet' }, 'An arrow leads from a service to the one that it needs. What is needed cannot be deleted before those that need it.'),
          servicesPicture(tenant.services),
          wideTable('Services', ['Instance', 'Type', 'Status', 'Depends on', 'Needed by', 'Provisioned', 'Gone', 'Deletion'], tenant.services.map((service) => [
            id(service.serviceInstanceId), service.serviceType, inventoryPill(service.status),
            listed(service.dependsOn),
            listed(tenant.services.filter(({ dependsOn }) => dependsOn.includes(service.serviceInstanceId)).map(({ serviceInstanceId }) => serviceInstanceId)),
            moment(service.provisionedAt), momentOrNone(service.goneAt),
            service.deletion === null ? '–' : [statusPill(service.deletion.status), h('div', { class: 'under' }, deletionLink(service.deletion.requestId))],
          ])),
        ]),
      section('Clean-ups',
        tenant.cleanUps.length === 0 ? h('p', { class: 'quiet' }, 'None yet: one follows when its last service has gone by GDPR deletions.')
          : wideTable('Clean-ups', ['Request', 'Emptying', 'Status', 'Received', 'Completed'], tenant.cleanUps.map(({ requestId, emptying, status, receivedAt, completedAt }) => [
            deletionLink(requestId), emptying ?? '–', statusPill(status), moment(receivedAt), momentOrNone(completedAt),
          ]))),
    ],
  };
}

/** @param {readonly string[]} ids */
const listed = (ids) => (ids.length === 0 ? '–' : ids.join(', '));
