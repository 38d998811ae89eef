import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResultHandler, WorkflowNotThere } from '../../bridges/result/handle-result.js';
import { startResultBridge } from '../../bridges/result/role.js';
import { createTellWorkflow, type TellWorkflow } from '../../bridges/result/tell-workflow.js';
import { deadLetterTopic, taskQueueFor, TOPICS, WORKFLOW_TYPES } from '../../contracts/names/index.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { readDeletion } from '../../store/ledger/read.js';
import { attemptOf, incoming, openBridgeHouse, sentJob, until, type BridgeHouse, type Watched } from '../support/bridges.js';

let house: BridgeHouse;
let bridge: RunningRole;
let dead: Watched;
const metrics = createMetrics();
const SECRET = 'Mister Nobody of Nowhere Street';

const result = (jobId: string, status: 'SUCCESS' | 'FAILURE', more: object = {}) => ({
  jobId, airflowRunId: jobId, status, timestamp: '2026-02-11T10:05:00Z', metadata: status === 'SUCCESS' ? { files_deleted: 150 } : {}, error: status === 'SUCCESS' ? null : `AccessDenied: ${SECRET}`, ...more,
});
const publish = (value: { jobId: string }) => house.send({ topic: TOPICS.airflowResult, key: value.jobId, value: JSON.stringify(value) });
/** Without a worker it takes signals and does nothing. */
const startWorkflow = (job: Awaited<ReturnType<typeof sentJob>>) =>
  house.client.workflow.start(WORKFLOW_TYPES.service, { workflowId: job.workflowId, taskQueue: taskQueueFor('nobody'), args: [job.input] });
const signalsOf = async (workflowId: string): Promise<unknown[]> => {
  const { events } = await house.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const data = signal?.input?.payloads?.[0]?.data;
    return signal ? [{ name: signal.signalName, input: JSON.parse(Buffer.from(data ?? []).toString()) as unknown }] : [];
  });
};

beforeAll(async () => {
  house = await openBridgeHouse(['result']);
  dead = await house.watch(deadLetterTopic(TOPICS.airflowResult));
  bridge = await startResultBridge(house.deps({ metrics }));
  await until('the bridge reads', () => bridge.ready());
});
afterAll(async () => {
  await bridge.stop();
  expect(house.logged.join('')).not.toContain(SECRET);
  await house.close();
});

test('a result goes into the ledger, and to the workflow without Airflow’s words', async () => {
  const job = await sentJob(house.database);
  await startWorkflow(job);
  await publish(result(job.jobId, 'FAILURE', { errorCode: 'NO_ERASER' }));
  await until('the workflow was told', async () => (await signalsOf(job.workflowId)).length === 1);
  expect(await signalsOf(job.workflowId)).toEqual([{ name: 'airflowResult', input: { requestId: job.requestId, attempt: 1, status: 'FAILURE', failureCode: 'NO_ERASER' } }]);
  expect(await attemptOf(house.database, job.jobId)).toMatchObject({ result: 'FAILURE', failureCode: 'NO_ERASER', errorText: `AccessDenied: ${SECRET}` });
});

test('a failure without a code, or with one that nobody knows, is DAG_FAILED', async () => {
  for (const more of [{}, { errorCode: 'SOMETHING_ELSE' }]) {
    const job = await sentJob(house.database);
    await startWorkflow(job);
    await publish(result(job.jobId, 'FAILURE', more));
    await until('the workflow was told', async () => (await signalsOf(job.workflowId)).length === 1);
    expect(await attemptOf(house.database, job.jobId)).toMatchObject({ failureCode: 'DAG_FAILED' });
  }
});

test('a result of a job that nobody asked for is a dead letter', async () => {
  await publish(result('del_req_of-nobody', 'SUCCESS'));
  await until('the dead letter is there', () => dead.seen.some(({ key }) => key === 'del_req_of-nobody'));
  expect(dead.seen.find(({ key }) => key === 'del_req_of-nobody')?.headers['dlq-error-class']).toBe('UNKNOWN_JOB');
});

