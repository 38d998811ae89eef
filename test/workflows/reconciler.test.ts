import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SIGNALS, UPDATES, type ReconcileReport, type WorkflowStatus } from '../../contracts/names/index.js';
import { createRuns, mustSee, WrongNamespace } from '../../bridges/reconcile/runs.js';
import { eventTypesOf, freshId, notificationsOf, provision, receiveRequest, serviceEvent, serviceSubject, userSubject } from '../support/deletions.js';
import { backUp } from '../support/ledger-backup.js';
import { waitFor } from '../support/wait-for.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real' });
}, 300_000);
afterAll(() => house.close());
/** What a test leaves behind must not be mended in the next one. */
afterEach(() => house.database.script(`UPDATE deletions SET status = 'CANCELLED', duplicate_of = NULL WHERE status <> 'COMPLETED'`));

const DAY_MS = 24 * 3_600_000;
const NOTHING = { start: 0, join: 0, 'take-over': 0, reclaim: 0 };
const OLGA = { by: 'olga', reason: 'looked at it' };

async function sent(more: object = {}): Promise<Running> {
  const running = await house.start({ subject: userSubject(), userId: freshId('user'), ...more });
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return running;
}
/** Waits until no task of it is under way: what the reconciler takes for quiet. */
const quiet = (workflowId: string) => waitFor(`${workflowId} is quiet`, async () => {
  const { raw } = await house.client.workflow.getHandle(workflowId).describe();
  return !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
});
const phaseOf = async (running: Running): Promise<string> => (await running.handle.query<WorkflowStatus>('status')).phase;
const linesOf = async (requestId: string) => (await house.read(requestId)).timeline.map(({ what, cause }) => `${what}: ${cause}`);
const only = (mended: Partial<ReconcileReport['mended']>) => ({ ...NOTHING, ...mended });

describe('a pass over the ledger', () => {
  test('leaves what goes its way alone: running, parked, on hold, in its grace, joined, ended', async () => {
    const running = await sent();
    const joined = await house.start({ subject: running.input.subject, userId: freshId('u') });
    await house.untilStatus(joined.input.requestId, 'DUPLICATE');
    const parked = await sent({ policy: { autoRetries: 0 } });
    await house.result(parked, 1, 'FAILURE');
    await house.untilStatus(parked.input.requestId, 'FAILED');
    const inGrace = await house.start({ subject: userSubject(), graceMs: DAY_MS });
    await inGrace.handle.executeUpdate(UPDATES.hold);
    const ended = await sent();
    await house.result(ended, 1, 'SUCCESS');
    await ended.handle.result();
    const all = [running, joined, parked, inGrace, ended];
    const before = await Promise.all(all.map(({ input }) => house.read(input.requestId)));
    expect(await house.reconcile()).toEqual({ looked: 3, mended: NOTHING, requestIds: [], failed: 0 });
    expect(await Promise.all(all.map(({ input }) => house.read(input.requestId)))).toEqual(before);
    for (const { handle } of [running, parked, inGrace]) await handle.terminate();
  });

  test('starts what was received and never started, once', async () => {
    const received = await receiveRequest(house.database, { subject: userSubject() });
    const reports = await Promise.all([house.reconcile(), house.reconcile()]);
    expect(reports.map(({ mended }) => mended.start + mended.join).reduce((sum, n) => sum + n)).toBeGreaterThanOrEqual(1);
    const { attempts, timeline } = await house.untilStatus(received.input.requestId, 'SENT_TO_AIRFLOW');
    expect(attempts).toHaveLength(1);
    expect(timeline.map(({ what }) => what)).toEqual(expect.arrayContaining(['reconciled', 'claimed']));
    expect(timeline.filter(({ what }) => what === 'claimed')).toHaveLength(1);
    await house.client.workflow.getHandle(received.workflowId).terminate();
  });

  test('tells a running deletion of a request whose join was lost', async () => {
    const running = await sent();
    const lost = await receiveRequest(house.database, { subject: running.input.subject, userId: freshId('u') });
    await quiet(running.workflowId);
    expect(await house.reconcile()).toMatchObject({ mended: only({ join: 1 }), requestIds: [lost.input.requestId] });
    await house.untilStatus(lost.input.requestId, 'DUPLICATE');
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    expect((await house.read(lost.input.requestId)).deletion.outcome).toBe('COMPLETED');
  });
});

