import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventTypesOf, freshId, notificationsOf, outboxOf, provision, receiveRequest, serviceSubject, userSubject, type TestRequest } from '../support/deletions.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

const DAY_MS = 24 * 3_600_000;
const triggersOf = async ({ input }: Running) => (await outboxOf(house.database, input.requestId)).filter(({ destination }) => destination === 'airflow.pipeline.trigger').length;

const user = (more: Partial<TestRequest> = {}) => house.start({ subject: userSubject(), ...more });
async function inGrace(more: Partial<TestRequest> = {}) {
  const running = await user({ graceMs: 30 * DAY_MS, ...more });
  await house.until(running.input.requestId, 'claimed', ({ timeline }) => timeline.some(({ what }) => what === 'claimed'));
  return running;
}
async function sent(more: Partial<TestRequest> = {}) {
  const running = await user(more);
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return running;
}
async function parked(more: Partial<TestRequest> = {}) {
  const running = await sent({ policy: { autoRetries: 0 }, ...more });
  await house.result(running, 1, 'FAILURE');
  await house.untilStatus(running.input.requestId, 'FAILED');
  return running;
}
async function finish(running: Running, attempt: number) {
  await house.until(running.input.requestId, `attempt ${attempt}`, ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === attempt);
  await house.result(running, attempt, 'SUCCESS');
  expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
}
const refusal = async (asked: Promise<unknown>) => {
  const error = await asked.then(() => undefined, (caught: unknown) => caught);
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error('the update was not refused', { cause: error });
  return error.cause?.message;
};

describe('the updates', () => {
  test('are refused at once with the reason when they cannot be done', async () => {
    const running = await sent();
    expect(await refusal(running.handle.executeUpdate('retryNow'))).toBe('not parked: the deletion is with Airflow (attempt 1)');
    expect(await refusal(running.handle.executeUpdate('cancelNow'))).toContain('too late to cancel');
    expect(await refusal(running.handle.executeUpdate('releaseNow'))).toContain('not on hold');
    await running.handle.executeUpdate('holdNow');
    expect(await refusal(running.handle.executeUpdate('holdNow'))).toBe('on hold already');
    await running.handle.executeUpdate('releaseNow', { args: ['odd', 'input'] as never });
    await finish(running, 1);
  });
});

describe('input of any form', () => {
  const odd: readonly unknown[] = ['words', 7, true, null, [], [1, { by: 'x' }], {}, { by: 7, reason: { deep: [1, { deeper: null }] } }, { by: '', reason: 'r'.repeat(5000), requestId: [] }];

  test('works as no input, for signals and updates', async () => {
    const running = await inGrace();
    for (const input of odd) {
      await running.handle.signal('hold', input);
      await house.untilStatus(running.input.requestId, 'ON_HOLD');
      await running.handle.signal('release', input);
      await house.untilStatus(running.input.requestId, 'PENDING');
      await running.handle.executeUpdate('holdNow', { args: [input] });
      await running.handle.executeUpdate('releaseNow', { args: [input] });
    }
    await running.handle.signal('hold');
    await house.untilStatus(running.input.requestId, 'ON_HOLD');
    await running.handle.executeUpdate('releaseNow');
    await running.handle.signal('retry', ['not parked']);
    await running.handle.signal('recheck', { odd: true });
    await running.handle.signal('join', 'nonsense');
    await running.handle.signal('join', { input: { requestId: 'r', subject: {}, policy: {}, graceMs: 0 } });
    await running.handle.signal('unheardOf', 1, 2, 3);
    await running.handle.signal('cancel', 'stop it');
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
    const { timeline } = await house.read(running.input.requestId);
    expect(timeline.filter(({ what }) => what === 'held')).toHaveLength(odd.length * 2 + 1);
    expect(timeline.every(({ reason }) => (reason ?? '').length <= 1000)).toBe(true);
  });

  test('never stalls the workflow, not even when its payload cannot be read', async () => {
    const running = await inGrace();
    const encode = (text: string) => Buffer.from(text);
    for (const payload of [
      { metadata: { encoding: encode('json/plain') }, data: encode('{oops') },
      { metadata: { encoding: encode('binary/unheard-of') }, data: encode('??') },
      { metadata: {}, data: encode('') },
      { metadata: { encoding: encode('binary/plain') }, data: encode('bytes') },
    ]) {
      await house.environment.connection.workflowService.signalWorkflowExecution({
        namespace: 'default', workflowExecution: { workflowId: running.workflowId }, signalName: 'hold', input: { payloads: [payload] },
      });
    }
    await house.untilStatus(running.input.requestId, 'ON_HOLD');
    await running.handle.signal('cancel');
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
  });
});

