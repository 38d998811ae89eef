import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DELETION_STATUSES, serviceRequestId, workflowIdFor } from '../../contracts/names/index.js';
import { markPosted } from '../../store/ledger/jobs.js';
import { readDeletion, readJob } from '../../store/ledger/read.js';
import { receive, RequestIdConflict, type NewRequest } from '../../store/ledger/receive.js';
import { recordResult, recordResults } from '../../store/ledger/results.js';
import { judgeResult } from '../../store/ledger/results.rules.js';
import { runStep, type StepCall } from '../../store/ledger/step.js';
import { currentInventory, freshId, outboxOf, provision, receiveRequest, serviceSubject, testPolicy, userSubject } from '../support/deletions.js';
import { atOnce, gatherStatements, openStore, type TestStore } from '../support/store.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

/** A service's request, as the ingress makes it of a message. */
function serviceRequest(traceId: string, tenantId: string, instanceId: string): NewRequest {
  const requestId = serviceRequestId(traceId, instanceId);
  const subject = serviceSubject(tenantId, instanceId);
  return {
    input: { requestId, traceId, subject, gdprMode: false, dryRun: false, graceMs: 0, policy: testPolicy },
    workflowId: workflowIdFor(subject),
    requestedAt: new Date(),
    messages: [{ eventId: `${requestId}/requested/1`, requestId, target: 'kafka', destination: 'nova.deletion.events', key: tenantId, headers: {}, body: '{}' }],
  };
}

