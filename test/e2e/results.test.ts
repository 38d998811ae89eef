import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { airflowResult, fresh, notificationsOf, triggersOf, userRequest, whenAll, whenStatus } from '../support/house-scenes.js';
import { header, type Json } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ env: { RESULT_TIMEOUT: '4s', WATCHER_INTERVAL: '1s' } });
});
afterEach(() => house.airflow.turn('reset', { runs: true }));
afterAll(() => house.close());

const USER_DAG = 'user_cleanup_dag';
/** Has Airflow run for ever without a word for a user, so that the test may speak for it. */
const hush = (userId: string) => house.airflow.turn('silent', { subject: userId, end: 'running', times: null });
const jobOf = (requestId: string) => `del_req_${requestId}`;
const historyOf = (answer: Json) => (answer['history'] as Json[]).map((row) => row['what'] as string);

/** A user's deletion that waits for its result, with Airflow hushed. */
async function sentUser(): Promise<{ requestId: string; userId: string; jobId: string }> {
  const request = userRequest(fresh('user'));
  await hush(request.key);
  await house.send(request);
  await whenStatus(house, request.requestId, 'SENT_TO_AIRFLOW');
  return { requestId: request.requestId, userId: request.key, jobId: jobOf(request.requestId) };
}

describe('results', () => {
  test('that come within a millisecond of their trigger are taken, each once', async () => {
    const requests = Array.from({ length: 20 }, () => userRequest(fresh('user')));
    await house.airflow.turn('silent', { dag_id: USER_DAG, end: 'running', times: null });
    const jobs = new Set(requests.map(({ requestId }) => jobOf(requestId)));
    const answered: Promise<void>[] = [];
    const stop = house.bus.onMessage(({ topic, value }) => {
      if (topic !== 'airflow.pipeline.trigger') return;
      const { jobId } = JSON.parse(value?.toString() ?? '{}') as { jobId: string };
      if (jobs.has(jobId)) answered.push(house.send(airflowResult(jobId, 'SUCCESS')));
    });
    await house.send(...requests);
    await whenAll(house, requests.map(({ requestId }) => requestId), 'COMPLETED');
    stop();
    await Promise.all(answered);
    expect(answered).toHaveLength(20);
    for (const { requestId } of requests) expect(triggersOf(house, requestId)).toHaveLength(1);
  });

  test('that are repeated, or say FAILURE after SUCCESS, change nothing', async () => {
    const { requestId, jobId } = await sentUser();
    const success = airflowResult(jobId, 'SUCCESS');
    await house.send(success, success, success, airflowResult(jobId, 'FAILURE'), success);
    const answer = await whenStatus(house, requestId, 'COMPLETED');
    await house.send(airflowResult(jobId, 'FAILURE', { error: 'after the end' }));
    // One behind them in the same partition shows that they were all read.
    const behind = airflowResult(jobId, 'SUCCESS', { status: 'DONE' });
    await house.send(behind);
    await waitFor('what came behind is a dead letter', () => house.bus.messages('airflow.pipeline.result.dlq').some(({ value }) => value?.toString() === JSON.stringify(behind.value)));
    const { body } = await house.api(`/api/v1/deletions/${requestId}`);
    expect(body).toMatchObject({ status: 'COMPLETED', timeline: answer['timeline'] as Json, failure: null, attempts: [{ result: 'SUCCESS' }] });
    await waitFor('the end is told', () => notificationsOf(house, requestId).length > 0);
    expect(notificationsOf(house, requestId)).toMatchObject([{ status: 'COMPLETED' }]);
    expect(triggersOf(house, requestId)).toHaveLength(1);
  });

  test('for a job that nobody asked for, and malformed ones, are dead letters with their reason', async () => {
    const unknown = airflowResult(fresh('del_req_unknown'), 'SUCCESS');
    const malformed = { topic: unknown.topic, key: fresh('key'), value: Buffer.from('{"jobId": '), headers: { 'x-run': 'abc' } };
    await house.send(unknown, malformed);
    const letter = (key: string) => waitFor(`${key} is a dead letter`, () => house.bus.messages('airflow.pipeline.result.dlq').find((message) => message.key?.toString() === key));
    expect(header(await letter(unknown.key), 'dlq-error-class')).toBe('UNKNOWN_JOB');
    const kept = await letter(malformed.key);
    expect(kept.value).toEqual(malformed.value);
    expect(header(kept, 'dlq-error-class')).toBe('NOT_JSON');
    expect(header(kept, 'x-run')).toBe('abc');
  });

  test('a SUCCESS that comes after the deletion was given up as TIMEOUT completes it', async () => {
    const { requestId, jobId } = await sentUser();
    const parked = await whenStatus(house, requestId, 'TIMEOUT');
    expect(parked).toMatchObject({ parked: true, failure: { code: 'RESULT_TIMEOUT' } });
    await waitFor('the timeout is told', () => notificationsOf(house, requestId).length === 1);
    await house.send(airflowResult(jobId, 'SUCCESS'));
    const answer = await whenStatus(house, requestId, 'COMPLETED');
    expect(answer).toMatchObject({ attempt: 1, failure: null, airflow_ref: `manual__${jobId}` });
    await waitFor('the end is told', () => notificationsOf(house, requestId).length === 2);
    expect(notificationsOf(house, requestId).map(({ status }) => status as string)).toEqual(['TIMEOUT', 'COMPLETED']);
  });

  test('a FAILURE that comes after the timeout changes nothing; a retry is a new attempt with a job of its own', async () => {
    const { requestId, jobId, userId } = await sentUser();
    await whenStatus(house, requestId, 'TIMEOUT');
    await house.send(airflowResult(jobId, 'FAILURE'));
    await waitFor('it is noted', async () => historyOf((await house.api(`/api/v1/deletions/${requestId}`)).body).includes('result'));
    await whenStatus(house, requestId, 'TIMEOUT');
    await house.airflow.turn('reset');
    await house.data.addUser(userId);
    expect(await house.cli('retry', requestId, '--reason', 'Airflow is well again')).toMatchObject({ code: 0 });
    const answer = await whenStatus(house, requestId, 'COMPLETED');
    expect(answer).toMatchObject({ attempt: 2, jobId: `${jobId}~2`, attempts: [{ attempt: 1, result: 'FAILURE' }, { attempt: 2, result: 'SUCCESS' }] });
    expect(await house.data.ofUser(userId)).toEqual([]);
  });

  test.each([
    ['erased and its message was lost', 'success', 'COMPLETED'],
    ['erased and could not publish it', 'publish_failed', 'COMPLETED'],
    ['failed without a word', 'failed', 'FAILED'],
  ] as const)('that never come are found by the watcher: a run that %s', async (_what, end, status) => {
    const request = userRequest(fresh('user'));
    await house.data.addUser(request.key);
    await house.airflow.turn('silent', { subject: request.key, end });
    await house.send(request);
    await whenStatus(house, request.requestId, status);
    expect(await house.data.ofUser(request.key)).toHaveLength(status === 'COMPLETED' ? 0 : 3);
    const spoken = house.bus.values('airflow.pipeline.result', ({ jobId }) => jobId === jobOf(request.requestId));
    expect(spoken).toMatchObject([{ status: status === 'COMPLETED' ? 'SUCCESS' : 'FAILURE', ...(status === 'COMPLETED' && { metadata: { db_rows_purged: 3, files_deleted: 1 } }) }]);
  });

  test('of a DAG that is not there: DAG_NOT_FOUND, after a short grace', async () => {
    await house.airflow.turn(`dags/${USER_DAG}`, { present: false });
    const request = userRequest(fresh('user'));
    await house.send(request);
    expect(await whenStatus(house, request.requestId, 'FAILED')).toMatchObject({ failure: { code: 'DAG_NOT_FOUND' } });
  });
});

describe('an Airflow that is out', () => {
  test.each([
    ['answers 503', { status: 503, times: 6 }],
    ['cuts the connection once it has done what it was asked', { status: 0, after: true, times: 3 }],
    ['answers 500 once it has done what it was asked', { status: 500, after: true, times: 3 }],
  ])('and %s is waited for: nothing is lost, nothing runs twice', async (_how, fault) => {
    const requests = Array.from({ length: 4 }, () => userRequest(fresh('user')));
    await house.airflow.turn('http', fault);
    await house.send(...requests);
    await whenAll(house, requests.map(({ requestId }) => requestId), 'COMPLETED');
    const runs = await house.airflow.runs();
    for (const request of requests) expect(runs.filter(({ conf }) => conf['user_id'] === request.key)).toHaveLength(1);
  });
});