describe('hold', () => {
  test('in the grace period stops before the trigger, and release lets it go on', async () => {
    const running = await inGrace();
    await running.handle.signal('hold', { by: 'olga', reason: 'a law suit' });
    const { timeline } = await house.untilStatus(running.input.requestId, 'ON_HOLD');
    expect(timeline.at(-1)).toMatchObject({ what: 'held', person: 'olga', reason: 'a law suit' });
    await house.environment.sleep('40 days');
    expect(await triggersOf(running)).toBe(0);
    expect(await running.handle.query('status')).toMatchObject({ phase: 'held', onHold: true });
    await running.handle.signal('release', { by: 'olga' });
    await finish(running, 1);
    expect(await eventTypesOf(house.database, running.input.requestId)).toEqual(expect.arrayContaining(['deletion.held', 'deletion.released']));
  });

  test('while Airflow runs takes effect before the next trigger', async () => {
    const running = await sent({ policy: { autoRetries: 3, retryBackoffMs: 1_000 } });
    await running.handle.signal('hold');
    await house.until(running.input.requestId, 'held', ({ deletion }) => deletion.held);
    expect((await house.read(running.input.requestId)).deletion.status).toBe('SENT_TO_AIRFLOW');
    await house.result(running, 1, 'FAILURE');
    await house.environment.sleep('1 hour');
    await house.untilStatus(running.input.requestId, 'ON_HOLD');
    expect(await triggersOf(running)).toBe(1);
    await running.handle.signal('release');
    await finish(running, 2);
    expect((await eventTypesOf(house.database, running.input.requestId)).filter((type) => type === 'deletion.held')).toHaveLength(1);
  });

  test('does not keep a result from completing the deletion', async () => {
    const running = await sent({ policy: { autoRetries: 3, retryBackoffMs: 1_000 } });
    await running.handle.signal('hold');
    await house.result(running, 1, 'FAILURE');
    await house.environment.sleep('1 hour');
    await house.untilStatus(running.input.requestId, 'ON_HOLD');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('while parked stops the attempt that a retry asks for', async () => {
    const running = await parked();
    await running.handle.executeUpdate('holdNow');
    await running.handle.executeUpdate('retryNow');
    await house.untilStatus(running.input.requestId, 'ON_HOLD');
    expect(await triggersOf(running)).toBe(1);
    await running.handle.executeUpdate('releaseNow');
    await finish(running, 2);
  });

  test('that is there before the workflow takes its first step keeps it from triggering', async () => {
    const { input, workflowId } = await receiveRequest(house.database, { subject: userSubject() });
    const handle = await house.client.workflow.signalWithStart('userDeletion', { workflowId, taskQueue: 'expunge', args: [input], signal: 'hold', signalArgs: [] });
    await house.untilStatus(input.requestId, 'ON_HOLD');
    expect(await outboxOf(house.database, input.requestId)).not.toContainEqual(expect.objectContaining({ destination: 'airflow.pipeline.trigger' }));
    await handle.signal('cancel');
    await handle.result();
  });
});

describe('cancel', () => {
  test('in the grace period ends it without a trigger, told and with its reason', async () => {
    const running = await inGrace();
    const answer = await running.handle.executeUpdate('cancelNow', { args: [{ by: 'olga', reason: 'the user stays' }] });
    expect(answer).toMatchObject({ requestId: running.input.requestId, status: 'ended', message: 'cancelled' });
    expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED', attempts: 0 });
    const { deletion, timeline } = await house.read(running.input.requestId);
    expect(deletion.completedAt).not.toBeNull();
    expect(timeline.at(-1)).toMatchObject({ what: 'cancelled', person: 'olga', reason: 'the user stays' });
    expect(await triggersOf(running)).toBe(0);
    expect(await notificationsOf(house.database, running.input.requestId)).toMatchObject([{ status: 'CANCELLED' }]);
    expect((await eventTypesOf(house.database, running.input.requestId)).at(-1)).toBe('deletion.cancelled');
  });

  test('works while it waits for dependants', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { app: ['db'], db: [] });
    const app = await house.start({ subject: serviceSubject(tenantId, 'app') });
    await house.untilStatus(app.input.requestId, 'SENT_TO_AIRFLOW');
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.until(db.input.requestId, 'looked', ({ deletion }) => deletion.step > 0);
    await db.handle.executeUpdate('cancelNow');
    expect(await db.handle.result()).toMatchObject({ outcome: 'CANCELLED', attempts: 0 });
    await house.result(app, 1, 'SUCCESS');
    await app.handle.result();
  });

  test('works in the back-off and while parked, and revokes every attempt', async () => {
    const backingOff = await sent({ policy: { retryBackoffMs: DAY_MS } });
    await house.result(backingOff, 1, 'FAILURE');
    await house.until(backingOff.input.requestId, 'back-off', ({ timeline }) => timeline.some(({ what }) => what === 'attempt failed'));
    await backingOff.handle.executeUpdate('cancelNow');
    const stuck = await parked();
    await stuck.handle.signal('cancel', { reason: 'manually erased' });
    for (const running of [backingOff, stuck]) {
      expect(await running.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
      const { deletion, attempts } = await house.read(running.input.requestId);
      expect(deletion).toMatchObject({ status: 'CANCELLED', parkedAt: null });
      expect(attempts[0]).toMatchObject({ revokedWhy: 'the deletion was cancelled' });
    }
  });

  test('is refused while Airflow runs, as a signal without effect', async () => {
    const running = await sent();
    await running.handle.signal('cancel');
    expect(await running.handle.query('status')).toMatchObject({ phase: 'sent' });
    await finish(running, 1);
  });

  test('asked of Temporal itself counts as a person\'s cancel, and is refused while Airflow runs', async () => {
    const waiting = await inGrace();
    await waiting.handle.cancel();
    expect(await waiting.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
    expect((await house.read(waiting.input.requestId)).timeline.at(-1)).toMatchObject({ what: 'cancelled', reason: 'the workflow was cancelled at Temporal' });
    const running = await sent();
    await running.handle.cancel();
    await finish(running, 1);
  });
});

describe('cancel of one of several requests', () => {
  async function three(state: 'grace' | 'parked') {
    const subject = userSubject();
    const more = { subject, userId: freshId('user'), graceMs: state === 'grace' ? 30 * DAY_MS : 0 };
    const first = state === 'grace' ? await inGrace(more) : await parked(more);
    const join = async () => {
      const request = await house.start({ ...more, graceMs: 30 * DAY_MS });
      await house.untilStatus(request.input.requestId, 'DUPLICATE');
      return request;
    };
    const second = await join();
    const third = await join();
    return { first, second, third };
  }
  const statusOf = async ({ input }: Running) => (await house.read(input.requestId)).deletion;

  test('withdraws the one that is named, and stops only when none is left', async () => {
    const { first, second, third } = await three('grace');
    expect(await first.handle.executeUpdate('cancelNow', { args: [{ requestId: second.input.requestId, by: 'olga' }] })).toMatchObject({ requestId: first.input.requestId });
    expect(await statusOf(second)).toMatchObject({ status: 'CANCELLED', duplicateOf: null });
    expect(await statusOf(first)).toMatchObject({ status: 'PENDING' });
    expect(await first.handle.query('status')).toMatchObject({ joined: [third.input.requestId] });

    expect(await first.handle.executeUpdate('cancelNow')).toMatchObject({ requestId: third.input.requestId });
    expect(await statusOf(first)).toMatchObject({ status: 'CANCELLED' });
    expect(await statusOf(third)).toMatchObject({ status: 'PENDING', duplicateOf: null });

    expect(await first.handle.executeUpdate('cancelNow')).toMatchObject({ message: 'cancelled' });
    expect(await first.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
    expect(await statusOf(third)).toMatchObject({ status: 'CANCELLED' });
    for (const running of [first, second, third]) expect(await notificationsOf(house.database, running.input.requestId)).toHaveLength(1);
  });

  test('of an unknown request changes nothing', async () => {
    const { first, second, third } = await three('grace');
    expect(await refusal(first.handle.executeUpdate('cancelNow', { args: [{ requestId: 'never-heard-of' }] }))).toContain('not part of this deletion');
    expect((await Promise.all([first, second, third].map(statusOf))).map(({ status }) => status)).toEqual(['PENDING', 'DUPLICATE', 'DUPLICATE']);
    await first.handle.signal('cancel', { requestId: 'never-heard-of' });
    for (let i = 0; i < 3; i++) await first.handle.executeUpdate('cancelNow');
    expect(await first.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
  });

  test('sent twice withdraws the one that it names, not the next as well', async () => {
    const { first, second, third } = await three('grace');
    // Unnamed it means the oldest when it comes: of two that come in different workflow tasks, two requests.
    const { requestId } = first.input;
    await Promise.all([first.handle.signal('cancel', { requestId }), first.handle.signal('cancel', { requestId })]);
    await house.untilStatus(requestId, 'CANCELLED');
    await first.handle.executeUpdate('holdNow');
    expect((await Promise.all([second, third].map(statusOf))).map(({ status }) => status)).toEqual(['ON_HOLD', 'DUPLICATE']);
    await first.handle.terminate();
  });

  test('hands the deletion over with its attempts, and their late SUCCESS completes it for the heir', async () => {
    const subject = userSubject();
    const first = await parked({ subject, userId: 'user_heir' });
    await first.handle.signal('hold');
    const second = await house.start({ subject, userId: 'user_heir' });
    await house.untilStatus(second.input.requestId, 'DUPLICATE');
    await house.until(first.input.requestId, 'held', ({ deletion }) => deletion.status === 'ON_HOLD');
    await first.handle.executeUpdate('cancelNow', { args: [{ by: 'olga' }] });
    const heir = await house.read(second.input.requestId);
    expect(heir.deletion).toMatchObject({ status: 'ON_HOLD', attempt: 1, held: true, duplicateOf: null });
    expect(heir.attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${first.input.requestId}`]);
    expect((await house.read(first.input.requestId)).attempts).toEqual([]);
    expect(await house.jobResult(`del_req_${first.input.requestId}`, 'SUCCESS')).toMatchObject({ outcome: 'wake' });
    expect(await first.handle.result()).toEqual({ requestId: second.input.requestId, outcome: 'COMPLETED', attempts: 1 });
    expect((await house.read(first.input.requestId)).deletion.status).toBe('CANCELLED');
    expect(await notificationsOf(house.database, second.input.requestId)).toMatchObject([{ status: 'COMPLETED' }]);
  });

  test('lets the heir make attempts of its own', async () => {
    const subject = userSubject();
    const first = await parked({ subject, userId: 'user_heir2' });
    await first.handle.signal('hold');
    const second = await house.start({ subject, userId: 'user_heir2' });
    await house.untilStatus(first.input.requestId, 'ON_HOLD');
    await first.handle.executeUpdate('cancelNow');
    await first.handle.executeUpdate('releaseNow');
    await house.until(second.input.requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
    expect((await house.read(second.input.requestId)).attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${first.input.requestId}`, `del_req_${second.input.requestId}~2`]);
    await house.result(second, 2, 'SUCCESS');
    expect(await first.handle.result()).toMatchObject({ requestId: second.input.requestId, outcome: 'COMPLETED' });
  });
});
