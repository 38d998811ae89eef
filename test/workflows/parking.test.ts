import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextReminder, DUE_SOON_MS } from '../../workflows/deletion.rules.js';
import { currentInventory, freshId, notificationsOf, outboxOf, provision, serviceSubject, userSubject, type TestRequest } from '../support/deletions.js';
import { waitFor } from '../support/wait-for.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

const DAY_MS = 24 * 3_600_000;

describe('parked', () => {
  let house: WorkflowHouse;
  beforeAll(async () => {
    house = await openWorkflowHouse();
  }, 300_000);
  afterAll(() => house.close());

  async function parked(more: Partial<TestRequest> = {}) {
    const running = await house.start({ subject: userSubject(), ...more, policy: { autoRetries: 0, ...more.policy } });
    await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(running.input.requestId, 'FAILED');
    return running;
  }

  test('it is told again every parking window, and around its due date, once each', async () => {
    const running = await parked({ policy: { dueInMs: 12 * DAY_MS, parkingWindowMs: 7 * DAY_MS } });
    await house.environment.sleep(28 * DAY_MS + 3_600_000);
    const { timeline } = await house.until(running.input.requestId, 'told five times', (record) => record.timeline.filter(({ what }) => what === 'told again').length >= 5);
    const told = timeline.filter(({ what }) => what === 'told again').map(({ cause }) => cause.split(':')[0]);
    // Day 7, day 9 (three days before it is due), day 12, and again a window later each.
    expect(told.slice(0, 4)).toEqual(['Still not deleted', 'Not deleted yet, and soon due', 'Overdue, and not deleted', 'Still not deleted']);
    expect(told.filter((what) => what !== 'Still not deleted')).toHaveLength(2);
    expect(house.events.seen.filter((seen) => seen === `overdue ${running.input.requestId}`)).toHaveLength(1);
    expect((await notificationsOf(house.database, running.input.requestId)).length).toBe(1 + told.length);
    await running.handle.signal('cancel');
    await running.handle.result();
  });

  test('it is never given up: after a year it is there, and a late SUCCESS completes it', async () => {
    const running = await parked();
    await house.environment.sleep('365 days');
    const { timeline } = await house.until(running.input.requestId, 'told all year', (record) => record.timeline.filter(({ what }) => what === 'told again').length >= 50);
    expect(timeline.filter(({ what }) => what === 'told again').length).toBeLessThanOrEqual(55);
    expect((await house.read(running.input.requestId)).deletion.status).toBe('FAILED');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    const { typedSearchAttributes } = await running.handle.describe();
    expect(typedSearchAttributes.getAll().find(({ key }) => key.name === 'DeletionStatus')?.value).toBe('COMPLETED');
  });
});

describe('a life with a long history', () => {
  let house: WorkflowHouse;
  beforeAll(async () => {
    house = await openWorkflowHouse({ longHistory: 60 });
  }, 300_000);
  afterAll(() => house.close());
  const runsOf = async (workflowId: string) => {
    const { runId, raw } = await house.client.workflow.getHandle(workflowId).describe();
    return { runId, firstRunId: raw.workflowExecutionInfo?.firstRunId };
  };
  const hasContinued = (workflowId: string, from: string) => waitFor('a run that continues', async () => (await runsOf(workflowId)).runId !== from);

  test('goes on as a new run while parked, with its hold, its joined requests and its claim, and loses no signal', async () => {
    const subject = userSubject();
    const running = await house.start({ subject, userId: 'user_long', policy: { autoRetries: 0, parkingWindowMs: 500 } });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.executeUpdate('holdNow', { args: [{ by: 'olga' }] });
    const { runId } = await runsOf(running.workflowId);
    for (let i = 0; i < 60; i++) await running.handle.signal('airflowResult', { requestId, attempt: 99, status: 'FAILURE' });
    await hasContinued(running.workflowId, runId);
    expect(await running.handle.query('status')).toMatchObject({ phase: 'parked', attempt: 1, onHold: true });
    const { timeline, deletion } = await house.read(requestId);
    expect(timeline.filter(({ what }) => what === 'parked')).toHaveLength(1);
    expect(deletion).toMatchObject({ status: 'FAILED', held: true });

    // Many retries of a person who does not give up, across several runs: each one is done or refused, none is lost.
    await running.handle.executeUpdate('releaseNow');
    for (let attempt = 2; attempt <= 12; attempt++) {
      await running.handle.executeUpdate('retryNow', { args: [{ by: 'olga', reason: `try ${attempt}` }] });
      await house.until(requestId, `attempt ${attempt}`, (record) => record.deletion.status === 'SENT_TO_AIRFLOW' && record.deletion.attempt === attempt);
      await house.result(running, attempt, 'FAILURE');
      await house.untilStatus(requestId, 'FAILED');
    }
    const after = await house.read(requestId);
    expect(after.timeline.filter(({ what }) => what === 'retry').map(({ reason }) => reason)).toEqual(Array.from({ length: 11 }, (_, i) => `try ${i + 2}`));
    await house.result(running, 3, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ requestId, outcome: 'COMPLETED', attempts: 12 });
    const outbox = await outboxOf(house.database, requestId);
    expect(outbox.filter(({ destination }) => destination === 'airflow.pipeline.trigger')).toHaveLength(12);
  });

  test('goes on while Airflow runs and while on hold, without a second trigger', async () => {
    const running = await house.start({ subject: userSubject() });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    const { runId } = await runsOf(running.workflowId);
    for (let i = 0; i < 40; i++) {
      await running.handle.signal('airflowResult', { requestId, attempt: 99, status: 'FAILURE' });
      if (i % 10 === 0) await running.handle.query('status');
    }
    await hasContinued(running.workflowId, runId);
    expect(await running.handle.query('status')).toMatchObject({ phase: 'sent', attempt: 1 });
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
    expect((await house.read(requestId)).attempts).toHaveLength(1);
  });

  test('goes on while the inventory is stale, for as long as that takes', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    await house.database.rows(`UPDATE inventory_feed SET caught_up_at = now() - interval '2 hours'`);
    const running = await house.start({ subject: serviceSubject(tenantId, 'db') });
    const { requestId } = running.input;
    await house.until(requestId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    const { runId } = await runsOf(running.workflowId);
    for (let i = 0; i < 40; i++) await running.handle.signal('recheck');
    await waitFor('a run that continues', async () => {
      await running.handle.signal('recheck');
      return (await runsOf(running.workflowId)).runId !== runId;
    });
    await currentInventory(house.database);
    await running.handle.signal('recheck');
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('of a tenant goes on as well, and keeps its clean-up', async () => {
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
    const { runId } = await runsOf(`tenant/${tenantId}`);
    for (let i = 0; i < 60; i++) await tenant.signal('airflowResult', { requestId: 'other', attempt: 1, status: 'FAILURE' });
    await hasContinued(`tenant/${tenantId}`, runId);
    await house.jobResult(`del_req_${cleanUpId}`, 'SUCCESS');
    await tenant.result();
    expect((await house.read(cleanUpId)).deletion).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  });
});

test('the reminder after one that fires at its very time is another', () => {
  const window = 7 * DAY_MS;
  expect(nextReminder(window, DUE_SOON_MS)).toEqual({ inMs: DUE_SOON_MS, what: 'overdue' });
  expect(nextReminder(window, 0)).toEqual({ inMs: window, what: 'still-parked' });
});