describe('a request', () => {
  test('that comes fifty times at once enters the ledger once', async () => {
    const request = serviceRequest(freshId('trace'), freshId('tenant'), 'db');
    const received = await atOnce(50, () => receive(store.database, request));
    expect(received.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(received.map(({ status, toStart }) => ({ status, toStart }))).toEqual(Array.from({ length: 50 }, () => ({ status: 'PENDING', toStart: { input: request.input, workflowId: request.workflowId } })));
    const record = await readDeletion(store.database, request.input.requestId);
    expect(record?.timeline.map(({ what }) => what)).toEqual(['received']);
    expect(await outboxOf(store.database, request.input.requestId)).toHaveLength(1);
  });

  test('that comes again with other terms is what it was at first', async () => {
    const request = serviceRequest(freshId('trace'), freshId('tenant'), 'db');
    await receive(store.database, request);
    const again = await receive(store.database, { ...request, input: { ...request.input, gdprMode: true, policy: { ...testPolicy, autoRetries: 99 } } });
    expect(again).toEqual({ isNew: false, status: 'PENDING', toStart: { input: request.input, workflowId: request.workflowId } });
  });

  test.each([
    { what: 'is claimed', set: "claimed_run = 'a-run'", status: 'PENDING' },
    { what: 'has ended', set: "status = 'CANCELLED'", status: 'CANCELLED' },
  ])('that comes again when it $what has no workflow to be started', async ({ set, status }) => {
    const request = serviceRequest(freshId('trace'), freshId('tenant'), 'db');
    await receive(store.database, request);
    await store.database.rows(`UPDATE deletions SET ${set} WHERE request_id = $1`, [request.input.requestId]);
    expect(await receive(store.database, request)).toEqual({ isNew: false, status, toStart: undefined });
  });

  test('of another subject under the same id is no duplicate: trace a_b with instance c, trace a with instance b_c', async () => {
    const [trace, tenantId] = [freshId('trace'), freshId('tenant')];
    const first = serviceRequest(`${trace}_b`, tenantId, 'c');
    const second = serviceRequest(trace, tenantId, 'b_c');
    expect(second.input.requestId).toBe(first.input.requestId);
    await receive(store.database, first);
    await expect(receive(store.database, second)).rejects.toThrow(RequestIdConflict);
    expect(await receive(store.database, first)).toMatchObject({ isNew: false });
  });

  test('of a user whose live deletion goes by another reference is not entered, and told that reference', async () => {
    const [oldRef, newRef, userId] = [freshId('v1.old'), freshId('v2.new'), freshId('user')];
    const [older, newer] = [{ kind: 'user', subjectRef: oldRef }, { kind: 'user', subjectRef: newRef }] as const;
    const first = await receiveRequest(store.database, { subject: older, userId });
    const requestId = freshId('req');
    await expect(receiveRequest(store.database, { subject: newer, requestId, userId })).rejects.toMatchObject({ name: 'LiveUnderAnotherRef', subjectRef: oldRef });
    expect(await readDeletion(store.database, requestId)).toBeUndefined();
    expect(await outboxOf(store.database, requestId)).toEqual([]);
    await receiveRequest(store.database, { subject: newer, requestId: freshId('req'), userId, dryRun: true });
    await store.database.rows(`UPDATE deletions SET status = 'CANCELLED' WHERE request_id = $1`, [first.input.requestId]);
    await receiveRequest(store.database, { subject: newer, requestId, userId });
    expect((await readDeletion(store.database, requestId))?.deletion.subjectRef).toBe(newRef);
  });

  test('of one trace over two tenants is no duplicate', async () => {
    const trace = freshId('trace');
    await receive(store.database, serviceRequest(trace, freshId('tenant'), 'db'));
    await expect(receive(store.database, serviceRequest(trace, freshId('tenant'), 'db'))).rejects.toThrow(RequestIdConflict);
  });

  test('of a user under the id of a service, or of another user, is no duplicate', async () => {
    const request = serviceRequest(freshId('trace'), freshId('tenant'), 'db');
    await receive(store.database, request);
    const { requestId } = request.input;
    await expect(receiveRequest(store.database, { requestId, subject: userSubject() })).rejects.toThrow(RequestIdConflict);
    const one = await receiveRequest(store.database, { subject: userSubject(), userId: 'u-1' });
    await expect(receiveRequest(store.database, { requestId: one.input.requestId, subject: one.input.subject, userId: 'u-2' })).rejects.toThrow(RequestIdConflict);
  });

  test('of two subjects under one id at once leaves one of them, whole', async () => {
    for (let round = 0; round < 10; round++) {
      const trace = freshId('trace');
      const requests = [serviceRequest(trace, freshId('tenant'), 'db'), serviceRequest(trace, freshId('tenant'), 'db')];
      const outcomes = await Promise.allSettled(requests.map((request) => receive(store.database, request)));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = requests[outcomes.findIndex(({ status }) => status === 'fulfilled')]!;
      const record = await readDeletion(store.database, winner.input.requestId);
      expect(record?.deletion.workflowId).toBe(winner.workflowId);
      expect((await outboxOf(store.database, winner.input.requestId)).map(({ key }) => key)).toEqual([record?.deletion.tenantId]);
    }
  });
});

/** A user's deletion that a run has claimed. */
async function claimed(runId = 'run-1'): Promise<StepCall> {
  const { input } = await receiveRequest(store.database, { subject: userSubject() });
  const call = { requestId: input.requestId, runId, step: 0 };
  expect(await store.activities.claim(call)).toMatchObject({ outcome: 'claimed' });
  return call;
}
const read = async (requestId: string) => (await readDeletion(store.database, requestId))!;

describe('a claim', () => {
  test('that twenty runs make at once is given to one', async () => {
    const { input } = await receiveRequest(store.database, { subject: userSubject() });
    const answers = await atOnce(20, (index) => store.activities.claim({ requestId: input.requestId, runId: `run-${index}`, step: 0 }));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['claimed', ...Array.from({ length: 19 }, () => 'not-ours')]);
    const { timeline, deletion } = await read(input.requestId);
    expect(timeline.map(({ what }) => what)).toEqual(['received', 'claimed']);
    expect(answers.findIndex(({ outcome }) => outcome === 'claimed')).toBe(Number(deletion.claimedRun?.slice('run-'.length)));
  });

  test('of two requests of a subject at once leaves one of them live', async () => {
    for (let round = 0; round < 10; round++) {
      const [subject, userId] = [userSubject(), freshId('user')];
      const requests = await Promise.all([1, 2].map(() => receiveRequest(store.database, { subject, userId })));
      const answers = await Promise.allSettled(requests.map(({ input }, index) => store.activities.claim({ requestId: input.requestId, runId: `run-${index}`, step: 0 })));
      const live = await store.database.rows(`SELECT 1 FROM deletions WHERE workflow_id = $1 AND claimed_run IS NOT NULL AND status = 'PENDING'`, [requests[0]!.workflowId]);
      expect(live).toHaveLength(1);
      expect(answers.filter((answer) => answer.status === 'fulfilled' && answer.value.outcome === 'claimed').length).toBeGreaterThan(0);
    }
  });
});

