import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNALS } from '../../contracts/names/index.js';
import { currentInventory, eventTypesOf, freshId, notificationsOf, outboxOf, provision, receiveRequest, serviceSubject, userSubject, type TestRequest } from '../support/deletions.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

/** A deletion that has been sent. */
async function sent(more: Partial<TestRequest> = {}) {
  const tenantId = freshId('tenant');
  await provision(house.database, tenantId, { db: [] });
  const running = await house.start({ subject: serviceSubject(tenantId, 'db'), ...more });
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return { running, requestId: running.input.requestId, tenantId };
}
const quick = { resultTimeoutMs: 60_000, autoRetries: 1, retryBackoffMs: 1_000 };

describe('the way that all goes well', () => {
  test('takes 14 history events for a service', async () => {
    const { running, requestId } = await sent();
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toEqual({ requestId, outcome: 'COMPLETED', attempts: 1 });

    const { deletion, timeline, attempts } = await house.read(requestId);
    expect(deletion).toMatchObject({ status: 'COMPLETED', counts: { rows_deleted: 7 }, airflowRunId: `run-of-del_req_${requestId}`, failureCode: null });
    expect(deletion.durationMs).toBeGreaterThan(0);
    expect(attempts.map(({ jobId, revokedAt }) => [jobId, revokedAt])).toEqual([[`del_req_${requestId}`, null]]);
    expect(timeline.map(({ what }) => what)).toEqual(['received', 'claimed', 'sent to Airflow', 'completed']);
    const rows = await outboxOf(house.database, requestId);
    expect(rows.map(({ destination }) => destination)).toEqual(['airflow.pipeline.trigger', 'nova.deletion.events', 'notifications.send', 'nova.deletion.events']);
    expect(new Set(rows.map(({ eventId }) => eventId)).size).toBe(4);
    const { events } = await running.handle.fetchHistory();
    expect(events).toHaveLength(14);
  });

  test('takes 14 history events for a user, and tells no tenant', async () => {
    const running = await house.start({ subject: userSubject(), userId: 'user_happy', policy: { dagId: 'user_cleanup_dag' } });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toEqual({ requestId, outcome: 'COMPLETED', attempts: 1 });
    const rows = await outboxOf(house.database, requestId);
    expect(rows.map(({ destination, key }) => [destination, key])).toEqual([
      ['airflow.pipeline.trigger', 'user_happy'],
      ['nova.deletion.events', running.input.subject.kind === 'user' ? running.input.subject.subjectRef : ''],
      ['notifications.send', 'user_happy'],
      ['nova.deletion.events', running.input.subject.kind === 'user' ? running.input.subject.subjectRef : ''],
    ]);
    expect(JSON.parse(rows[0]!.body)).toMatchObject({ jobId: `del_req_${requestId}`, payload: { dag_id: 'user_cleanup_dag', conf: { user_id: 'user_happy', dry_run: false } } });
    expect(await house.database.rows(`SELECT 1 FROM outbox WHERE key LIKE 'tenant/%' AND request_id LIKE $1`, [`${requestId}%`])).toEqual([]);
    const { events } = await running.handle.fetchHistory();
    expect(events).toHaveLength(14);
  });
});

