import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { fresh, ledgerRows, notificationsOf, provision, serviceEvent, serviceRequest, triggersOf, whenAll, whenStatus } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const serviceTypeOf = (instanceId: string) => (instanceId === 'app' ? 'app' : 'database');
const ask = (tenantId: string, serviceInstanceId: string) => serviceRequest({ tenantId, serviceInstanceId, serviceType: serviceTypeOf(serviceInstanceId) });

/** A tenant whose app depends on its db. */
async function tenantWithApp(): Promise<string> {
  const tenantId = fresh('tenant');
  for (const service of ['app', 'db']) await house.data.addService(tenantId, service);
  await provision(house, tenantId, { app: ['db'], db: [] }, serviceTypeOf);
  return tenantId;
}

describe('a database that an app depends on', () => {
  test('is blocked and told of while the app is there, and goes by itself when the app has gone', async () => {
    const tenantId = await tenantWithApp();
    const db = ask(tenantId, 'db');
    await house.send(db);
    const blocked = await whenStatus(house, db.requestId, 'FAILED');
    expect(blocked).toMatchObject({ parked: true, final: false, attempt: 0, failure: { code: 'DEPENDENCY_BLOCKED' } });
    const [told] = await waitFor('it is told', () => notificationsOf(house, db.requestId).length > 0 && notificationsOf(house, db.requestId));
    expect(told).toMatchObject({ status: 'FAILED', failureCode: 'DEPENDENCY_BLOCKED', message: expect.stringMatching(/^Cannot delete this service while app is running/) as string });
    expect(triggersOf(house, db.requestId)).toEqual([]);
    expect(await house.data.ofService(tenantId, 'db')).toContain('storage_objects 1');

    const app = ask(tenantId, 'app');
    await house.send(app);
    await whenStatus(house, app.requestId, 'COMPLETED');
    const done = await whenStatus(house, db.requestId, 'COMPLETED');
    expect(done['attempt']).toBe(1);
    expect(await house.data.ofService(tenantId, 'db')).not.toContain('storage_objects 1');
    await waitFor('the end is told', () => notificationsOf(house, db.requestId).length === 2);
  });

  test('is tried again by a signal from Temporal’s command line: still blocked, told again; then the app is deprovisioned', async () => {
    const tenantId = await tenantWithApp();
    const db = ask(tenantId, 'db');
    await house.send(db);
    await whenStatus(house, db.requestId, 'FAILED');
    await waitFor('it is told', () => notificationsOf(house, db.requestId).length === 1);
    const signalled = await house.temporalCli('workflow', 'signal', '--workflow-id', `service-deletion/${tenantId}/db`, '--name', 'retry');
    expect(signalled).toMatchObject({ code: 0 });
    await waitFor('it is told again', () => notificationsOf(house, db.requestId).length === 2);
    expect((await house.api(`/api/v1/deletions/${db.requestId}`)).body).toMatchObject({ status: 'FAILED', attempt: 0 });

    await house.send(serviceEvent('service.deprovisioned', tenantId, 'app', { serviceType: 'app' }));
    await whenStatus(house, db.requestId, 'COMPLETED');
  });

  test('asked for together with its app: goes after it, whichever came first, and nobody is told of a block', async () => {
    const tenants = await Promise.all(Array.from({ length: 4 }, tenantWithApp));
    const pairs = tenants.map((tenantId) => ({ db: ask(tenantId, 'db'), app: ask(tenantId, 'app') }));
    await house.send(...pairs.flatMap(({ db, app }, index) => (index % 2 === 0 ? [db, app] : [app, db])));
    await whenAll(house, pairs.flatMap(({ db, app }) => [db.requestId, app.requestId]), 'COMPLETED');
    for (const { db, app } of pairs) {
      const [dbRow] = await ledgerRows(house, [db.requestId]);
      const [appRow] = await ledgerRows(house, [app.requestId]);
      expect(dbRow!.sentAt!.getTime()).toBeGreaterThanOrEqual(appRow!.completedAt!.getTime());
      await waitFor('the end is told', () => notificationsOf(house, db.requestId).length > 0);
      expect(notificationsOf(house, db.requestId)).toMatchObject([{ status: 'COMPLETED' }]);
    }
  });
});

describe('a deletion that failed in Airflow', () => {
  test('is parked with Airflow’s words in the ledger, and retried by a signal without input', async () => {
    const tenantId = fresh('tenant');
    await provision(house, tenantId, { s1: [], other: [] });
    await house.airflow.turn('fail', { subject: tenantId, error: 'AccessDenied: bucket s1' });
    const request = serviceRequest({ tenantId, serviceInstanceId: 's1' });
    await house.send(request);
    const failed = await whenStatus(house, request.requestId, 'FAILED');
    expect(failed).toMatchObject({ parked: true, failure: { code: 'DAG_FAILED' }, attempts: [{ result: 'FAILURE', failure: { code: 'DAG_FAILED', message: 'AccessDenied: bucket s1' } }] });

    expect((await house.temporalCli('workflow', 'signal', '--workflow-id', `service-deletion/${tenantId}/s1`, '--name', 'retry')).code).toBe(0);
    const done = await whenStatus(house, request.requestId, 'COMPLETED');
    expect(done).toMatchObject({ attempt: 2, jobId: `del_req_${request.requestId}~2` });
    expect(triggersOf(house, request.requestId)).toHaveLength(2);
  });

  test('of a type without an eraser is parked as NO_ERASER and cancelled with the command line', async () => {
    const tenantId = fresh('tenant');
    const request = serviceRequest({ tenantId, serviceInstanceId: 's1', serviceType: 'quantum-cache' });
    await house.send(request);
    await whenStatus(house, request.requestId, 'FAILED');
    const status = await house.cli('status', request.requestId, '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ failure: { code: 'NO_ERASER' }, parked: true });
    const cancelled = await house.cli('cancel', request.requestId, '--reason', 'asked for by mistake', '--by', 'operator-1');
    expect(cancelled).toMatchObject({ code: 0 });
    const answer = await whenStatus(house, request.requestId, 'CANCELLED');
    expect(answer['history']).toContainEqual(expect.objectContaining({ by: 'operator-1', reason: 'asked for by mistake', status: 'CANCELLED' }));
  });
});