describe('a step', () => {
  test('that twenty calls ask for at once is done once, and all get its answer', async () => {
    const call = { ...(await claimed()), step: 1, cause: 'the request' };
    let done = 0;
    const answers = await atOnce(20, () => runStep(store.database, 'count', call, (deletion) => {
      deletion.note({ what: 'counted', cause: 'a test' });
      return Promise.resolve({ outcome: 'done', times: ++done });
    }));
    expect(done).toBe(1);
    for (const answer of answers) expect(answer).toEqual({ outcome: 'done', times: 1 });
    const { timeline, deletion } = await read(call.requestId);
    expect(timeline.filter(({ what }) => what === 'counted')).toHaveLength(1);
    expect(deletion.step).toBe(1);
  });

  test('that is a trigger, twenty times at once, sends one', async () => {
    const call = { ...(await claimed()), step: 1, cause: 'the request' };
    const answers = await atOnce(20, () => store.activities.trigger(call));
    for (const answer of answers) expect(answer).toEqual({ outcome: 'sent', attempt: 1 });
    const { attempts } = await read(call.requestId);
    expect(attempts.map(({ jobId }) => jobId)).toEqual([`del_req_${call.requestId}`]);
    expect((await outboxOf(store.database, call.requestId)).map(({ destination }) => destination)).toEqual(['airflow.pipeline.trigger', 'nova.deletion.events']);
  });

  test('of another run changes nothing', async () => {
    const call = { ...(await claimed('run-new')), step: 1, cause: 'the request' };
    const before = await read(call.requestId);
    expect(await store.activities.trigger({ ...call, runId: 'run-old' })).toMatchObject({ outcome: 'not-ours' });
    expect(await store.activities.cancel({ ...call, runId: 'run-old', act: {} })).toMatchObject({ outcome: 'not-ours' });
    expect(await store.activities.trigger({ ...call, requestId: 'never-heard-of' })).toMatchObject({ outcome: 'not-ours' });
    expect(await read(call.requestId)).toEqual(before);
  });

  test('that was another, or is long past, is behind the ledger', async () => {
    const call = { ...(await claimed()), act: { by: 'olga' } };
    expect(await store.activities.hold({ ...call, step: 1 })).toEqual({ outcome: 'noted' });
    expect(await store.activities.release({ ...call, step: 1 })).toMatchObject({ outcome: 'ledger-ahead' });
    expect(await store.activities.hold({ ...call, step: 1, act: { by: 'nobody' } })).toMatchObject({ outcome: 'ledger-ahead' });
    expect(await store.activities.hold({ ...call, step: 1 })).toEqual({ outcome: 'noted' });
    for (let step = 2; step <= 60; step++) await store.activities[step % 2 ? 'hold' : 'release']({ ...call, step });
    expect(await store.activities.release({ ...call, step: 20 })).toEqual({ outcome: 'noted', ledgerAt: 60 });
    expect(await store.activities.hold({ ...call, step: 1 })).toMatchObject({ outcome: 'ledger-ahead' });
    const { timeline, deletion } = await read(call.requestId);
    expect(timeline).toHaveLength(62);
    expect(deletion.answers).toHaveLength(50);
  });

  test('that fails leaves nothing behind, and can be done again', async () => {
    const call = { ...(await claimed()), step: 1 };
    const before = await read(call.requestId);
    const failing = runStep(store.database, 'fail', call, (deletion) => {
      deletion.change({ status: 'ON_HOLD' });
      deletion.insertAttempt({ jobId: `job-${call.requestId}`, attempt: 1, dagId: 'dag', lane: 'default', generation: 0, cause: 'a test', expected: null });
      throw new Error('out of order');
    });
    await expect(failing).rejects.toThrow('out of order');
    expect(await read(call.requestId)).toEqual(before);
    expect(await runStep(store.database, 'fail', call, () => Promise.resolve({ outcome: 'done' }))).toEqual({ outcome: 'done' });
  });
});

