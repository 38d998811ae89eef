import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Activities } from '../../activities/answers.js';
import { openDatabase, type Database } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { readDeletion } from '../../store/ledger/read.js';
import { recordResult } from '../../store/ledger/results.js';
import { createTestDatabase } from '../support/databases.js';
import { freshId, provision, receiveRequest, serviceEvent, serviceSubject, userSubject } from '../support/deletions.js';
import { activitiesOn } from '../support/store.js';

// What random walks have found: each a moment at which the ledger must know what a workflow has forgotten, or has not heard of.

let database: Database;
let activities: Activities;
let drop: () => Promise<void>;
beforeAll(async () => {
  const testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.databaseUrl });
  drop = () => testDatabase.drop();
  await migrate(database);
  activities = activitiesOn(database);
});
afterAll(async () => {
  await database.close();
  await drop();
});

const statusOf = async (requestId: string) => (await readDeletion(database, requestId))?.deletion.status;
const succeed = (jobId: string) => recordResult(database, { jobId, airflowRunId: 'run', status: 'SUCCESS', counts: {}, errorText: null, failureCode: 'DAG_FAILED' });

async function sent(subject = userSubject(), runId = freshId('run')) {
  const { input } = await receiveRequest(database, { subject });
  const { requestId } = input;
  await activities.claim({ requestId, runId, step: 0 });
  await activities.trigger({ requestId, runId, step: 1, cause: 'the request' });
  return { requestId, runId, jobId: `del_req_${requestId}` };
}

describe('the ledger', () => {
  test('refuses a cancel when it has a SUCCESS that the workflow has not heard of yet', async () => {
    const { requestId, runId, jobId } = await sent();
    await activities.park({ requestId, runId, step: 2, status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] });
    await succeed(jobId);
    expect(await activities.cancel({ requestId, runId, step: 3, act: { by: 'olga' } })).toEqual({ outcome: 'succeeded', attempt: 1 });
    expect(await statusOf(requestId)).toBe('TIMEOUT');
  });

  test('names the requests that a completion has set free to a workflow that forgot the completion', async () => {
    const tenantId = freshId('tenant');
    const subject = serviceSubject(tenantId, 'db');
    await provision(database, tenantId, { db: [] }, new Date(Date.now() - 60_000));
    const { requestId, runId, jobId } = await sent(subject);
    await serviceEvent(database, { tenantId, serviceInstanceId: 'db', eventType: 'service.deprovisioned' });
    await serviceEvent(database, { tenantId, serviceInstanceId: 'db' });
    const later = await receiveRequest(database, { subject });
    await activities.join({ requestId, runId, step: 2, requestIds: [later.input.requestId] });
    await succeed(jobId);
    expect(await activities.complete({ requestId, runId, step: 3, attempt: 1 })).toMatchObject({ leftOver: [{ requestId: later.input.requestId }] });
    expect(await activities.join({ requestId, runId, step: 3, requestIds: ['another'] })).toMatchObject({ outcome: 'ledger-ahead' });
    expect(await activities.claim({ requestId, runId, step: 0 })).toMatchObject({ outcome: 'ended', status: 'COMPLETED', attempt: 1, leftOver: [{ requestId: later.input.requestId }] });
  });

  test('has a clean-up that has begun carried to its end, although the tenant has services again', async () => {
    const tenantId = freshId('tenant');
    await provision(database, tenantId, { db: [] }, new Date(Date.now() - 60_000));
    const { input } = await receiveRequest(database, { subject: serviceSubject(tenantId, 'db'), gdprMode: true });
    const { requestId } = input;
    await activities.claim({ requestId, runId: 'one', step: 0 });
    await activities.trigger({ requestId, runId: 'one', step: 1, cause: 'the request' });
    await succeed(`del_req_${requestId}`);
    await activities.complete({ requestId, runId: 'one', step: 2, attempt: 1 });
    const first = await activities.decideEmptying(tenantId);
    // Its answer was lost, and meanwhile somebody moves in.
    await serviceEvent(database, { tenantId, serviceInstanceId: 'other' });
    expect(await activities.decideEmptying(tenantId)).toEqual(first);
    const cleanUpId = `tenant~${tenantId}~1`;
    await activities.claim({ requestId: cleanUpId, runId: 'two', step: 0 });
    expect(await activities.trigger({ requestId: cleanUpId, runId: 'two', step: 1, cause: 'the request' })).toEqual({ outcome: 'refilled' });
    expect(await statusOf(cleanUpId)).toBe('CANCELLED');
    expect(await activities.decideEmptying(tenantId)).toMatchObject({ outcome: 'nothing' });
  });

  test('takes no new step for an old one when a deletion comes back to a request that had owned it', async () => {
    const subject = userSubject();
    const first = await sent(subject);
    await activities.park({ requestId: first.requestId, runId: first.runId, step: 2, status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] });
    await activities.remind({ requestId: first.requestId, runId: first.runId, step: 3, what: 'still-parked' });
    // Its workflow is terminated; another request takes over, and is withdrawn.
    const second = await sent(subject);
    expect(await activities.park({ requestId: second.requestId, runId: second.runId, step: 4, status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] })).toMatchObject({ outcome: 'parked' });
    expect(await activities.cancel({ requestId: second.requestId, runId: second.runId, step: 5, act: {} })).toMatchObject({ outcome: 'withdrawn', requestId: first.requestId });
    expect(await activities.remind({ requestId: first.requestId, runId: second.runId, step: 6, what: 'still-parked' })).toEqual({ outcome: 'reminded' });
    const told = (await readDeletion(database, first.requestId))?.timeline.filter(({ what }) => what === 'told again');
    expect(told).toHaveLength(2);
  });

  test('tells who takes a deletion up how often it was retried, and why it is tried next', async () => {
    const { requestId, runId } = await sent();
    await activities.noteFailedAttempt({ requestId, runId, step: 2, attempt: 1, failureCode: 'DAG_FAILED', retryInMs: 1 });
    expect(await activities.claim({ requestId, runId, step: 0 })).toMatchObject({ retriesUsed: 1, cause: 'automatic retry 1 after DAG_FAILED' });
    await activities.reopen({ requestId, runId, step: 3, cause: 'olga asked for a retry', act: { by: 'olga' } });
    expect(await activities.claim({ requestId, runId, step: 0 })).toMatchObject({ retriesUsed: 0, cause: 'olga asked for a retry' });
    await activities.trigger({ requestId, runId, step: 4, cause: 'olga asked for a retry' });
    expect(await activities.claim({ requestId, runId, step: 0 })).toMatchObject({ retriesUsed: 0, cause: null });
  });
});
