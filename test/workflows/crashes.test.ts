import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Activities } from '../../activities/answers.js';
import { SIGNALS, WORKFLOW_TYPES, type WorkflowStatus } from '../../contracts/names/index.js';
import { eventTypesOf, freshId, notificationsOf, outboxOf, provision, receiveRequest, serviceEvent, serviceSubject, userSubject } from '../support/deletions.js';
import { waitFor } from '../support/wait-for.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

type Long = NonNullable<NonNullable<Awaited<ReturnType<Running['handle']['fetchHistory']>>['events']>[number]['eventId']>;

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real', tenantPurgeGraceMs: 5_000 });
}, 300_000);
afterAll(() => house.close());

const DAY_MS = 24 * 3_600_000;

/** Has Temporal forget a workflow task and all that came of it; signals that came since are there when it is made again. */
async function forgetTask(running: Running, taskFinished: Long) {
  const { runId } = await running.handle.describe();
  await house.environment.connection.workflowService.resetWorkflowExecution({
    namespace: house.environment.namespace ?? 'default', workflowExecution: { workflowId: running.workflowId, runId },
    reason: 'a test', requestId: freshId('reset'), workflowTaskFinishEventId: taskFinished,
  });
}
async function completedTask(running: Running, place: 0 | -1): Promise<Long> {
  const { events } = await running.handle.fetchHistory();
  const id = events?.filter((event) => event.workflowTaskCompletedEventAttributes).at(place)?.eventId;
  if (!id) throw new Error('no workflow task is completed');
  return id;
}
/** What is forgotten with it is all that the workflow knows. */
const firstTask = (running: Running): Promise<Long> => completedTask(running, 0);
const latestTask = (running: Running): Promise<Long> => completedTask(running, -1);

async function sent(more: object = {}) {
  const running = await house.start({ subject: userSubject(), userId: freshId('user'), ...more });
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return running;
}

/** The local activity's, and once the normal one's that takes its place. */
const LOST_IN_A_ROW = 2;

/** A fault that strikes each call: its first run commits, and then its answer is lost, and again. */
function losesFirstAnswers(lost: Set<string>) {
  return (activities: Activities): Activities => {
    const seen = new Map<string, number>();
    const faulty = Object.entries(activities).map(([name, activity]) => [
      name,
      async (call: unknown) => {
        const answer = await (activity as (call: unknown) => Promise<unknown>)(call);
        const id = `${name} ${JSON.stringify(call)}`;
        const times = seen.get(id) ?? 0;
        if (times === LOST_IN_A_ROW) return answer;
        seen.set(id, times + 1);
        lost.add(name);
        throw new Error('the answer was lost');
      },
    ]);
    return Object.fromEntries(faulty) as Activities;
  };
}

const scheduledIn = ({ events }: Awaited<ReturnType<Running['handle']['fetchHistory']>>): (string | null | undefined)[] =>
  (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);

