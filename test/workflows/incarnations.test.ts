import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentInventory, freshId, notificationsOf, provision, serviceEvent, serviceSubject, type TestRequest } from '../support/deletions.js';
import { readJob } from '../../store/ledger/read.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real' });
}, 300_000);
afterAll(() => house.close());

const statusOf = async (tenantId: string) =>
  (await house.database.rows<{ status: string; generation: number }>(`SELECT status, generation FROM services WHERE tenant_id = $1 AND service_instance_id = 'db'`, [tenantId]))[0];

async function anew(tenantId: string) {
  await serviceEvent(house.database, { tenantId, serviceInstanceId: 'db', eventType: 'service.deprovisioned' });
  await serviceEvent(house.database, { tenantId, serviceInstanceId: 'db' });
  await currentInventory(house.database);
}

async function sent(more: Partial<TestRequest> = {}) {
  const tenantId = freshId('tenant');
  await provision(house.database, tenantId, { db: [], other: [] }, new Date(Date.now() - 60_000));
  const running = await house.start({ subject: serviceSubject(tenantId, 'db'), policy: { autoRetries: 1, retryBackoffMs: 10 }, ...more });
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return { tenantId, running, requestId: running.input.requestId };
}

describe('a service that is provisioned anew while it is being deleted', () => {
  test('revokes the attempt at once, and the next trigger is not sent: PROVISIONED_ANEW', async () => {
    const { tenantId, running, requestId } = await sent();
    expect(await readJob(house.database, `del_req_${requestId}`)).toMatchObject({ stands: true, reason: 'current' });
    await anew(tenantId);
    expect(await readJob(house.database, `del_req_${requestId}`)).toMatchObject({ stands: false, reason: 'revoked: the instance was provisioned anew' });
    await house.result(running, 1, 'FAILURE');
    const { deletion, attempts } = await house.untilStatus(requestId, 'FAILED');
    expect(deletion.failureCode).toBe('PROVISIONED_ANEW');
    expect(attempts).toHaveLength(1);
    expect((await notificationsOf(house.database, requestId))[0]?.message).toContain('provisioned anew');

    // A person who retries says that the new one is meant.
    await running.handle.executeUpdate('retryNow', { args: [{ by: 'olga' }] });
    await house.until(requestId, 'second attempt', (record) => record.deletion.status === 'SENT_TO_AIRFLOW' && record.deletion.attempt === 2);
    expect(await readJob(house.database, `del_req_${requestId}~2`)).toMatchObject({ stands: true });
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
    expect(await statusOf(tenantId)).toEqual({ status: 'ERASED', generation: 2 });
  });

  test('is not sent for a first time either', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] }, new Date(Date.now() - 60_000));
    const running = await house.start({ subject: serviceSubject(tenantId, 'db'), graceMs: 1_500 });
    await anew(tenantId);
    const { deletion, attempts } = await house.untilStatus(running.input.requestId, 'FAILED');
    expect(deletion.failureCode).toBe('PROVISIONED_ANEW');
    expect(attempts).toEqual([]);
    await running.handle.signal('cancel');
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
    expect(await statusOf(tenantId)).toEqual({ status: 'ACTIVE', generation: 2 });
  });

  test('is erased when a later request, for the new one, joins', async () => {
    const { tenantId, running, requestId } = await sent();
    await anew(tenantId);
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    const later = await house.start({ subject: serviceSubject(tenantId, 'db') });
    expect(later.outcome).toBe('joined');
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    await house.result(running, 2, 'SUCCESS');
    await running.handle.result();
    expect((await house.read(later.input.requestId)).deletion).toMatchObject({ outcome: 'COMPLETED' });
    expect(await statusOf(tenantId)).toEqual({ status: 'ERASED', generation: 2 });
  });

  test('stays ACTIVE when the old one is reported as erased', async () => {
    const { tenantId, running } = await sent();
    await anew(tenantId);
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect(await statusOf(tenantId)).toEqual({ status: 'ACTIVE', generation: 2 });
  });

  test('is deleted by a deletion of its own when only the old one was erased, and a request for the new one had joined', async () => {
    const { tenantId, running, requestId } = await sent();
    await anew(tenantId);
    const later = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.untilStatus(later.input.requestId, 'DUPLICATE');
    await house.result(running, 1, 'SUCCESS');
    // Nobody is told that it is gone while it is there.
    await house.until(later.input.requestId, 'sent', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW');
    expect((await house.read(requestId)).deletion.status).toBe('COMPLETED');
    expect(await notificationsOf(house.database, later.input.requestId)).toEqual([]);
    await house.result(later, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ requestId: later.input.requestId, outcome: 'COMPLETED' });
    expect(await statusOf(tenantId)).toEqual({ status: 'ERASED', generation: 2 });
    expect((await house.read(later.input.requestId)).timeline.map(({ what }) => what)).toEqual(['received', 'joined', 'set free', 'claimed', 'sent to Airflow', 'completed']);
  });
});

describe('a service that the inventory hears of after its deletion was asked for', () => {
  test('is the same when it was provisioned before the request', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { other: [] });
    const running = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'db', timestamp: new Date(Date.now() - 3_600_000) });
    expect(await readJob(house.database, `del_req_${running.input.requestId}`)).toMatchObject({ stands: true });
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    expect(await statusOf(tenantId)).toEqual({ status: 'ERASED', generation: 1 });
  });

  test('is another when it was provisioned after it', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { other: [] });
    const running = await house.start({ subject: serviceSubject(tenantId, 'db'), requestedAt: new Date(Date.now() - 3_600_000) });
    await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'db' });
    expect(await readJob(house.database, `del_req_${running.input.requestId}`)).toMatchObject({ stands: false });
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    expect(await statusOf(tenantId)).toEqual({ status: 'ACTIVE', generation: 1 });
  });
});