describe('the result of a job', () => {
  const result = (jobId: string, status: 'SUCCESS' | 'FAILURE') =>
    recordResult(store.database, { jobId, airflowRunId: jobId, status, counts: { rows: 3 }, errorText: status === 'FAILURE' ? 'no such table' : null, failureCode: 'DAG_FAILED' });

  test('that comes twenty times at once is kept once, and told each time, after the end as well', async () => {
    const call = { ...(await claimed()), step: 1, cause: 'the request' };
    await store.activities.trigger(call);
    const jobId = `del_req_${call.requestId}`;
    const recorded = await atOnce(20, () => result(jobId, 'SUCCESS'));
    expect(recorded.every(({ outcome }) => outcome === 'wake')).toBe(true);
    expect((await read(call.requestId)).attempts[0]).toMatchObject({ result: 'SUCCESS', counts: { rows: 3 }, errorText: null });
    expect(await store.activities.complete({ ...call, step: 2, attempt: 1 })).toMatchObject({ outcome: 'completed' });
    expect((await atOnce(20, () => result(jobId, 'SUCCESS'))).every(({ outcome }) => outcome === 'wake')).toBe(true);
    expect((await read(call.requestId)).timeline.map(({ what }) => what)).toEqual(['received', 'claimed', 'sent to Airflow', 'completed']);
  });

  test('after a cancel says once that something was erased, however often it comes', async () => {
    const call = { ...(await claimed()), step: 1, cause: 'the request' };
    await store.activities.trigger(call);
    await result(`del_req_${call.requestId}`, 'FAILURE');
    await store.activities.cancel({ ...call, step: 2, act: { by: 'olga' } });
    const recorded = await atOnce(10, () => result(`del_req_${call.requestId}`, 'SUCCESS'));
    expect(recorded.map(({ outcome }) => outcome).sort()).toEqual(['erased-after-cancel', ...Array.from({ length: 9 }, () => 'repeat')]);
    expect((await read(call.requestId)).timeline.filter(({ what }) => what === 'result')).toHaveLength(1);
  });

  test('does what the rules say of it, whether one statement keeps it or a transaction', async () => {
    const known = (await claimed()).requestId;
    const cases = DELETION_STATUSES.flatMap((status) => [1, 2].flatMap((attempt) => [null, 'SUCCESS', 'FAILURE'].flatMap((before) => (['SUCCESS', 'FAILURE'] as const).map((comes) => ({ status, attempt, before, comes } as const)))));
    expect(cases).toHaveLength(96);
    const roundTrips = new Map<string, number>();
    for (const { status, attempt, before, comes } of cases) {
      const { input: { requestId } } = await receiveRequest(store.database, { subject: userSubject() });
      await store.database.rows('UPDATE deletions SET status = $2, attempt = 2, duplicate_of = $3 WHERE request_id = $1', [requestId, status, status === 'DUPLICATE' ? known : null]);
      await store.database.rows(
        `INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause, result) VALUES ($1, $1, $2, 'dag', 'default', 0, 'a test', $3)`,
        [requestId, attempt, before],
      );
      const verdict = judgeResult({ status, attempt: 2 }, { attempt, result: before as 'SUCCESS' | 'FAILURE' | null }, comes);
      const gathered = gatherStatements(store.database);
      const [recorded] = await recordResults(gathered.database, [{ jobId: requestId, airflowRunId: 'run', status: comes, counts: { rows: 3 }, errorText: null, failureCode: 'DAG_FAILED' }]);
      const { deletion, attempts, timeline } = await read(requestId);
      const said = recorded instanceof Error ? recorded.message : recorded?.outcome.replace('erased-after-cancel', 'noted');
      expect({ status, attempt, before, comes, said, result: attempts[0]?.result, notes: timeline.filter(({ what }) => what === 'result').length, stays: deletion.status })
        .toEqual({ status, attempt, before, comes, said: verdict.wake ? 'wake' : verdict.note === undefined ? 'repeat' : 'noted', result: verdict.keep ? comes : before, notes: verdict.note === undefined ? 0 : 1, stays: status });
      roundTrips.set(`${status} ${attempt} ${before}`, gathered.roundTrips());
    }
    // Most results that come are of these; all others ask a second time.
    expect([...roundTrips].filter(([, n]) => n === 1).map(([of]) => of)).toEqual(['SENT_TO_AIRFLOW 2 null']);
  });

  test('is answered in the order of its batch, and the first of a job counts', async () => {
    const [one, other] = [await claimed(), await claimed()];
    for (const call of [one, other]) await store.activities.trigger({ ...call, step: 1, cause: 'the request' });
    const [first, second] = [`del_req_${one.requestId}`, `del_req_${other.requestId}`];
    const of = (jobId: string, status: 'SUCCESS' | 'FAILURE') => ({ jobId, airflowRunId: 'run', status, counts: {}, errorText: null, failureCode: 'DAG_FAILED' } as const);
    const recorded = await recordResults(store.database, [of(first, 'SUCCESS'), of('del_req_of-nobody', 'SUCCESS'), of(first, 'FAILURE'), of(second, 'FAILURE'), of(first, 'SUCCESS'), of(second, 'SUCCESS')]);
    expect(recorded.map((what) => (what instanceof Error ? what.message : what.outcome === 'wake' ? `${what.signal.requestId} ${what.signal.status}` : what.outcome)))
      .toEqual([`${one.requestId} SUCCESS`, 'unknown-job', 'noted', `${other.requestId} FAILURE`, `${one.requestId} SUCCESS`, `${other.requestId} SUCCESS`]);
    expect([(await read(one.requestId)).attempts[0]?.result, (await read(other.requestId)).attempts[0]?.result]).toEqual(['SUCCESS', 'SUCCESS']);
  });

  test('of many jobs at once waits for no one who waits for it, while their runs are noted', async () => {
    for (let round = 0; round < 15; round++) {
      const calls = await atOnce(40, () => claimed());
      await Promise.all(calls.map((call) => store.activities.trigger({ ...call, step: 1, cause: 'the request' })));
      const jobIds = calls.map(({ requestId }) => `del_req_${requestId}`);
      const [one, other] = [jobIds.filter((_, i) => i % 3 > 0), jobIds.filter((_, i) => i % 3 < 2).reverse()];
      const of = (jobId: string) => ({ jobId, airflowRunId: 'run', status: 'SUCCESS', counts: {}, errorText: null, failureCode: 'DAG_FAILED' } as const);
      // What is recorded again goes by the rules.
      const recording = async () => [await recordResults(store.database, one.map(of)), await recordResults(store.database, one.map(of))].flat();
      const [recorded] = await Promise.all([recording(), markPosted(store.database, other), markPosted(store.database, [...other].reverse())]);
      expect(recorded.map((what) => (what instanceof Error ? what.message : what.outcome))).toEqual(Array.from({ length: 2 * one.length }, () => 'wake'));
      const [found] = await store.database.rows<object>('SELECT count(result) AS with_result, count(posted_at) AS posted FROM attempts WHERE job_id = ANY($1)', [jobIds]);
      expect(found).toEqual({ withResult: one.length, posted: other.length });
    }
  });

  test('of a job that the ledger never sent is not ours', async () => {
    expect(await result('del_req_of-nobody', 'SUCCESS')).toEqual({ outcome: 'unknown-job' });
    expect(await readJob(store.database, 'del_req_of-nobody')).toBeUndefined();
  });

  test('of FAILURE keeps what Airflow said in the ledger, and out of the signal', async () => {
    const call = { ...(await claimed()), step: 1, cause: 'the request' };
    await store.activities.trigger(call);
    const recorded = await result(`del_req_${call.requestId}`, 'FAILURE');
    expect(recorded).toMatchObject({ outcome: 'wake', signal: { requestId: call.requestId, attempt: 1, status: 'FAILURE', failureCode: 'DAG_FAILED' } });
    expect(JSON.stringify(recorded)).not.toContain('no such table');
    expect((await read(call.requestId)).attempts[0]?.errorText).toBe('no such table');
  });
});