describe('an activity that commits and then loses its answer', () => {
  test('has every effect once, for every activity there is, by a normal activity when the local one is given up', { timeout: 120_000 }, async () => {
    const lost = new Set<string>();
    await house.restartWorker(losesFirstAnswers(lost));
    try {
      const tenantId = freshId('tenant');
      await provision(house.database, tenantId, { app: ['db'], db: [] });
      const db = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true, policy: { autoRetries: 1, retryBackoffMs: 10, parkingWindowMs: 1_000 } });
      const dbId = db.input.requestId;
      // Blocked, parked, told again, and moved by a join.
      await house.until(dbId, 'told again', ({ timeline }) => timeline.some(({ what }) => what === 'told again'));
      await db.handle.executeUpdate('holdNow', { args: [{ by: 'olga' }] });
      await db.handle.executeUpdate('releaseNow', { args: [{ by: 'olga' }] });
      await db.handle.executeUpdate('holdNow', { args: [{ by: 'olga' }] });
      await serviceEvent(house.database, { tenantId, serviceInstanceId: 'app', eventType: 'service.deprovisioned', dependsOn: ['db'] });
      const joiner = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true });
      await house.untilStatus(joiner.input.requestId, 'DUPLICATE');
      await house.untilStatus(dbId, 'ON_HOLD');
      await db.handle.executeUpdate('cancelNow', { args: [{ requestId: joiner.input.requestId, by: 'olga' }] });
      await db.handle.executeUpdate('releaseNow');
      await house.untilStatus(dbId, 'SENT_TO_AIRFLOW');
      await house.result(db, 1, 'FAILURE');
      await house.until(dbId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
      await house.result(db, 2, 'SUCCESS');
      expect(await db.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });

      await house.relay();
      const cleanUpId = `tenant~${tenantId}~1`;
      const tenant = house.client.workflow.getHandle(`tenant/${tenantId}`);
      await house.until(cleanUpId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
      await tenant.signal(SIGNALS.recheck);
      await waitFor('the tenant was looked at again', () => lost.has('confirmEmpty'));
      expect(scheduledIn(await db.handle.fetchHistory())).toContain('trigger');
      await tenant.executeUpdate('eraseNow', { args: [{ by: 'olga' }] });
      await house.untilStatus(cleanUpId, 'SENT_TO_AIRFLOW');
      await house.jobResult(`del_req_${cleanUpId}`, 'SUCCESS');
      await tenant.result();

      expect([...lost].sort()).toEqual(['cancel', 'claim', 'complete', 'confirmEmpty', 'decideEmptying', 'hold', 'join', 'noteFailedAttempt', 'park', 'release', 'remind', 'reopen', 'requestErasure', 'showHold', 'trigger']);
      const { timeline, attempts } = await house.read(dbId);
      expect(attempts.map(({ attempt, revokedAt }) => [attempt, revokedAt !== null])).toEqual([[1, true], [2, false]]);
      const count = (what: string) => timeline.filter((line) => line.what === what).length;
      expect(['claimed', 'parked', 'held', 'released', 'retry', 'on hold', 'sent to Airflow', 'attempt failed', 'completed'].map(count)).toEqual([1, 1, 2, 2, 1, 1, 2, 1, 1]);
      const rows = await outboxOf(house.database, dbId);
      expect(rows.filter(({ destination }) => destination === 'airflow.pipeline.trigger').map(({ eventId }) => eventId)).toEqual([`${dbId}/trigger/1`, `${dbId}/trigger/2`]);
      const told = await notificationsOf(house.database, dbId);
      expect(told).toHaveLength(2 + count('told again'));
      expect(new Set(told.map(({ notificationId }) => notificationId)).size).toBe(told.length);
      expect((await eventTypesOf(house.database, dbId)).filter((type) => type !== 'deletion.held' && type !== 'deletion.released')).toEqual(['deletion.failed', 'deletion.sent_to_airflow', 'deletion.sent_to_airflow', 'deletion.completed']);
      expect((await notificationsOf(house.database, joiner.input.requestId)).map(({ status }) => status)).toEqual(['CANCELLED']);
      expect(await eventTypesOf(house.database, cleanUpId, 'tenant.lifecycle.events')).toEqual(['TENANT_EMPTY', 'TENANT_ERASED']);
      expect((await house.read(cleanUpId)).attempts).toHaveLength(1);
    } finally {
      await house.restartWorker();
    }
  });
});

