import { WithStartWorkflowOperation, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNALS } from '../../contracts/names/index.js';
import type { tenant as tenantWorkflow } from '../../workflows/index.js';
import { readJob } from '../../store/ledger/read.js';
import { eventTypesOf, freshId, notificationsOf, outboxOf, provision, serviceEvent, serviceSubject } from '../support/deletions.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real' });
}, 300_000);
afterAll(() => house.close());

interface Lifecycle {
  readonly eventType: string;
  readonly emptying: number;
  readonly gdprMode: boolean;
}
const lifecycle = async (tenantId: string): Promise<Lifecycle[]> =>
  (await house.database.rows<{ body: string }>(`SELECT body FROM outbox WHERE destination = 'tenant.lifecycle.events' AND key = $1 ORDER BY id`, [tenantId])).map(({ body }) => JSON.parse(body) as Lifecycle);
const tenantHandle = (tenantId: string, where = house) => where.client.workflow.getHandle(`tenant/${tenantId}`);
/** A tenant of which nothing is to be carried out is emptied by its last deletion. */
const neverRan = (tenantId: string) => expect(tenantHandle(tenantId).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
const cleanUpOf = (tenantId: string, emptying = 1) => `tenant~${tenantId}~${emptying}`;
const rowOf = async (tenantId: string) => (await house.database.rows<{ status: string; emptyings: number }>('SELECT status, emptyings FROM tenants WHERE tenant_id = $1', [tenantId]))[0];

/** Starts deletions of services and waits until all are with Airflow. */
async function sent(tenantId: string, services: Record<string, boolean>, where = house): Promise<Running[]> {
  const all = await Promise.all(Object.entries(services).map(([id, gdprMode]) => where.start({ subject: serviceSubject(tenantId, id), gdprMode })));
  for (const { input } of all) await where.untilStatus(input.requestId, 'SENT_TO_AIRFLOW');
  return all;
}
async function emptied(services: Record<string, boolean>, where = house): Promise<string> {
  const tenantId = freshId('tenant');
  await provision(where.database, tenantId, Object.fromEntries(Object.keys(services).map((id) => [id, []])));
  for (const running of await sent(tenantId, services, where)) {
    await where.result(running, 1, 'SUCCESS');
    await running.handle.result();
  }
  await where.relay();
  return tenantId;
}
const erase = (tenantId: string, where = house) =>
  where.client.workflow.executeUpdateWithStart<typeof tenantWorkflow, { requestId: string; message: string }, [unknown]>('eraseNow', {
    args: [{ by: 'olga', reason: 'asked by their lawyer' }],
    startWorkflowOperation: new WithStartWorkflowOperation('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }], workflowIdConflictPolicy: 'USE_EXISTING' }),
  });
const refusal = async (asked: Promise<unknown>) => {
  const error = await asked.then(() => undefined, (caught: unknown) => caught);
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error('the update was not refused', { cause: error });
  return error.cause?.message;
};

describe('a tenant whose last services end', () => {
  test('five at the same moment: one TENANT_EMPTY; all in GDPR mode: cleaned up, TENANT_ERASED', async () => {
    const tenantId = freshId('tenant');
    const names = ['a', 'b', 'c', 'd', 'e'];
    await provision(house.database, tenantId, Object.fromEntries(names.map((id) => [id, []])));
    const all = await sent(tenantId, Object.fromEntries(names.map((id) => [id, true])));
    await Promise.all(all.map((running) => house.result(running, 1, 'SUCCESS')));
    await Promise.all(all.map((running) => running.handle.result()));
    await Promise.all([house.relay(), house.relay()]);
    const id = cleanUpOf(tenantId);
    await house.untilStatus(id, 'SENT_TO_AIRFLOW');
    const [trigger] = (await outboxOf(house.database, id)).filter(({ destination }) => destination === 'airflow.pipeline.trigger');
    expect(trigger?.key).toBe(tenantId);
    expect(JSON.parse(trigger!.body)).toMatchObject({ jobId: `del_req_${id}`, payload: { dag_id: 'tenant_cleanup_dag', conf: { tenant_id: tenantId, dry_run: false } } });
    await house.jobResult(`del_req_${id}`, 'SUCCESS');
    expect(await tenantHandle(tenantId).result()).toMatchObject({ cleanUps: [{ requestId: id, outcome: 'COMPLETED' }] });
    expect(await lifecycle(tenantId)).toMatchObject([
      { eventType: 'TENANT_EMPTY', emptying: 1, gdprMode: true },
      { eventType: 'TENANT_ERASED', emptying: 1, gdprMode: true },
    ]);
    expect(await rowOf(tenantId)).toEqual({ status: 'ERASED', emptyings: 1 });
    expect(await eventTypesOf(house.database, id)).toEqual(['deletion.requested', 'deletion.sent_to_airflow', 'deletion.completed']);
  });

  test('some in GDPR mode: told, not erased; a person is asked, and has it erased', async () => {
    const tenantId = await emptied({ a: true, b: false });
    await neverRan(tenantId);
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', gdprMode: false }]);
    expect(house.events.seen).toContain(`decision needed ${tenantId}`);
    expect(await house.database.rows(`SELECT 1 FROM deletions WHERE tenant_id = $1 AND kind = 'tenant'`, [tenantId])).toEqual([]);
    const [one, two] = await Promise.all([erase(tenantId), erase(tenantId)]);
    expect(one.requestId).toBe(two.requestId);
    const { timeline } = await house.untilStatus(one.requestId, 'SENT_TO_AIRFLOW');
    expect(timeline[0]).toMatchObject({ person: 'olga', reason: 'asked by their lawyer' });
    await house.jobResult(`del_req_${one.requestId}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
    expect((await lifecycle(tenantId)).map(({ eventType }) => eventType)).toEqual(['TENANT_EMPTY', 'TENANT_ERASED']);
    expect(await refusal(erase(tenantId))).toContain('erased already');
  });

  test('none in GDPR mode: told, and nobody is asked', async () => {
    const tenantId = await emptied({ a: false });
    await neverRan(tenantId);
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', emptying: 1, gdprMode: false }]);
    expect(await rowOf(tenantId)).toEqual({ status: 'EMPTY', emptyings: 1 });
    expect(house.events.seen).not.toContain(`decision needed ${tenantId}`);
  });

  test('is not erased while it is not empty, or unknown: refused with the reason', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [], b: [] });
    expect(await refusal(erase(tenantId))).toBe(`tenant ${tenantId} has 2 active services (a, b): delete them first`);
    expect(await refusal(erase('tenant-of-nobody'))).toContain('never heard of');
    await sent(tenantId, { a: true });
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'a', eventType: 'service.deprovisioned' });
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'b', eventType: 'service.deprovisioned' });
    expect(await refusal(erase(tenantId))).toContain('not marked as empty yet');
    expect(await tenantHandle(tenantId).result()).toMatchObject({ cleanUps: [] });
  });

  test('unknown to the inventory: no event, no purge, counted', async () => {
    const tenantId = freshId('tenant');
    const running = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true });
    await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    await house.relay();
    expect(house.events.seen).toContain(`tenant unknown ${running.input.requestId}`);
    expect(await lifecycle(tenantId)).toEqual([]);
    await house.client.workflow.signalWithStart('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }], signal: SIGNALS.recheck, signalArgs: [{}] });
    expect(await tenantHandle(tenantId).result()).toMatchObject({ cleanUps: [], why: expect.stringContaining('never heard') as string });
    expect(await lifecycle(tenantId)).toEqual([]);
  });

  test('the last one by service.deprovisioned', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [], b: [] });
    const [a] = await sent(tenantId, { a: true });
    await house.result(a!, 1, 'SUCCESS');
    await a!.handle.result();
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'b', eventType: 'service.deprovisioned' });
    await house.relay();
    await house.untilStatus(cleanUpOf(tenantId), 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${cleanUpOf(tenantId)}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
    expect((await lifecycle(tenantId)).map(({ eventType }) => eventType)).toEqual(['TENANT_EMPTY', 'TENANT_ERASED']);
  });

  test('deprovisioned while its deletion is under way: the emptying waits for how that ends', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [] });
    const [a] = await sent(tenantId, { a: true });
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'a', eventType: 'service.deprovisioned' });
    await house.relay();
    expect(await tenantHandle(tenantId).result()).toMatchObject({ why: expect.stringContaining('under way') as string });
    expect(await lifecycle(tenantId)).toEqual([]);
    await house.result(a!, 1, 'SUCCESS');
    await a!.handle.result();
    await house.relay();
    await house.untilStatus(cleanUpOf(tenantId), 'SENT_TO_AIRFLOW');
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', gdprMode: true }]);
    await house.jobResult(`del_req_${cleanUpOf(tenantId)}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
  });

  test('deprovisioned while its deletion is under way, and another one is the last to go: the same', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [], b: [] });
    const [a, b] = await sent(tenantId, { a: false, b: false });
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'a', eventType: 'service.deprovisioned' });
    await house.result(b!, 1, 'SUCCESS');
    await b!.handle.result();
    await house.relay();
    expect(await tenantHandle(tenantId).result()).toMatchObject({ why: expect.stringContaining('under way') as string });
    expect(await rowOf(tenantId)).toEqual({ status: 'ACTIVE', emptyings: 0 });
    await house.result(a!, 1, 'SUCCESS');
    await a!.handle.result();
    expect(await rowOf(tenantId)).toEqual({ status: 'EMPTY', emptyings: 1 });
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', emptying: 1 }]);
    expect(await house.relay()).toEqual([]);
  });

  test.each(['cancelled', 'parked', 'held'])('deprovisioned, and its deletion is %s: the tenant is empty then', async (how) => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [] });
    const running = await house.start({ subject: serviceSubject(tenantId, 'a'), gdprMode: true, graceMs: how === 'parked' ? 0 : 3_600_000, policy: { autoRetries: 0 } });
    await house.until(running.input.requestId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    if (how === 'parked') await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'a', eventType: 'service.deprovisioned' });
    await house.relay();
    await tenantHandle(tenantId).result();
    if (how === 'cancelled') await running.handle.executeUpdate('cancelNow');
    if (how === 'held') await running.handle.executeUpdate('holdNow');
    if (how === 'parked') {
      await house.result(running, 1, 'FAILURE');
      await house.untilStatus(running.input.requestId, 'FAILED');
    }
    expect(await house.relay()).toEqual([`tenant/${tenantId}`]);
    await tenantHandle(tenantId).result();
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', gdprMode: false }]);
    if (how !== 'cancelled') await running.handle.terminate();
  });
});