describe('the fence', () => {
  const standing = async (jobId: string) => {
    const job = await readJob(store.database, jobId);
    return [job?.stands, job?.reason];
  };
  test('lets the current job stand, and none that another attempt, a retry, a cancel or the end has replaced', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [] });
    await currentInventory(store.database);
    const { input } = await receiveRequest(store.database, { subject: serviceSubject(tenantId, 'db') });
    const call = { requestId: input.requestId, runId: 'run-1', cause: 'the request' };
    const [first, second] = [`del_req_${input.requestId}`, `del_req_${input.requestId}~2`];
    await store.activities.claim({ ...call, step: 0 });
    await store.activities.trigger({ ...call, step: 1 });
    expect(await standing(first)).toEqual([true, 'current']);
    await store.activities.noteFailedAttempt({ ...call, step: 2, attempt: 1, failureCode: 'RESULT_TIMEOUT', retryInMs: 1 });
    // In the back-off a slow run may still bring its SUCCESS.
    expect(await standing(first)).toEqual([true, 'current']);
    await store.activities.trigger({ ...call, step: 3 });
    expect(await standing(first)).toEqual([false, 'revoked: attempt 2 replaces it']);
    expect(await standing(second)).toEqual([true, 'current']);
    await store.activities.park({ ...call, step: 4, status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] });
    expect(await standing(second)).toEqual([true, 'current']);
    await store.activities.reopen({ ...call, step: 5, act: { by: 'olga' } });
    expect(await standing(second)).toEqual([false, 'revoked: a person asked for another attempt']);
    await store.activities.cancel({ ...call, step: 6, act: {} });
    expect((await standing(first))[0]).toBe(false);
  });
});