describe('a workflow task that made several calls and is lost', () => {
  async function parked(more: object = {}) {
    const running = await sent({ policy: { autoRetries: 0 }, ...more });
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(running.input.requestId, 'FAILED');
    return running;
  }
  const settled = async (running: Running, tasks: number) => waitFor(`${tasks} workflow tasks`, async () => {
    const { events } = await running.handle.fetchHistory();
    return (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes).length >= tasks;
  });

  test('is made again with the same answers', async () => {
    const running = await parked();
    const { requestId } = running.input;
    await settled(running, 2);
    await running.handle.signal('retry', { by: 'olga' });
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.attempt === 2);
    await settled(running, 3);
    // reopen and trigger are one task.
    await forgetTask(running, await latestTask(running));
    await waitFor('sent again', async () => (await running.handle.query<WorkflowStatus>('status')).phase === 'sent');
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
    const { timeline, attempts } = await house.read(requestId);
    expect(attempts).toHaveLength(2);
    expect(timeline.filter(({ what }) => what === 'retry')).toHaveLength(1);
  });

  test('takes up where the ledger is when other calls are made the second time', async () => {
    const subject = userSubject();
    const running = await parked({ subject, userId: 'user_ahead' });
    const { requestId } = running.input;
    await settled(running, 2);
    await running.handle.signal('retry', { by: 'olga' });
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.attempt === 2);
    await settled(running, 3);
    const retryTask = await latestTask(running);
    const joiner = await house.start({ subject, userId: 'user_ahead' });
    await house.untilStatus(joiner.input.requestId, 'DUPLICATE');
    // The join is there when the retry's task is made again, and comes first.
    await forgetTask(running, retryTask);
    await waitFor('sent again', async () => (await running.handle.query<WorkflowStatus>('status')).phase === 'sent');
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ requestId, outcome: 'COMPLETED', attempts: 2 });
    const { attempts, timeline } = await house.read(requestId);
    expect(attempts).toHaveLength(2);
    expect(timeline.filter(({ what }) => what === 'retry')).toHaveLength(1);
    expect((await house.read(joiner.input.requestId)).deletion).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('follows the heir when what was forgotten was a withdrawal', async () => {
    const subject = userSubject();
    const more = { subject, userId: 'user_heir', graceMs: DAY_MS };
    const first = await house.start(more);
    await house.until(first.input.requestId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    const second = await house.start(more);
    await house.untilStatus(second.input.requestId, 'DUPLICATE');
    await settled(first, 2);
    await first.handle.signal('cancel', { by: 'olga' });
    await house.untilStatus(first.input.requestId, 'CANCELLED');
    await settled(first, 3);
    const cancelTask = await latestTask(first);
    const third = await house.start(more);
    await house.untilStatus(third.input.requestId, 'DUPLICATE');
    await forgetTask(first, cancelTask);
    // The cancel is there again, after the join; it was done for the first, and must not be done for the second as well.
    await first.handle.executeUpdate('holdNow');
    const states = await Promise.all([first, second, third].map(async ({ input }) => (await house.read(input.requestId)).deletion.status));
    expect(states).toEqual(['CANCELLED', 'ON_HOLD', 'DUPLICATE']);
    await first.handle.terminate();
  });
});

