import { TOPICS } from '../../../contracts/names/index.js';
import type { Check } from './check.js';
import { jsonOf } from '../topics.js';

const STATUS = { erased: 'ERASED', empty: 'EMPTY', stays: 'ACTIVE' } as const;

/** One TENANT_EMPTY per emptying, TENANT_ERASED where it is due, and neither for a tenant that still has a service. */
export const tenantsAreTold: Check = async ({ house, load, written }) => {
  const messages = (await written()).filter(({ topic }) => topic === TOPICS.tenantLifecycle).map((message) => jsonOf(message) ?? {});
  const rows = await house.ledger.rows<{ tenantId: string; status: string; emptyings: number }>('SELECT tenant_id, status, emptyings FROM tenants WHERE tenant_id = ANY($1)', [load.tenants.map(({ tenantId }) => tenantId)]);
  const findings: string[] = [];
  for (const { tenantId, fate } of load.tenants) {
    const row = rows.find((one) => one.tenantId === tenantId);
    if (row?.status !== STATUS[fate]) findings.push(`${tenantId} is ${row?.status}, and should be ${STATUS[fate]}`);
    if (row?.emptyings !== (fate === 'stays' ? 0 : 1)) findings.push(`${tenantId} was emptied ${row?.emptyings} times`);
    for (const [type, due] of [['TENANT_EMPTY', fate !== 'stays'], ['TENANT_ERASED', fate === 'erased']] as const) {
      const ids = new Set(messages.filter((value) => value['tenantId'] === tenantId && value['eventType'] === type).map((value) => String(value['eventId'])));
      if (ids.size !== (due ? 1 : 0)) findings.push(`${tenantId} (${fate}) has ${ids.size} events ${type}: ${[...ids].join(', ')}`);
    }
  }
  return findings;
};