describe('a deletion whose workflow was terminated', () => {
  test('is parked and told, and goes on by a person’s retry', async () => {
    const running = await sent();
    const { requestId } = running.input;
    await running.handle.terminate('by accident');
    expect(await house.reconcile()).toMatchObject({ mended: only({ 'take-over': 1 }), requestIds: [requestId] });
    const { deletion } = await house.untilStatus(requestId, 'FAILED');
    expect(deletion).toMatchObject({ failureCode: 'WORKFLOW_TERMINATED', attempt: 1 });
    expect(await linesOf(requestId)).toEqual(expect.arrayContaining(['claimed: its workflow was terminated; another takes it up']));
    expect(await notificationsOf(house.database, requestId)).toMatchObject([{ status: 'FAILED', failureCode: 'WORKFLOW_TERMINATED' }]);
    expect(await eventTypesOf(house.database, requestId)).toContain('deletion.failed');
    expect(house.events.seen).toContain('parked user WORKFLOW_TERMINATED');
    // Told once, and by no other pass.
    await quiet(running.workflowId);
    expect(await house.reconcile()).toMatchObject({ mended: NOTHING });
    await running.handle.executeUpdate(UPDATES.retry, { args: [OLGA] });
    await house.until(requestId, 'second attempt', (record) => record.deletion.status === 'SENT_TO_AIRFLOW' && record.deletion.attempt === 2);
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
    const { attempts } = await house.read(requestId);
    expect(attempts.map(({ revokedAt }) => revokedAt !== null)).toEqual([true, false]);
  });

  test('is completed by the late SUCCESS of the attempt that it had sent', async () => {
    const running = await sent();
    await running.handle.terminate();
    await house.reconcile();
    await house.untilStatus(running.input.requestId, 'FAILED');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('is completed at once, and not told as failed, when its SUCCESS came while nobody listened', async () => {
    const running = await sent();
    const { requestId } = running.input;
    await running.handle.terminate();
    await house.database.rows(`UPDATE attempts SET result = 'SUCCESS', result_at = now() WHERE request_id = $1`, [requestId]);
    await house.reconcile();
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect((await notificationsOf(house.database, requestId)).map(({ status }) => status)).toEqual(['COMPLETED']);
  });

  test('stays on hold when it was on hold, and keeps its grace', async () => {
    const running = await house.start({ subject: userSubject(), graceMs: DAY_MS });
    const { requestId } = running.input;
    await running.handle.executeUpdate(UPDATES.hold, { args: [OLGA] });
    await running.handle.terminate();
    await house.reconcile();
    await waitFor('it is taken over', async () => (await phaseOf(running)) === 'grace');
    expect((await house.read(requestId)).deletion).toMatchObject({ status: 'ON_HOLD', held: true, failureCode: null });
    await running.handle.terminate();
  });

  test('does not go on by itself when it was in its grace, and not before the grace is over when a person retries it', async () => {
    const running = await house.start({ subject: userSubject(), graceMs: DAY_MS });
    const { requestId } = running.input;
    await house.until(requestId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    await running.handle.terminate();
    await house.reconcile();
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.executeUpdate(UPDATES.retry);
    await house.untilStatus(requestId, 'PENDING');
    await waitFor('it waits out its grace', async () => (await phaseOf(running)) === 'grace');
    expect((await house.read(requestId)).attempts).toEqual([]);
    await running.handle.executeUpdate(UPDATES.cancel, { args: [OLGA] });
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
  });

  test('keeps why it was parked, and goes on by itself when what blocked it has gone meanwhile', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { app: ['db'], db: [] });
    const running = await house.start({ subject: serviceSubject(tenantId, 'db') });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.terminate();
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'app', eventType: 'service.deprovisioned' });
    await house.relay(); // to nobody
    await house.reconcile();
    const { timeline } = await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    expect(timeline.filter(({ what }) => what === 'parked')).toHaveLength(1);
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('takes along the requests that had joined it', async () => {
    const running = await sent();
    const joined = await house.start({ subject: running.input.subject, userId: freshId('u') });
    await house.untilStatus(joined.input.requestId, 'DUPLICATE');
    await running.handle.terminate();
    await house.reconcile();
    await house.untilStatus(running.input.requestId, 'FAILED');
    expect((await running.handle.query<WorkflowStatus>('status')).joined).toEqual([joined.input.requestId]);
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    expect((await house.read(joined.input.requestId)).deletion.outcome).toBe('COMPLETED');
  });

  test('of a tenant’s clean-up is parked as well, and erased by a person’s retry', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    const db = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true });
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    await db.handle.result();
    await house.relay();
    const cleanUpId = `tenant~${tenantId}~1`;
    await house.untilStatus(cleanUpId, 'SENT_TO_AIRFLOW');
    const tenant = house.client.workflow.getHandle(`tenant/${tenantId}`);
    await tenant.terminate();
    await house.reconcile();
    expect((await house.untilStatus(cleanUpId, 'FAILED')).deletion.failureCode).toBe('WORKFLOW_TERMINATED');
    await waitFor('it is parked', async () => (await tenant.query<WorkflowStatus>('status')).parked);
    await tenant.executeUpdate(UPDATES.retry, { args: [OLGA] });
    await house.until(cleanUpId, 'second attempt', ({ deletion }) => deletion.attempt === 2 && deletion.status === 'SENT_TO_AIRFLOW');
    await house.jobResult(`del_req_${cleanUpId}~2`, 'SUCCESS');
    await tenant.result();
    expect(await eventTypesOf(house.database, cleanUpId, 'tenant.lifecycle.events')).toEqual(['TENANT_EMPTY', 'TENANT_ERASED']);
  });

  test('is taken over by one run, however many passes there are, and by none that comes too late', async () => {
    const running = await sent();
    const { requestId } = running.input;
    const claimedRun = (await house.read(requestId)).deletion.claimedRun ?? '';
    await running.handle.terminate();
    await Promise.all(Array.from({ length: 4 }, () => house.reconcile()));
    await house.untilStatus(requestId, 'FAILED');
    expect((await house.read(requestId)).timeline.filter(({ what }) => what === 'claimed')).toHaveLength(2);
    await running.handle.terminate();
    await house.reconcile();
    await house.until(requestId, 'taken over again', ({ timeline }) => timeline.filter(({ what }) => what === 'claimed').length === 3);
    await running.handle.terminate();
    const before = await house.read(requestId);
    // A run that was to take the place of the first one, started long ago and only now carried out.
    const { input, workflowId } = running;
    const late: unknown = await house.client.workflow.execute('userDeletion', { workflowId, taskQueue: 'expunge', args: [input, [], { retriesUsed: 0, cause: 'x', rechecks: 0, takeOver: { run: claimedRun, why: 'was terminated' } }] });
    expect(late).toMatchObject({ outcome: 'not-ours' });
    expect(await house.read(requestId)).toEqual(before);
  });
});

