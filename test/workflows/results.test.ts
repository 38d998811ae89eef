import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Activities } from '../../activities/answers.js';
import { createTellWorkflow, type TellWorkflowOptions } from '../../bridges/result/tell-workflow.js';
import type { AirflowResultSignal } from '../../contracts/names/index.js';
import { recordResult } from '../../store/ledger/results.js';
import { freshId, notificationsOf, provision, serviceSubject, type TestRequest } from '../support/deletions.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

// How a result reaches its workflow, on a real Temporal: docs/decisions/0018.

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real' });
}, 300_000);
afterAll(() => house.close());

async function sent(more: Partial<TestRequest> = {}): Promise<Running> {
  const tenantId = freshId('tenant');
  await provision(house.database, tenantId, { db: [] });
  const running = await house.start({ subject: serviceSubject(tenantId, 'db'), ...more });
  await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
  return running;
}
const success = ({ input: { requestId } }: Running): AirflowResultSignal => ({ requestId, attempt: 1, status: 'SUCCESS' });

/** Tells workflows of results, and what is said of it. */
function telling(options: Partial<TellWorkflowOptions> = {}) {
  const said: string[] = [];
  const note = (_of: object, words: string): void => void said.push(words);
  return { tell: createTellWorkflow({ client: house.client, log: { info: note, debug: note } as TellWorkflowOptions['log'], ...options }), said };
}

/** By which ways results have reached a workflow. */
async function waysInto({ handle }: Running): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => {
    if (event.workflowExecutionSignaledEventAttributes) return ['signal'];
    return event.workflowExecutionUpdateAcceptedEventAttributes ? ['update'] : [];
  });
}

describe('a result', () => {
  test('is taken by the worker that has the workflow, and Temporal has written no task down for it before', async () => {
    const running = await sent();
    await house.jobResult(`del_req_${running.input.requestId}`, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect(await waysInto(running)).toEqual(['update']);
    expect((await running.handle.fetchHistory()).events).toHaveLength(14);
  });

  test('that no worker takes in time is signalled, and so are others for a while, at once', async () => {
    const [first, second, third] = [await sent(), await sent(), await sent()];
    await house.stopWorker();
    const patient = telling({ answerWithinMs: 300 });
    expect(await patient.tell(first.workflowId, success(first))).toBe('signalled');
    expect(patient.said).toEqual(['no worker has answered in time; for a while results are signalled']);
    // It would be said of each that was asked for.
    expect(await patient.tell(second.workflowId, success(second))).toBe('signalled');
    expect(patient.said).toHaveLength(1);
    const askingAgain = telling({ answerWithinMs: 300, signalForMs: 0 });
    for (const way of ['first', 'second']) expect(await askingAgain.tell(third.workflowId, success(third)), way).toBe('signalled');
    expect(askingAgain.said).toHaveLength(2);

    await house.restartWorker();
    for (const running of [first, second, third]) expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
    expect(await waysInto(second)).toEqual(['signal']);
  });

  test('that came as an update and as signals counts once', async () => {
    const running = await sent({ policy: { autoRetries: 1, retryBackoffMs: 500 } });
    const { requestId } = running.input;
    const failure: AirflowResultSignal = { requestId, attempt: 1, status: 'FAILURE', failureCode: 'DAG_FAILED' };
    const { tell } = telling();
    expect(await tell(running.workflowId, failure)).toBe('taken');
    expect(await tell(running.workflowId, failure)).toBe('taken');
    await running.handle.signal('airflowResult', failure);
    await house.until(requestId, 'the second attempt is made', ({ attempts }) => attempts.length === 2);
    await running.handle.signal('airflowResult', failure);
    await house.jobResult(`del_req_${requestId}~2`, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 2 });
    expect((await notificationsOf(house.database, requestId)).map(({ status }) => status)).toEqual(['COMPLETED']);
  });

  test('whose worker and bridge died once its end was written, and before Temporal heard of it, reaches the workflow when it comes again', async () => {
    let ledger: Activities | undefined;
    await house.restartWorker((activities) => (ledger = activities));
    const running = await sent();
    const { requestId } = running.input;
    await house.stopWorker();
    const jobId = `del_req_${requestId}`;
    await recordResult(house.database, { jobId, airflowRunId: `run-of-${jobId}`, status: 'SUCCESS', counts: { rows_deleted: 7 }, errorText: null, failureCode: 'DAG_FAILED' });
    const { claimedRun, step } = (await house.read(requestId)).deletion;
    const first = await ledger?.complete({ requestId, kind: 'service', runId: claimedRun ?? '', step: step + 1, attempt: 1 });
    expect(first).toMatchObject({ outcome: 'completed' });
    await house.restartWorker();
    expect(await house.jobResult(jobId, 'SUCCESS')).toMatchObject({ outcome: 'wake' });
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
    expect((await house.read(requestId)).deletion.step).toBe(step + 1);
    expect((await notificationsOf(house.database, requestId)).map(({ status }) => status)).toEqual(['COMPLETED']);
  });

  test('of a workflow that there is none of, or that is over, is for nobody', async () => {
    const running = await sent();
    await house.jobResult(`del_req_${running.input.requestId}`, 'SUCCESS');
    await running.handle.result();
    const { tell, said } = telling();
    const other = { ...success(running), status: 'FAILURE' } as const;
    expect(await tell(running.workflowId, other)).toBe('not-found');
    expect(await tell('user-deletion/of-nobody', other)).toBe('not-found');
    expect(said).toHaveLength(2);
  });
});