describe('silence from Airflow', () => {
  test('is answered by retries of the policy with growing back-off, then TIMEOUT, told and parked', async () => {
    const { running, requestId } = await sent({ policy: { ...quick, autoRetries: 2 } });
    await house.environment.sleep('10 minutes');
    const { deletion, attempts, timeline } = await house.untilStatus(requestId, 'TIMEOUT');
    expect(deletion).toMatchObject({ attempt: 3, failureCode: 'RESULT_TIMEOUT' });
    expect(deletion.parkedAt).not.toBeNull();
    expect(attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${requestId}`, `del_req_${requestId}~2`, `del_req_${requestId}~3`]);
    expect(attempts.every(({ timedOutAt }) => timedOutAt !== null)).toBe(true);
    expect(attempts.map(({ revokedAt }) => revokedAt !== null)).toEqual([true, true, false]);
    expect(timeline.filter(({ what }) => what === 'attempt failed').map(({ cause }) => /follows in (\d+) s/.exec(cause)?.[1])).toEqual(['1', '2']);
    expect(await notificationsOf(house.database, requestId)).toMatchObject([{ status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT' }]);
    expect((await eventTypesOf(house.database, requestId)).at(-1)).toBe('deletion.timed_out');
    expect(await running.handle.query('status')).toMatchObject({ phase: 'parked', parked: true, attempt: 3 });
    const { typedSearchAttributes } = await running.handle.describe();
    expect(typedSearchAttributes.getAll().find(({ key }) => key.name === 'DeletionStatus')?.value).toBe('TIMEOUT');
    await running.handle.terminate();
  });

  test('ends for a parked deletion by a retry signal without input, and the next SUCCESS', async () => {
    const { running, requestId } = await sent({ policy: { ...quick, autoRetries: 0 } });
    await house.environment.sleep('2 minutes');
    await house.untilStatus(requestId, 'TIMEOUT');
    await currentInventory(house.database);
    await running.handle.signal('retry');
    await house.until(requestId, 'sent again', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
    const { timeline } = await house.read(requestId);
    expect(timeline.find(({ what }) => what === 'retry')).toMatchObject({ cause: 'a person asked for a retry', person: null });
  });

  test('ends for a parked deletion by a retry update, which is answered at once', async () => {
    const { running, requestId } = await sent({ policy: { ...quick, autoRetries: 0 } });
    await house.environment.sleep('2 minutes');
    await house.untilStatus(requestId, 'TIMEOUT');
    const answer = await running.handle.executeUpdate('retryNow', { args: [{ by: 'olga', reason: 'Airflow is back' }] });
    expect(answer).toMatchObject({ requestId, message: 'another attempt is made now' });
    await house.until(requestId, 'sent again', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    const { timeline } = await house.read(requestId);
    expect(timeline.find(({ what }) => what === 'retry')).toMatchObject({ person: 'olga', reason: 'Airflow is back' });
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('a retry in the back-off comes at once, with who and why in the timeline', async () => {
    const { running, requestId } = await sent({ policy: { ...quick, retryBackoffMs: 3_000_000 } });
    await house.result(running, 1, 'FAILURE');
    await house.until(requestId, 'back-off', ({ timeline }) => timeline.some(({ what }) => what === 'attempt failed'));
    await running.handle.executeUpdate('retryNow', { args: [{ by: 'olga', reason: 'mended' }] });
    const { timeline } = await house.until(requestId, 'sent again', ({ deletion }) => deletion.attempt === 2);
    expect(timeline.find(({ what }) => what === 'retry')).toMatchObject({ person: 'olga', reason: 'mended' });
    await house.result(running, 2, 'SUCCESS');
    await running.handle.result();
  });

  test('a late SUCCESS of an earlier attempt completes a parked deletion', async () => {
    const { running, requestId } = await sent({ policy: quick });
    await house.environment.sleep('5 minutes');
    await house.untilStatus(requestId, 'TIMEOUT');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    const { deletion, attempts } = await house.read(requestId);
    expect(deletion).toMatchObject({ status: 'COMPLETED', airflowRunId: `run-of-del_req_${requestId}`, parkedAt: null });
    expect(attempts[1]).toMatchObject({ revokedWhy: 'the deletion is completed' });
  });

  test('a late SUCCESS of an earlier attempt completes while the next is with Airflow, and in a back-off', async () => {
    const { running, requestId } = await sent({ policy: quick });
    await house.environment.sleep('62 seconds');
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });

    const other = await sent({ policy: { ...quick, retryBackoffMs: 3_000_000 } });
    await house.result(other.running, 1, 'FAILURE');
    await house.until(other.requestId, 'back-off', ({ timeline }) => timeline.some(({ what }) => what === 'attempt failed'));
    await house.result(other.running, 1, 'SUCCESS');
    expect(await other.running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('a late FAILURE of an earlier attempt changes nothing', async () => {
    const { running, requestId } = await sent({ policy: quick });
    await house.environment.sleep('62 seconds');
    await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    expect(await house.result(running, 1, 'FAILURE')).toMatchObject({ outcome: 'noted' });
    // Even when the signal itself is sent.
    await running.handle.signal(SIGNALS.airflowResult, { requestId, attempt: 1, status: 'FAILURE' });
    expect(await running.handle.query('status')).toMatchObject({ phase: 'sent', attempt: 2 });
    expect((await house.read(requestId)).deletion.status).toBe('SENT_TO_AIRFLOW');
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
  });
});

describe('results', () => {
  test('a FAILURE counts once, for the current attempt only', async () => {
    const { running, requestId } = await sent({ policy: { autoRetries: 5, retryBackoffMs: 3_000_000 } });
    await house.result(running, 1, 'FAILURE');
    const signal = { requestId, attempt: 1, status: 'FAILURE' };
    for (let i = 0; i < 5; i++) await running.handle.signal(SIGNALS.airflowResult, signal);
    await house.until(requestId, 'back-off', ({ timeline }) => timeline.some(({ what }) => what === 'attempt failed'));
    for (let i = 0; i < 5; i++) await running.handle.signal(SIGNALS.airflowResult, signal);
    await house.environment.sleep('51 minutes');
    const { timeline } = await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    expect(timeline.filter(({ what }) => what === 'attempt failed')).toHaveLength(1);
    await house.result(running, 2, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ attempts: 2 });
  });

  test('SUCCESS, then FAILURE of the same attempt: completed, and the FAILURE is noted', async () => {
    const { running, requestId } = await sent();
    await house.result(running, 1, 'SUCCESS');
    await house.result(running, 1, 'FAILURE');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect((await house.read(requestId)).attempts[0]).toMatchObject({ result: 'SUCCESS' });
  });

  test('FAILURE and SUCCESS that wait together: SUCCESS wins', async () => {
    const { running, requestId } = await sent({ policy: { autoRetries: 0 } });
    await Promise.all([
      running.handle.signal(SIGNALS.airflowResult, { requestId, attempt: 1, status: 'FAILURE' }),
      running.handle.signal(SIGNALS.airflowResult, { requestId, attempt: 1, status: 'SUCCESS' }),
    ]);
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('the same SUCCESS again and again makes one completion, one notification', async () => {
    const { running, requestId } = await sent();
    await Promise.all([1, 2, 3, 4].map(() => running.handle.signal(SIGNALS.airflowResult, { requestId, attempt: 1, status: 'SUCCESS' })));
    await running.handle.result();
    expect(await notificationsOf(house.database, requestId)).toHaveLength(1);
    expect((await house.read(requestId)).timeline.filter(({ what }) => what === 'completed')).toHaveLength(1);
    expect(await house.result(running, 1, 'SUCCESS')).toMatchObject({ outcome: 'noted' });
    expect(await house.result(running, 1, 'SUCCESS')).toMatchObject({ outcome: 'wake' });
  });

  test('a result that is there before the workflow takes its first step is taken', async () => {
    const subject = serviceSubject(freshId('tenant'), 'db');
    if (subject.kind !== 'service') throw new Error('a service');
    await provision(house.database, subject.tenantId, { db: [] });
    const { input, workflowId } = await receiveRequest(house.database, { subject });
    const handle = await house.client.workflow.signalWithStart('serviceDeletion', {
      workflowId, taskQueue: 'expunge', args: [input], signal: SIGNALS.airflowResult, signalArgs: [{ requestId: input.requestId, attempt: 1, status: 'SUCCESS' }],
    });
    expect(await handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('a result within a millisecond of the trigger is taken', async () => {
    // Signalled from inside the activity that sends the trigger, before the workflow can know that it was sent.
    const eager = await openWorkflowHouse({
      wrap: (activities) => ({
        ...activities,
        claim: async (call) => {
          const answer = await activities.claim(call);
          const [row] = await eager.database.rows<{ workflowId: string }>('SELECT workflow_id FROM deletions WHERE request_id = $1', [call.requestId]);
          await eager.client.workflow.getHandle(row!.workflowId).signal(SIGNALS.airflowResult, { requestId: call.requestId, attempt: 1, status: 'SUCCESS' });
          return answer;
        },
      }),
    });
    try {
      const running = await eager.start({ subject: userSubject() });
      expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
    } finally {
      await eager.close();
    }
  });

  test('results of a foreign request, and input of no known form, change nothing', async () => {
    const { running, requestId } = await sent();
    const odd: unknown[] = [{ requestId: 'other', attempt: 1, status: 'SUCCESS' }, { requestId, attempt: '1', status: 'SUCCESS' }, { requestId, attempt: 1, status: 'DONE' }, null, 'SUCCESS', 7, [1], {}];
    for (const input of odd) await running.handle.signal(SIGNALS.airflowResult, input);
    await running.handle.signal(SIGNALS.airflowResult);
    expect(await running.handle.query('status')).toMatchObject({ phase: 'sent', attempt: 1 });
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('NO_ERASER parks at once, without retries', async () => {
    const { running, requestId } = await sent({ policy: { autoRetries: 5 } });
    await house.result(running, 1, 'FAILURE', 'NO_ERASER');
    const { deletion, attempts } = await house.untilStatus(requestId, 'FAILED');
    expect(deletion.failureCode).toBe('NO_ERASER');
    expect(attempts).toHaveLength(1);
    expect(await notificationsOf(house.database, requestId)).toMatchObject([{ status: 'FAILED', failureCode: 'NO_ERASER', message: expect.stringContaining('No eraser') as string }]);
    await running.handle.signal('cancel', { by: 'olga', reason: 'not ours to erase' });
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
  });

  test('what comes after a cancel changes nothing, and says when something was erased', async () => {
    const { running, requestId } = await sent({ policy: { autoRetries: 0 } });
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.signal('cancel');
    await running.handle.result();
    expect(await house.result(running, 1, 'SUCCESS')).toMatchObject({ outcome: 'erased-after-cancel' });
    const { deletion, timeline } = await house.read(requestId);
    expect(deletion.status).toBe('CANCELLED');
    expect(timeline.at(-1)?.cause).toContain('came after the end');
  });
});