describe('a tenant that is filled again', () => {
  test('and emptied again: a second event, with emptying 2, and a clean-up of its own', async () => {
    const tenantId = await emptied({ a: true });
    await house.untilStatus(cleanUpOf(tenantId), 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${cleanUpOf(tenantId)}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
    await provision(house.database, tenantId, { b: [] });
    expect(await rowOf(tenantId)).toEqual({ status: 'ACTIVE', emptyings: 1 });
    const [b] = await sent(tenantId, { b: true });
    await house.result(b!, 1, 'SUCCESS');
    await b!.handle.result();
    await house.relay();
    await house.untilStatus(cleanUpOf(tenantId, 2), 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${cleanUpOf(tenantId, 2)}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
    expect((await lifecycle(tenantId)).map(({ eventType, emptying }) => [eventType, emptying])).toEqual([['TENANT_EMPTY', 1], ['TENANT_ERASED', 1], ['TENANT_EMPTY', 2], ['TENANT_ERASED', 2]]);
  });

  test('while its clean-up is with Airflow: the job is revoked; a SUCCESS that comes all the same does not make it ERASED', async () => {
    const tenantId = await emptied({ a: true });
    const id = cleanUpOf(tenantId);
    await house.untilStatus(id, 'SENT_TO_AIRFLOW');
    await provision(house.database, tenantId, { b: [] });
    expect(await readJob(house.database, `del_req_${id}`)).toMatchObject({ stands: false, reason: 'revoked: the tenant has services again' });
    await house.relay();
    await house.jobResult(`del_req_${id}`, 'SUCCESS');
    await tenantHandle(tenantId).result();
    expect(await rowOf(tenantId)).toEqual({ status: 'ACTIVE', emptyings: 1 });
    expect((await lifecycle(tenantId)).map(({ eventType }) => eventType)).toEqual(['TENANT_EMPTY']);
  });

  test('while its clean-up is with Airflow, which then fails: CANCELLED, not sent again', async () => {
    const tenantId = await emptied({ a: true });
    const id = cleanUpOf(tenantId);
    await house.untilStatus(id, 'SENT_TO_AIRFLOW');
    await provision(house.database, tenantId, { b: [] });
    await house.jobResult(`del_req_${id}`, 'FAILURE', 'NO_ERASER');
    await house.relay();
    const { deletion, attempts } = await house.untilStatus(id, 'CANCELLED');
    expect(attempts).toHaveLength(1);
    expect(deletion.durationMs).not.toBeNull();
    await tenantHandle(tenantId).result();
  });

  test('while its clean-up is parked: CANCELLED at once, told', async () => {
    const tenantId = await emptied({ a: true });
    const id = cleanUpOf(tenantId);
    await house.untilStatus(id, 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${id}`, 'FAILURE', 'NO_ERASER');
    await house.untilStatus(id, 'FAILED');
    await provision(house.database, tenantId, { b: [] });
    await house.relay();
    await house.untilStatus(id, 'CANCELLED');
    expect((await notificationsOf(house.database, id)).map(({ status }) => status)).toEqual(['FAILED', 'CANCELLED']);
    expect(await tenantHandle(tenantId).result()).toMatchObject({ cleanUps: [{ outcome: 'CANCELLED' }] });
  });
});

describe('the clean-up of a tenant', () => {
  test('takes a person\'s acts: hold and release, retry while parked, cancel with a reason', async () => {
    const tenantId = await emptied({ a: true });
    const id = cleanUpOf(tenantId);
    const handle = tenantHandle(tenantId);
    await house.untilStatus(id, 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${id}`, 'FAILURE', 'NO_ERASER');
    await house.untilStatus(id, 'FAILED');
    expect(await handle.query('status')).toMatchObject({ requestId: id, parked: true });
    await handle.executeUpdate('retryNow', { args: [{ by: 'olga' }] });
    await house.until(id, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    await house.jobResult(`del_req_${id}~2`, 'FAILURE', 'NO_ERASER');
    await house.untilStatus(id, 'FAILED');
    await handle.executeUpdate('holdNow');
    await handle.executeUpdate('retryNow');
    await house.untilStatus(id, 'ON_HOLD');
    await handle.executeUpdate('cancelNow', { args: [{ by: 'olga', reason: 'keep it' }] });
    expect(await handle.result()).toMatchObject({ cleanUps: [{ requestId: id, outcome: 'CANCELLED' }] });
    expect(await rowOf(tenantId)).toEqual({ status: 'EMPTY', emptyings: 1 });
    // A person may change their mind.
    const again = await erase(tenantId);
    expect(again.requestId).toBe(`${id}.2`);
    await house.untilStatus(again.requestId, 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${again.requestId}`, 'SUCCESS');
    await handle.result();
    expect(await rowOf(tenantId)).toEqual({ status: 'ERASED', emptyings: 1 });
  });

  test('acts are refused when there is none', async () => {
    const tenantId = await emptied({ a: false });
    const operation = new WithStartWorkflowOperation('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }], workflowIdConflictPolicy: 'USE_EXISTING' });
    expect(await refusal(house.client.workflow.executeUpdateWithStart('cancelNow', { args: [{}], startWorkflowOperation: operation }))).toContain('no deletion is under way');
  });

  test('wake-ups that wait together are answered by one count, and none is lost at the end', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: [] });
    const wake = () => house.client.workflow.signalWithStart('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }], signal: SIGNALS.recheck, signalArgs: [{}] });
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, wake));
    // The last wake-up comes when the tenant is empty: whatever the workflow was doing, that one must be answered.
    const loop = (async () => {
      for (let i = 0; i < 30; i++) await wake();
    })();
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'a', eventType: 'service.deprovisioned' });
    await house.relay();
    await loop;
    await tenantHandle(tenantId).result();
    expect(await lifecycle(tenantId)).toMatchObject([{ eventType: 'TENANT_EMPTY', emptying: 1 }]);
  });
});

describe('the grace before a tenant is purged', () => {
  let patient: WorkflowHouse;
  beforeAll(async () => {
    patient = await openWorkflowHouse({ tenantPurgeGraceMs: 24 * 3_600_000 });
  }, 300_000);
  afterAll(() => patient.close());
  const settled = (tenantId: string) => patient.until(cleanUpOf(tenantId), 'claimed', ({ deletion }) => deletion.claimedRun !== null);

  test('is waited out before the trigger', async () => {
    const tenantId = await emptied({ a: true }, patient);
    await settled(tenantId);
    await patient.environment.sleep('23 hours');
    expect((await patient.read(cleanUpOf(tenantId))).deletion.status).toBe('PENDING');
    await patient.environment.sleep('2 hours');
    await patient.untilStatus(cleanUpOf(tenantId), 'SENT_TO_AIRFLOW');
    await patient.jobResult(`del_req_${cleanUpOf(tenantId)}`, 'SUCCESS');
    await tenantHandle(tenantId, patient).result();
  });

  test('ends at once when a person has the tenant erased', async () => {
    const tenantId = await emptied({ a: true }, patient);
    await settled(tenantId);
    const answer = await tenantHandle(tenantId, patient).executeUpdate('eraseNow', { args: [{ by: 'olga' }] });
    expect(answer).toMatchObject({ requestId: cleanUpOf(tenantId) });
    await patient.untilStatus(cleanUpOf(tenantId), 'SENT_TO_AIRFLOW');
    await patient.jobResult(`del_req_${cleanUpOf(tenantId)}`, 'SUCCESS');
    await tenantHandle(tenantId, patient).result();
  });

  test('is when a person can cancel, and when the tenant can be filled again: CANCELLED, nothing is triggered', async () => {
    const cancelled = await emptied({ a: true }, patient);
    const filled = await emptied({ a: true }, patient);
    for (const tenantId of [cancelled, filled]) await settled(tenantId);
    await tenantHandle(cancelled, patient).executeUpdate('cancelNow', { args: [{ by: 'olga', reason: 'they come back' }] });
    await provision(patient.database, filled, { b: [] });
    await patient.relay();
    await patient.untilStatus(cleanUpOf(filled), 'CANCELLED');
    for (const tenantId of [cancelled, filled]) {
      await patient.environment.sleep('25 hours');
      const { deletion, attempts } = await patient.untilStatus(cleanUpOf(tenantId), 'CANCELLED');
      expect([deletion.attempt, attempts.length]).toEqual([0, 0]);
      await tenantHandle(tenantId, patient).result();
    }
  });

  test('that is filled and emptied again in it gets its second event at once, and a grace of its own', async () => {
    const tenantId = await emptied({ a: true }, patient);
    await settled(tenantId);
    await provision(patient.database, tenantId, { b: [] });
    await patient.relay();
    const [b] = await sent(tenantId, { b: true }, patient);
    await patient.result(b!, 1, 'SUCCESS');
    await b!.handle.result();
    await patient.relay();
    await patient.until(cleanUpOf(tenantId, 2), 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    expect((await patient.read(cleanUpOf(tenantId))).deletion.status).toBe('CANCELLED');
    await patient.environment.sleep('25 hours');
    await patient.untilStatus(cleanUpOf(tenantId, 2), 'SENT_TO_AIRFLOW');
    await patient.jobResult(`del_req_${cleanUpOf(tenantId, 2)}`, 'SUCCESS');
    await tenantHandle(tenantId, patient).result();
  });
});
