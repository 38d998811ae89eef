import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { fresh, lifecycleOf, provision, serviceEvent, serviceRequest, whenAll, whenStatus } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const typesOf = (tenantId: string) => lifecycleOf(house, tenantId).map((event) => `${event['eventType'] as string} ${event['emptying'] as number}`);
const tenantStatus = async (tenantId: string) => (await house.api(`/api/v1/tenants/${tenantId}`)).body['status'] as string;
const whenTold = (tenantId: string, ...types: string[]) => waitFor(`${tenantId} has ${types.join(', ')}`, () => typesOf(tenantId).join() === types.join(), 30_000, () => typesOf(tenantId));

/** A tenant with these services and data of its own, and neighbours whose names begin alike. */
async function tenantWith(services: readonly string[]): Promise<{ tenantId: string; neighbours: readonly string[] }> {
  const tenantId = fresh('tenant');
  const neighbours = [`${tenantId}0`, `${tenantId}-x`];
  for (const id of [tenantId, ...neighbours]) {
    await house.data.addTenant(id);
    for (const service of services) await house.data.addService(id, service);
  }
  await provision(house, tenantId, Object.fromEntries(services.map((service) => [service, []])));
  return { tenantId, neighbours };
}

async function deleteAll(tenantId: string, services: readonly string[], gdprMode: (index: number) => boolean): Promise<void> {
  const requests = services.map((serviceInstanceId, index) => serviceRequest({ tenantId, serviceInstanceId, gdprMode: gdprMode(index) }));
  await house.send(...requests);
  await whenAll(house, requests.map(({ requestId }) => requestId), 'COMPLETED');
}

describe('a tenant whose last service has gone', () => {
  const five = ['s1', 's2', 's3', 's4', 's5'];

  test('five services that end at the same moment are one TENANT_EMPTY; all in GDPR mode, so the tenant is erased, and nobody with a similar name', async () => {
    const { tenantId, neighbours } = await tenantWith(five);
    await house.airflow.turn('knobs', { durations: Object.fromEntries(five.map((service) => [service, 1_500])) });
    await deleteAll(tenantId, five, () => true);
    await whenTold(tenantId, 'TENANT_EMPTY 1', 'TENANT_ERASED 1');
    expect(lifecycleOf(house, tenantId)).toMatchObject([{ gdprMode: true }, { gdprMode: true }]);
    expect(await house.data.ofTenant(tenantId)).toEqual([]);
    for (const neighbour of neighbours) expect(await house.data.ofTenant(neighbour)).toHaveLength(1 + 1 + 1 + 5);
    expect(await tenantStatus(tenantId)).toBe('ERASED');
    const cleanUp = await whenStatus(house, `tenant~${tenantId}~1`, 'COMPLETED');
    expect(cleanUp).toMatchObject({ kind: 'tenant', tenantId, attempt: 1 });
    await house.airflow.turn('reset');
  });

  test('only some in GDPR mode: told and counted for a person, who has it erased with the command line', async () => {
    const before = await house.roles.metric('expunge_tenant_decisions_needed_total');
    const services = ['a', 'b', 'c'];
    const { tenantId, neighbours } = await tenantWith(services);
    await deleteAll(tenantId, services, (index) => index === 1);
    await whenTold(tenantId, 'TENANT_EMPTY 1');
    expect(lifecycleOf(house, tenantId)).toMatchObject([{ gdprMode: false }]);
    await waitFor('it is counted', async () => (await house.roles.metric('expunge_tenant_decisions_needed_total')) === before + 1);
    expect(await tenantStatus(tenantId)).toBe('EMPTY');
    expect(await house.data.ofTenant(tenantId)).toContain('tenant_settings 1');

    const erased = await house.cli('tenant', 'erase', tenantId, '--reason', 'contract ended', '--by', 'dpo', '--json');
    expect(erased).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(erased.stdout)).toMatchObject({ requestId: `tenant~${tenantId}~1` });
    await whenTold(tenantId, 'TENANT_EMPTY 1', 'TENANT_ERASED 1');
    expect(await house.data.ofTenant(tenantId)).toEqual([]);
    for (const neighbour of neighbours) expect(await house.data.ofTenant(neighbour)).toHaveLength(1 + 1 + 1 + 3);
    const { body } = await house.api(`/api/v1/deletions/tenant~${tenantId}~1`);
    expect(body['history']).toContainEqual(expect.objectContaining({ by: 'dpo', reason: 'contract ended' }));
  });

  test('none in GDPR mode: told, and nothing of the tenant itself is touched', async () => {
    const { tenantId } = await tenantWith(['only']);
    await deleteAll(tenantId, ['only'], () => false);
    await whenTold(tenantId, 'TENANT_EMPTY 1');
    expect(await house.data.ofTenant(tenantId)).toEqual(expect.arrayContaining(['tenant_settings 1', `tenants/${tenantId}/logo.svg`]));
  });

  test('that the inventory has never heard of is unknown, not empty: no event, no clean-up, a metric', async () => {
    const tenantId = fresh('tenant');
    await house.data.addTenant(tenantId);
    const before = await house.roles.metric('expunge_tenant_unknown_total');
    await deleteAll(tenantId, ['s1'], () => true);
    await waitFor('it is counted', async () => (await house.roles.metric('expunge_tenant_unknown_total')) === before + 1);
    // What comes behind it has been decided, so this would have been as well.
    const { tenantId: later } = await tenantWith(['s1']);
    await deleteAll(later, ['s1'], () => true);
    await whenTold(later, 'TENANT_EMPTY 1', 'TENANT_ERASED 1');
    expect(lifecycleOf(house, tenantId)).toEqual([]);
    expect(await house.data.ofTenant(tenantId)).toHaveLength(2);
  });

  test('emptied, filled and emptied again: two events, counted', async () => {
    const { tenantId } = await tenantWith(['s1']);
    await deleteAll(tenantId, ['s1'], () => false);
    await whenTold(tenantId, 'TENANT_EMPTY 1');
    await provision(house, tenantId, { s1: [], s2: [] });
    expect(await tenantStatus(tenantId)).toBe('ACTIVE');
    await deleteAll(tenantId, ['s1', 's2'], () => false);
    await whenTold(tenantId, 'TENANT_EMPTY 1', 'TENANT_EMPTY 2');
  });

  test('by service.deprovisioned: an event too, and one only for events that are repeated', async () => {
    const { tenantId } = await tenantWith(['s1', 's2']);
    const gone = ['s1', 's2'].map((service) => serviceEvent('service.deprovisioned', tenantId, service));
    await house.send(...gone, ...gone);
    await whenTold(tenantId, 'TENANT_EMPTY 1');
    await house.send(...gone);
    const { tenantId: later } = await tenantWith(['s1']);
    await house.send(serviceEvent('service.deprovisioned', later, 's1'));
    await whenTold(later, 'TENANT_EMPTY 1');
    expect(typesOf(tenantId)).toEqual(['TENANT_EMPTY 1']);
  });
});