test('a result that comes before its workflow can be signalled is kept and tried again', async () => {
  const job = await sentJob(house.database);
  await publish(result(job.jobId, 'SUCCESS'));
  await until('it waits', () => house.logged.some((line) => line.includes(job.requestId) && line.includes('tried again')));
  expect((await attemptOf(house.database, job.jobId)).result).toBe('SUCCESS');
  await startWorkflow(job);
  await until('the workflow was told', async () => (await signalsOf(job.workflowId)).length === 1);
});

test('a result of a deletion that has ended signals nobody', async () => {
  const job = await sentJob(house.database);
  await house.database.rows(`UPDATE deletions SET status = 'COMPLETED' WHERE request_id = $1`, [job.requestId]);
  await publish(result(job.jobId, 'FAILURE'));
  await until('the timeline has it', async () => (await readDeletion(house.database, job.requestId))?.timeline.some(({ cause }) => cause.includes('came after the end')) === true);
});

test('what was erased after a cancel raises an alarm', async () => {
  const job = await sentJob(house.database);
  await house.database.rows(`UPDATE deletions SET status = 'CANCELLED' WHERE request_id = $1`, [job.requestId]);
  await publish(result(job.jobId, 'SUCCESS'));
  await until('it is counted', async () => (await metrics.erasedAfterCancel.get()).values[0]?.value === 1);
  expect(house.logged.some((line) => line.includes('"level":"error"') && line.includes(job.jobId))).toBe(true);
});

test('a result that a workflow does not take as an update, as one of a release that knows none, is signalled', async () => {
  const signals: unknown[] = [];
  const handle = {
    executeUpdate: () => Promise.reject(new WorkflowUpdateFailedError('Workflow Update failed', new ApplicationFailure('no handler of this name'))),
    signal: (...signal: unknown[]) => Promise.resolve(void signals.push(signal)),
  };
  const client = { workflow: { getHandle: () => handle }, withDeadline: <T>(_deadline: number, act: () => Promise<T>) => act() };
  const tell = createTellWorkflow({ client: client as unknown as Client, log: house.log });
  const told = { requestId: 'request', attempt: 2, status: 'SUCCESS' } as const;
  for (let i = 0; i < 2; i++) expect(await tell('user-deletion/v1.some', told)).toBe('signalled');
  expect(signals).toEqual([['airflowResult', told], ['airflowResult', told]]);
});

describe('a workflow that is not there', () => {
  const handlerWith = (tellWorkflow: TellWorkflow, patienceMs: number, counted = createMetrics()) =>
    createResultHandler({ database: house.database, tellWorkflow, patienceMs, metrics: counted, log: house.log });

  test('is waited for no longer than the patience, and then the ledger keeps the result', async () => {
    const job = await sentJob(house.database);
    const message = incoming(TOPICS.airflowResult, result(job.jobId, 'SUCCESS'));
    const handler = handlerWith(() => Promise.resolve('not-found'), 100);
    await expect(handler(message)).rejects.toThrow(WorkflowNotThere);
    await until('it gives up', () => handler(message).then(() => true, (error: unknown) => { expect(error).toBeInstanceOf(WorkflowNotThere); return false; }));
    expect((await attemptOf(house.database, job.jobId)).result).toBe('SUCCESS');
  });

  test('is not what a Temporal that is down is taken for', async () => {
    const job = await sentJob(house.database);
    const outage = new Error('14 UNAVAILABLE');
    const handler = handlerWith(() => Promise.reject(outage), 0);
    for (let i = 0; i < 3; i++) await expect(handler(incoming(TOPICS.airflowResult, result(job.jobId, 'SUCCESS')))).rejects.toBe(outage);
  });

  test('has nothing to be told when the deletion ended meanwhile', async () => {
    const job = await sentJob(house.database);
    const counted = createMetrics();
    const handler = handlerWith(async () => {
      await house.database.rows(`UPDATE deletions SET status = 'COMPLETED' WHERE request_id = $1`, [job.requestId]);
      return 'not-found';
    }, 60_000, counted);
    await handler(incoming(TOPICS.airflowResult, result(job.jobId, 'SUCCESS')));
    expect((await counted.results.get()).values).toMatchObject([{ labels: { outcome: 'ended' }, value: 1 }]);
  });
});