describe('a deletion that Temporal has forgotten', () => {
  test('is taken over like one that was terminated', async () => {
    const running = await sent();
    const { requestId } = running.input;
    await house.environment.connection.workflowService.deleteWorkflowExecution({ namespace: house.environment.namespace ?? 'default', workflowExecution: { workflowId: running.workflowId } });
    await waitFor('it is forgotten', async () => (await createRuns(house.client).latest(running.workflowId)) === undefined);
    expect(await house.reconcile()).toMatchObject({ mended: only({ 'take-over': 1 }) });
    await house.untilStatus(requestId, 'FAILED');
    expect(await linesOf(requestId)).toContain('claimed: its workflow is not known to Temporal any more; another takes it up');
    await running.handle.terminate();
  });

  test('is not taken for lost by a client that sees another namespace', async () => {
    await expect(mustSee(house.client, freshId('never-there'))).rejects.toThrow(WrongNamespace);
  });
});

describe('a ledger that was restored to an earlier moment', () => {
  test('before the claim: the workflow that runs claims again, and the same job is sent again', async () => {
    const received = await receiveRequest(house.database, { subject: userSubject(), userId: freshId('user') });
    const restore = await backUp(house.database);
    await house.reconcile();
    await house.untilStatus(received.input.requestId, 'SENT_TO_AIRFLOW');
    await quiet(received.workflowId);
    await restore();
    expect((await house.read(received.input.requestId)).deletion).toMatchObject({ status: 'PENDING', claimedRun: null });
    expect(await house.reconcile()).toMatchObject({ mended: only({ reclaim: 1 }) });
    const { attempts } = await house.untilStatus(received.input.requestId, 'SENT_TO_AIRFLOW');
    expect(attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${received.input.requestId}`]);
    await house.jobResult(`del_req_${received.input.requestId}`, 'SUCCESS');
    expect(await house.client.workflow.getHandle(received.workflowId).result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('some attempts back: asked to, the workflow goes on from where the ledger is', async () => {
    const running = await sent({ policy: { autoRetries: 1, retryBackoffMs: 10 } });
    const { requestId } = running.input;
    const restore = await backUp(house.database);
    await house.result(running, 1, 'FAILURE');
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.attempt === 2);
    await quiet(running.workflowId);
    await restore();
    expect(await house.reconcile()).toMatchObject({ mended: NOTHING });
    expect(await house.reconcile({ reclaim: true })).toMatchObject({ mended: only({ reclaim: 1 }) });
    await waitFor('it knows of one attempt', async () => (await running.handle.query<WorkflowStatus>('status')).attempt === 1);
    // Airflow has both runs; the watcher asks about the first, and speaks for it.
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('some steps back: the workflow finds out at its next one', async () => {
    const running = await sent({ policy: { autoRetries: 0 } });
    const { requestId } = running.input;
    const restore = await backUp(house.database);
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.executeUpdate(UPDATES.hold);
    await restore();
    await running.handle.signal(SIGNALS.release);
    // It knows of the failure that the ledger has lost, and of no hold any more.
    const { deletion } = await house.untilStatus(requestId, 'FAILED');
    expect(deletion).toMatchObject({ held: false, attempt: 1, failureCode: 'DAG_FAILED' });
    expect((await linesOf(requestId)).filter((line) => line.startsWith('parked'))).toHaveLength(1);
    await waitFor('it is parked', async () => (await phaseOf(running)) === 'parked');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('before the end: what has ended is taken over, and ends again by the result that is told again', async () => {
    const running = await sent();
    const { requestId } = running.input;
    const restore = await backUp(house.database);
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    await restore();
    expect(await house.reconcile()).toMatchObject({ mended: only({ 'take-over': 1 }) });
    await house.untilStatus(requestId, 'FAILED');
    expect(await linesOf(requestId)).toContain('claimed: its workflow has come to its end, of which this ledger does not know; another takes it up');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect((await house.read(requestId)).attempts).toHaveLength(1);
  });
});