describe('claim', () => {
  test('a second run for a request that has ended, or that another run has claimed, exits without effect', async () => {
    const running = await sent();
    const start = (workflowId: string): Promise<unknown> =>
      house.client.workflow.execute(WORKFLOW_TYPES.user, { workflowId, taskQueue: 'expunge', args: [running.input] });
    const before = await house.read(running.input.requestId);
    expect(await start(`${running.workflowId}/again`)).toMatchObject({ outcome: 'not-ours' });
    expect(await house.read(running.input.requestId)).toEqual(before);
    await house.result(running, 1, 'SUCCESS');
    await running.handle.result();
    const ended = await house.read(running.input.requestId);
    expect(await start(running.workflowId)).toMatchObject({ outcome: 'not-ours', attempts: 0 });
    expect(await house.read(running.input.requestId)).toEqual(ended);
  });

  test('a run whose request is in no ledger exits', async () => {
    const { input } = await receiveRequest(house.database, { subject: userSubject() });
    const result: unknown = await house.client.workflow.execute(WORKFLOW_TYPES.user, { workflowId: freshId('w'), taskQueue: 'expunge', args: [{ ...input, requestId: 'never-received' }] });
    expect(result).toMatchObject({ outcome: 'not-ours' });
  });

  test('a terminated workflow\'s request is taken over by the next request of that subject, with attempts, hold and joined requests', async () => {
    const subject = userSubject();
    const first = await sent({ subject, userId: 'user_terminated' });
    await first.handle.executeUpdate('holdNow');
    const joined = await house.start({ subject, userId: 'user_terminated' });
    await house.untilStatus(joined.input.requestId, 'DUPLICATE');
    await first.handle.terminate('by accident');
    const next = await house.start({ subject, userId: 'user_terminated' });
    expect(next.outcome).toBe('started');
    await house.untilStatus(next.input.requestId, 'ON_HOLD');
    const { deletion, attempts } = await house.read(next.input.requestId);
    expect(deletion).toMatchObject({ attempt: 1, held: true });
    expect(attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${first.input.requestId}`]);
    for (const { input } of [first, joined]) expect((await house.read(input.requestId)).deletion).toMatchObject({ status: 'DUPLICATE', duplicateOf: next.input.requestId });
    // Airflow had gone on meanwhile.
    await house.jobResult(`del_req_${first.input.requestId}`, 'SUCCESS');
    expect(await next.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    for (const { input } of [first, joined]) expect((await house.read(input.requestId)).deletion).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('a terminated tenant workflow\'s clean-up is taken up by the next one', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    const db = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true });
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    await db.handle.result();
    await house.relay();
    const cleanUpId = `tenant~${tenantId}~1`;
    await house.untilStatus(cleanUpId, 'SENT_TO_AIRFLOW');
    const handle = house.client.workflow.getHandle(`tenant/${tenantId}`);
    await handle.terminate();
    await house.client.workflow.signalWithStart('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }], signal: SIGNALS.recheck, signalArgs: [{}] });
    await house.until(cleanUpId, 'taken up', ({ timeline }) => timeline.filter(({ what }) => what === 'claimed').length === 2);
    await house.jobResult(`del_req_${cleanUpId}`, 'SUCCESS');
    await house.client.workflow.getHandle(`tenant/${tenantId}`).result();
    expect((await house.read(cleanUpId)).deletion).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  });

  test('a workflow that was reset goes on from where the ledger is', async () => {
    const running = await sent({ policy: { autoRetries: 0 } });
    const { requestId } = running.input;
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    await forgetTask(running, await firstTask(running));
    await running.handle.executeUpdate('retryNow', { args: [{ by: 'olga' }] });
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
  });

  test('a workflow that was reset after its end, or whose last task was lost, tells the same end', async () => {
    const running = await sent();
    const { requestId } = running.input;
    await house.result(running, 1, 'SUCCESS');
    const told = await running.handle.result();
    expect(told).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
    await forgetTask(running, await firstTask(running));
    expect(await house.client.workflow.getHandle(running.workflowId).result()).toEqual(told);
    expect((await house.read(requestId)).timeline.filter(({ what }) => what === 'completed')).toHaveLength(1);
  });
});

describe('the end of a run', () => {
  test('answers every update that waits when the first of them ends the deletion', async () => {
    const running = await house.start({ subject: userSubject(), graceMs: DAY_MS });
    await house.until(running.input.requestId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    const answers = await Promise.allSettled(['cancelNow', 'cancelNow', 'holdNow', 'cancelNow', 'releaseNow'].map((name) => running.handle.executeUpdate(name)));
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
    expect(await notificationsOf(house.database, running.input.requestId)).toHaveLength(1);
  });

  test('loses no join: whoever comes too late gets a deletion of its own', async () => {
    const subject = userSubject();
    const userId = freshId('user');
    const first = await sent({ subject, userId });
    const joins = Array.from({ length: 30 }, () => house.start({ subject, userId }));
    await house.result(first, 1, 'SUCCESS');
    const others = await Promise.all(joins);
    for (let round = 0; round < 31; round++) {
      const states = await Promise.all(others.map(async ({ input }) => (await house.read(input.requestId)).deletion));
      const open = states.filter(({ status, outcome }) => status !== 'COMPLETED' && outcome === null);
      if (open.length === 0) break;
      const owner = await house.until(open[0]!.requestId, 'some state', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' || deletion.outcome !== null || deletion.status === 'COMPLETED' || deletion.duplicateOf !== null);
      const id = owner.deletion.duplicateOf ?? owner.deletion.requestId;
      const { deletion } = await house.read(id);
      if (deletion.status === 'SENT_TO_AIRFLOW') await house.jobResult(deletion.jobId!, 'SUCCESS');
    }
    for (const { input } of [first, ...others]) {
      const { deletion } = await house.read(input.requestId);
      expect(deletion.status === 'COMPLETED' || deletion.outcome === 'COMPLETED').toBe(true);
      expect(await notificationsOf(house.database, input.requestId)).toHaveLength(1);
    }
    // No two deletions of one subject at the same time.
    const overlaps = await house.database.rows(
      `SELECT 1 FROM deletions a JOIN deletions b ON a.workflow_id = b.workflow_id AND a.request_id < b.request_id
       WHERE a.workflow_id = $1 AND a.sent_at < b.completed_at AND b.sent_at < a.completed_at`,
      [first.workflowId],
    );
    expect(overlaps).toEqual([]);
  });
});
