import { expect } from 'vitest';
import type { House } from './house.js';
import { fresh, lifecycleOf, serviceEvent, serviceRequest, userRequest } from './house-scenes.js';
import { waitFor } from './wait-for.js';

/** Many requests at once. */
export interface Load {
  readonly users: readonly ReturnType<typeof userRequest>[];
  readonly services: readonly ReturnType<typeof serviceRequest>[];
  readonly tenants: readonly string[];
  readonly ids: readonly string[];
}

/** Requests for users, and for all the services of tenants, which the inventory knows. */
export async function prepare(house: House, users: number, tenants: number, servicesEach: number): Promise<Load> {
  const tenantIds = Array.from({ length: tenants }, () => fresh('tenant'));
  const instances = tenantIds.flatMap((tenantId) => Array.from({ length: servicesEach }, (_, n) => ({ tenantId, serviceInstanceId: `s${n}` })));
  await house.send(...instances.map(({ tenantId, serviceInstanceId }) => serviceEvent('service.provisioned', tenantId, serviceInstanceId)));
  await waitFor('the inventory has all services', async () => {
    const [row] = await house.ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM services WHERE tenant_id = ANY($1)', [tenantIds]);
    return row?.n === instances.length;
  });
  const load = { users: Array.from({ length: users }, () => userRequest(fresh('user'))), services: instances.map((instance) => serviceRequest(instance)) };
  for (const { key } of load.users) await house.data.addUser(key);
  for (const { tenantId, serviceInstanceId } of instances) await house.data.addService(tenantId, serviceInstanceId);
  return { ...load, tenants: tenantIds, ids: [...load.users, ...load.services].map(({ requestId }) => requestId) };
}

/** How many of the requests the ledger has, and how many are completed. */
export async function progressOf(house: House, ids: readonly string[]): Promise<{ readonly received: number; readonly completed: number }> {
  const [row] = await house.ledger.rows<{ received: number; completed: number }>("SELECT count(*)::int AS received, (count(*) FILTER (WHERE status = 'COMPLETED'))::int AS completed FROM deletions WHERE request_id = ANY($1)", [ids]);
  return row!;
}

/** Waits until some of the requests are in the ledger, or completed. */
export const whenSomeAre = (house: House, what: 'received' | 'completed', ids: readonly string[], atLeast: number): Promise<boolean> =>
  waitFor(`${atLeast} of ${ids.length} are ${what}`, async () => (await progressOf(house, ids))[what] >= atLeast, 60_000);

/** Every deletion was carried out exactly once, and told exactly once but for repeats that show themselves as such. */
export async function expectExactlyOnce(house: House, { users, services, tenants, ids }: Load): Promise<void> {
  const attempts = await house.ledger.rows<{ requestId: string; jobId: string; dagId: string }>('SELECT request_id, job_id, dag_id FROM attempts WHERE request_id = ANY($1)', [ids]);
  expect(attempts.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());
  const jobs = new Set(attempts.map(({ jobId }) => jobId));
  const subjects = new Set([...users, ...services].map(({ key }) => key));
  // A run publishes its result a moment before it ends.
  const runs = await waitFor('no run goes on', async () => {
    const found = (await house.airflow.runs()).filter(({ conf }) => subjects.has(String(conf['user_id'] ?? conf['tenant_id'])));
    return found.every(({ state }) => state === 'success' || state === 'failed') && found;
  });
  expect(runs.map(({ dag_run_id }) => dag_run_id).sort()).toEqual([...jobs].sort());
  expect(runs.filter(({ state }) => state !== 'success')).toEqual([]);

  const completions = await house.ledger.rows<{ requestId: string }>("SELECT request_id FROM timeline WHERE request_id = ANY($1) AND what = 'completed'", [ids]);
  expect(completions.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());

  const wanted = new Set(ids);
  const told = () => house.bus.values('notifications.send', ({ requestId }) => wanted.has(requestId as string));
  const idsOf = () => new Map(told().map((value) => [value['notificationId'] as string, value['requestId'] as string]));
  await waitFor('every request is told of', () => new Set(idsOf().values()).size === ids.length, 30_000, () => idsOf().size);
  expect([...idsOf().values()].sort()).toEqual([...ids].sort());
  for (const tenant of tenants) {
    const empties = await waitFor(`${tenant} is told empty`, () => lifecycleOf(house, tenant).length > 0 && lifecycleOf(house, tenant));
    expect(new Set(empties.map(({ eventId }) => eventId as string)).size).toBe(1);
  }
  for (const { key } of users) expect(await house.data.ofUser(key)).toEqual([]);
  for (const tenant of tenants) expect(await house.data.ofTenant(tenant)).toEqual([]);
}
