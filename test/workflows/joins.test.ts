import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromUserDeleted } from '../../bridges/ingress/requests.js';
import { SIGNALS } from '../../contracts/names/index.js';
import { receive } from '../../store/ledger/receive.js';
import { eventTypesOf, freshId, notificationsOf, outboxOf, provision, receiveRequest, serviceSubject, testPolicy, userSubject } from '../support/deletions.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

const DAY_MS = 24 * 3_600_000;
const deletionOf = async (requestId: string) => (await house.read(requestId)).deletion;

describe('requests for one subject', () => {
  test('fifty of them: one trigger, 49 duplicates, the same outcome, each with a notification and an event of its own', async () => {
    const subject = userSubject();
    const userId = freshId('user');
    const all = await Promise.all(Array.from({ length: 50 }, () => house.start({ subject, userId })));
    const [owner] = all.filter(({ outcome }) => outcome === 'started');
    const joiners = all.filter((one) => one !== owner);
    expect(all.filter(({ outcome }) => outcome === 'started')).toHaveLength(1);
    await house.untilStatus(owner!.input.requestId, 'SENT_TO_AIRFLOW');
    for (const { input } of joiners) await house.untilStatus(input.requestId, 'DUPLICATE');
    await house.result(owner!, 1, 'SUCCESS');
    await owner!.handle.result();
    const triggers = await house.database.rows(`SELECT 1 FROM outbox WHERE destination = 'airflow.pipeline.trigger' AND key = $1`, [userId]);
    expect(triggers).toHaveLength(1);
    for (const { input } of joiners) {
      expect(await deletionOf(input.requestId)).toMatchObject({ status: 'DUPLICATE', duplicateOf: owner!.input.requestId, outcome: 'COMPLETED' });
      expect(await notificationsOf(house.database, input.requestId)).toHaveLength(1);
      expect(await eventTypesOf(house.database, input.requestId)).toEqual(['deletion.joined']);
    }
    expect((await house.read(owner!.input.requestId)).joined).toHaveLength(49);
  });

  test('a hard request ends the grace period of a soft one; another soft one does not', async () => {
    const subject = userSubject();
    const userId = freshId('user');
    const soft = await house.start({ subject, userId, graceMs: 30 * DAY_MS });
    const alsoSoft = await house.start({ subject, userId, graceMs: 30 * DAY_MS });
    await house.untilStatus(alsoSoft.input.requestId, 'DUPLICATE');
    expect(await soft.handle.query('status')).toMatchObject({ phase: 'grace', joined: [alsoSoft.input.requestId] });
    await house.start({ subject, userId });
    await house.untilStatus(soft.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(soft, 1, 'SUCCESS');
    expect(await soft.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('a user whom the service of identities deleted softly: due a month after the grace, and as soon as a request that joins in between', async () => {
    const [userId, eventId] = [freshId('user'), freshId('evt')];
    const policies = { policyFor: () => testPolicy, lanes: [] };
    const value = { user_id: userId, deleted_at: new Date().toISOString(), soft_delete: true };
    const subjectRef = freshId('v1.ref');
    const draft = fromUserDeleted(value, eventId, { key: null, value: null }, subjectRef, { policies, softDeleteGraceMs: 30 * DAY_MS });
    await receive(house.database, { ...draft, messages: [] });
    const dueInDays = async () => {
      const { dueAt, receivedAt } = await deletionOf(eventId);
      return Math.round((dueAt.getTime() - receivedAt.getTime()) / DAY_MS);
    };
    const soft = await house.start({ subject: { kind: 'user', subjectRef }, userId, requestId: eventId });
    await house.until(eventId, 'claimed', ({ deletion }) => deletion.claimedRun !== null);
    expect(await dueInDays()).toBe(60);
    const hard = await house.start({ subject: { kind: 'user', subjectRef }, userId });
    await house.untilStatus(eventId, 'SENT_TO_AIRFLOW');
    expect(await dueInDays()).toBe(30);
    await house.result(soft, 1, 'SUCCESS');
    expect(await soft.handle.result()).toMatchObject({ outcome: 'COMPLETED', requestId: eventId });
    expect(await deletionOf(hard.input.requestId)).toMatchObject({ status: 'DUPLICATE', duplicateOf: eventId, outcome: 'COMPLETED' });
  });

  test('a join retries a parked deletion', async () => {
    const subject = userSubject();
    const userId = freshId('user');
    const first = await house.start({ subject, userId, policy: { autoRetries: 0 } });
    await house.untilStatus(first.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(first, 1, 'FAILURE');
    await house.untilStatus(first.input.requestId, 'FAILED');
    const second = await house.start({ subject, userId });
    const { timeline, attempts } = await house.until(first.input.requestId, 'second attempt', ({ deletion }) => deletion.attempt === 2);
    expect(attempts[1]?.cause).toBe(`request ${second.input.requestId} joined`);
    expect(timeline.find(({ what }) => what === 'retry')).toMatchObject({ person: null });
    await house.result(first, 2, 'SUCCESS');
    await first.handle.result();
    expect(await deletionOf(second.input.requestId)).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('a join after the last write gets a deletion of its own, in a run of its own', async () => {
    // The join is signalled while the completion is being committed: after it, before the workflow hears of it.
    const subject = userSubject();
    const userId = freshId('user');
    const late = await openWorkflowHouse({
      server: 'real',
      wrap: (activities) => ({
        ...activities,
        complete: async (call) => {
          const answer = await activities.complete(call);
          const { input, workflowId } = await receiveRequest(late.database, { subject, userId, requestId: `${call.requestId}-late` });
          if (!call.requestId.endsWith('-late')) await late.client.workflow.getHandle(workflowId).signal(SIGNALS.join, { input });
          return answer;
        },
      }),
    });
    try {
      const first = await late.start({ subject, userId });
      await late.untilStatus(first.input.requestId, 'SENT_TO_AIRFLOW');
      await late.result(first, 1, 'SUCCESS');
      const lateId = `${first.input.requestId}-late`;
      await late.untilStatus(lateId, 'SENT_TO_AIRFLOW');
      expect((await late.read(first.input.requestId)).deletion.status).toBe('COMPLETED');
      await late.jobResult(`del_req_${lateId}`, 'SUCCESS');
      expect(await first.handle.result()).toMatchObject({ requestId: lateId, outcome: 'COMPLETED', attempts: 1 });
    } finally {
      await late.close();
    }
  });

  test('a join that is delivered again, even after the end, changes nothing', async () => {
    const subject = userSubject();
    const userId = freshId('user');
    const first = await house.start({ subject, userId });
    const second = await house.start({ subject, userId });
    await house.untilStatus(second.input.requestId, 'DUPLICATE');
    for (let i = 0; i < 3; i++) await first.handle.signal(SIGNALS.join, { input: second.input });
    await first.handle.signal(SIGNALS.join, { input: first.input });
    await house.untilStatus(first.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(first, 1, 'SUCCESS');
    await first.handle.result();
    expect((await house.read(second.input.requestId)).timeline.map(({ what }) => what)).toEqual(['received', 'joined', 'outcome']);
    expect((await house.read(first.input.requestId)).timeline.filter(({ what }) => what === 'joined by')).toHaveLength(1);
    const before = await house.read(second.input.requestId);
    const again: unknown = await house.client.workflow.execute('userDeletion', { workflowId: first.workflowId, taskQueue: 'expunge', args: [second.input] });
    expect(again).toMatchObject({ outcome: 'not-ours' });
    expect(await house.read(second.input.requestId)).toEqual(before);
  });

  test('a join of another user never mixes in, whoever signals it', async () => {
    const one = await house.start({ subject: userSubject(), userId: 'user_one' });
    const other = await receiveRequest(house.database, { subject: userSubject(), userId: 'user_other' });
    await one.handle.signal(SIGNALS.join, { input: other.input });
    // Not even when its request claims to be of this subject.
    await one.handle.signal(SIGNALS.join, { input: { ...other.input, subject: one.input.subject } });
    await house.untilStatus(one.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(one, 1, 'SUCCESS');
    await one.handle.result();
    expect(await deletionOf(other.input.requestId)).toMatchObject({ status: 'PENDING', duplicateOf: null, claimedRun: null });
    expect(await outboxOf(house.database, other.input.requestId)).toEqual([]);
  });

  test('gdprMode is kept for each, and the service counts as GDPR when any of them was', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [], other: [] });
    const plain = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: false });
    const gdpr = await house.start({ subject: serviceSubject(tenantId, 'db'), gdprMode: true });
    await house.untilStatus(gdpr.input.requestId, 'DUPLICATE');
    await house.untilStatus(plain.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(plain, 1, 'SUCCESS');
    await plain.handle.result();
    expect(await deletionOf(plain.input.requestId)).toMatchObject({ gdprMode: false });
    expect(await deletionOf(gdpr.input.requestId)).toMatchObject({ gdprMode: true });
    const [tenant] = await house.database.rows('SELECT gdpr_deletions, other_deletions FROM tenants WHERE tenant_id = $1', [tenantId]);
    expect(tenant).toEqual({ gdprDeletions: 1, otherDeletions: 0 });
  });
});

describe('a dry run', () => {
  test('has a workflow of its own, joins nothing, marks nothing, tells no tenant, and may run beside a real deletion', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    const subject = serviceSubject(tenantId, 'db');
    const real = await house.start({ subject });
    const dry = await house.start({ subject, dryRun: true });
    const alsoDry = await house.start({ subject, dryRun: true });
    expect([dry.workflowId, alsoDry.workflowId]).toEqual([dry, alsoDry].map(({ input }) => `${real.workflowId}/dry-run/${input.requestId}`));
    for (const running of [real, dry, alsoDry]) await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
    for (const running of [dry, alsoDry]) {
      const [trigger] = await outboxOf(house.database, running.input.requestId);
      expect(JSON.parse(trigger!.body)).toMatchObject({ payload: { conf: { dry_run: true } } });
      await house.result(running, 1, 'SUCCESS');
      expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    }
    expect(await house.database.rows('SELECT status FROM services WHERE tenant_id = $1', [tenantId])).toEqual([{ status: 'ACTIVE' }]);
    expect(await house.database.rows('SELECT gdpr_deletions + other_deletions AS n FROM tenants WHERE tenant_id = $1', [tenantId])).toEqual([{ n: 0 }]);
    expect((await house.relay()).filter((id) => id === `tenant/${tenantId}`)).toEqual([]);
    // Nor may a join be told to one.
    const next = await receiveRequest(house.database, { subject });
    const third = await house.start({ subject, dryRun: true });
    await third.handle.signal(SIGNALS.join, { input: next.input });
    await house.untilStatus(third.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(third, 1, 'SUCCESS');
    await third.handle.result();
    expect(await deletionOf(next.input.requestId)).toMatchObject({ status: 'PENDING' });

    await house.result(real, 1, 'SUCCESS');
    await real.handle.result();
    expect(await house.relay()).toEqual([`tenant/${tenantId}`]);
  });
});
