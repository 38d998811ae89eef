import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { DEFAULT_VERIFICATION, SIGNALS, tenantWorkflowId, UPDATES, verificationWorkflowId, type Subject, type Verdict, type VerificationPolicy } from '../../contracts/names/index.js';
import { provision, serviceEvent, serviceSubject } from './deletions.js';
import type { HistoryHouse } from './history-house.js';
import { gone, stored, type TestSubject } from './subjects.js';
import { waitFor } from './wait-for.js';

/** Plays one way that a workflow can go, to its end. @returns the histories by name */
export type Scene = (house: HistoryHouse) => Promise<Record<string, string>>;

/** What no history may hold: the users of the scenes. */
export const USER_ID = 'person-4711@example.org';

const OLGA = { by: 'olga', reason: 'asked by phone' };
const userSubject = (name: string): Subject => ({ kind: 'user', subjectRef: `v1.${name}` });
const MINUTE_MS = 60_000;

async function ended(house: HistoryHouse, name: string, workflowId: string, outcome: string): Promise<Record<string, string>> {
  const result = (await house.client.workflow.getHandle(workflowId).result()) as { outcome: string };
  if (result.outcome !== outcome) throw new Error(`${name} ended as ${result.outcome}, not ${outcome}`);
  return { [name]: await house.history(workflowId) };
}

/** A service that nothing depends on, its deletion started. */
async function startService(house: HistoryHouse, name: string, more: Partial<Parameters<HistoryHouse['start']>[0]> = {}) {
  await provision(house.database, `tenant-${name}`, { db: [] });
  return house.start({ requestId: name, subject: serviceSubject(`tenant-${name}`, 'db'), ...more });
}

/** Without its stack, which names files of this machine. */
function outage(): ApplicationFailure {
  const failure = ApplicationFailure.retryable('the ledger cannot be reached', 'Outage');
  failure.stack = '';
  return failure;
}

export const scenes: Readonly<Record<string, Scene>> = {
  'ledger-out-of-reach': async (house) => {
    // What runs beside the workflow fails, so that a normal activity does the work.
    house.interfere = (name, _call, work) => {
      if (name === 'trigger' && activityInfo().isLocal) throw outage();
      return work();
    };
    const { workflowId } = await startService(house, 'out-of-reach');
    await house.untilSent('out-of-reach');
    house.interfere = undefined;
    await house.result('out-of-reach', 1, 'SUCCESS');
    return ended(house, 'ledger-out-of-reach', workflowId, 'COMPLETED');
  },
  'happy-service': async (house) => {
    const { workflowId } = await startService(house, 'happy-service');
    await house.untilSent('happy-service');
    await house.result('happy-service', 1, 'SUCCESS');
    return ended(house, 'happy-service', workflowId, 'COMPLETED');
  },
  'happy-user': async (house) => {
    const { workflowId } = await house.start({ requestId: 'happy-user', subject: userSubject('happy'), userId: USER_ID, policy: { dagId: 'user_cleanup_dag' } });
    await house.untilSent('happy-user');
    await house.result('happy-user', 1, 'SUCCESS');
    return ended(house, 'happy-user', workflowId, 'COMPLETED');
  },
  'claim-sends-service': async (house) => {
    const { workflowId } = await startService(house, 'claim-sends-service');
    await house.untilSent('claim-sends-service');
    await house.result('claim-sends-service', 1, 'SUCCESS');
    return ended(house, 'claim-sends-service', workflowId, 'COMPLETED');
  },
  'claim-sends-user': async (house) => {
    const { workflowId } = await house.start({ requestId: 'claim-sends-user', subject: userSubject('claim-sends'), userId: USER_ID, policy: { dagId: 'user_cleanup_dag' } });
    await house.untilSent('claim-sends-user');
    await house.result('claim-sends-user', 1, 'SUCCESS');
    return ended(house, 'claim-sends-user', workflowId, 'COMPLETED');
  },
  'user-waits-for-its-owners': async (house) => {
    const subject = userSubject('owners-out');
    house.ownersAreOut = true;
    const { workflowId } = await house.start({ requestId: 'owners-out', subject, userId: USER_ID, policy: { dagId: 'user_cleanup_dag' } });
    await waitFor('the deletion waits', async () => (await house.client.workflow.getHandle(workflowId).query<{ phase: string }>('status')).phase === 'pending');
    house.ownersAreOut = false;
    await house.untilSent('owners-out');
    await house.result('owners-out', 1, 'SUCCESS');
    return ended(house, 'user-waits-for-its-owners', workflowId, 'COMPLETED');
  },
  'verification-nothing-left': async (house) => {
    const user = { userId: USER_ID, subjectRef: 'v1.nothing-left' };
    await completedUser(house, 'nothing-left', user, { posts: 1 }, {});
    const handle = house.client.workflow.getHandle(verificationWorkflowId('nothing-left'));
    await waitFor('it has looked once', async () => (await handle.fetchHistory()).events?.some(({ timerStartedEventAttributes }) => timerStartedEventAttributes));
    await gone(house.database, user, 'post', 1);
    await handle.signal(SIGNALS.recheck);
    return stated(house, 'verification-nothing-left', 'nothing-left', 'CLEAN');
  },
  'verification-residual': async (house) => {
    const user = { userId: USER_ID, subjectRef: 'v1.residual' };
    await completedUser(house, 'residual', user, { posts: 2, media: 1 }, { deadlineMs: 1_500, onResidual: 'delete-again' });
    return stated(house, 'verification-residual', 'residual', 'RESIDUAL');
  },
  'failure-then-success': async (house) => {
    const { workflowId } = await startService(house, 'failure-then-success', { policy: { retryBackoffMs: 300 } });
    await house.untilSent('failure-then-success');
    await house.result('failure-then-success', 1, 'FAILURE');
    await house.untilSent('failure-then-success', 2);
    await house.result('failure-then-success', 2, 'SUCCESS');
    return ended(house, 'failure-then-success', workflowId, 'COMPLETED');
  },
  'results-taken-as-updates': async (house) => {
    const { workflowId } = await startService(house, 'taken-as-updates', { policy: { retryBackoffMs: 300 } });
    await house.untilSent('taken-as-updates');
    await house.result('taken-as-updates', 1, 'FAILURE', { as: 'update' });
    await house.untilSent('taken-as-updates', 2);
    await house.result('taken-as-updates', 2, 'SUCCESS', { as: 'update' });
    return ended(house, 'results-taken-as-updates', workflowId, 'COMPLETED');
  },
  'silence-then-late-success': async (house) => {
    const { workflowId } = await startService(house, 'silence', { policy: { resultTimeoutMs: 500, autoRetries: 1, retryBackoffMs: 300 } });
    await house.until('silence', 'TIMEOUT', ({ deletion }) => deletion.status === 'TIMEOUT');
    await house.result('silence', 1, 'SUCCESS');
    return ended(house, 'silence-then-late-success', workflowId, 'COMPLETED');
  },
  'parked-told-again-then-retried': async (house) => {
    const { workflowId } = await startService(house, 'told-again', { policy: { autoRetries: 0, parkingWindowMs: 700 } });
    await house.untilSent('told-again');
    await house.result('told-again', 1, 'FAILURE');
    await house.until('told-again', 'told twice', ({ timeline }) => timeline.filter(({ what }) => what === 'told again').length === 2);
    await house.client.workflow.getHandle(workflowId).executeUpdate(UPDATES.retry, { args: [OLGA] });
    await house.untilSent('told-again', 2);
    await house.result('told-again', 2, 'SUCCESS');
    return ended(house, 'parked-told-again-then-retried', workflowId, 'COMPLETED');
  },
  'blocked-then-freed': async (house) => {
    await provision(house.database, 'tenant-blocked', { db: [], app: ['db'] });
    const { workflowId } = await house.start({ requestId: 'blocked', subject: serviceSubject('tenant-blocked', 'db') });
    await house.until('blocked', 'blocked', ({ deletion }) => deletion.failureCode === 'DEPENDENCY_BLOCKED');
    await serviceEvent(house.database, { tenantId: 'tenant-blocked', serviceInstanceId: 'app', eventType: 'service.deprovisioned' });
    await house.relay();
    await house.untilSent('blocked');
    await house.result('blocked', 1, 'SUCCESS');
    return ended(house, 'blocked-then-freed', workflowId, 'COMPLETED');
  },
  'goes-after-its-dependant': async (house) => {
    await provision(house.database, 'tenant-after', { db: [], app: ['db'] });
    const app = await house.start({ requestId: 'after-app', subject: serviceSubject('tenant-after', 'app') });
    await house.untilSent('after-app');
    const db = await house.start({ requestId: 'after-db', subject: serviceSubject('tenant-after', 'db') });
    await waitFor('the deletion of the db waits', async () => {
      const { phase } = await house.client.workflow.getHandle(db.workflowId).query<{ phase: string }>('status');
      return phase === 'pending';
    });
    await house.result('after-app', 1, 'SUCCESS');
    await house.client.workflow.getHandle(app.workflowId).result();
    await house.relay();
    await house.untilSent('after-db');
    await house.result('after-db', 1, 'SUCCESS');
    return ended(house, 'goes-after-its-dependant', db.workflowId, 'COMPLETED');
  },
  'held-then-released': async (house) => {
    const { workflowId } = await startService(house, 'held', { graceMs: 1_500 });
    const handle = house.client.workflow.getHandle(workflowId);
    await handle.executeUpdate(UPDATES.hold, { args: [OLGA] });
    await waitFor('the grace period is over', async () => (await handle.query<{ phase: string }>('status')).phase === 'held');
    // Without input, as from a command line.
    await handle.signal(SIGNALS.release);
    await house.untilSent('held');
    await house.result('held', 1, 'SUCCESS');
    return ended(house, 'held-then-released', workflowId, 'COMPLETED');
  },
  'cancelled-while-parked': async (house) => {
    const { workflowId } = await startService(house, 'cancelled');
    await house.untilSent('cancelled');
    await house.result('cancelled', 1, 'FAILURE', { failureCode: 'NO_ERASER' });
    await house.until('cancelled', 'parked', ({ deletion }) => deletion.status === 'FAILED');
    await house.client.workflow.getHandle(workflowId).executeUpdate(UPDATES.cancel, { args: [OLGA] });
    return ended(house, 'cancelled-while-parked', workflowId, 'CANCELLED');
  },
  'joined-in-time': async (house) => {
    const { workflowId } = await startService(house, 'joined');
    await house.untilSent('joined');
    await house.start({ requestId: 'joins', subject: serviceSubject('tenant-joined', 'db') });
    await house.until('joins', 'DUPLICATE', ({ deletion }) => deletion.status === 'DUPLICATE');
    await house.result('joined', 1, 'SUCCESS');
    return ended(house, 'joined-in-time', workflowId, 'COMPLETED');
  },
  'withdrawn-and-handed-over': async (house) => {
    const subject = userSubject('handed-over');
    const { workflowId } = await house.start({ requestId: 'withdrawn', subject, userId: USER_ID, graceMs: MINUTE_MS });
    await house.start({ requestId: 'heir', subject, userId: USER_ID, graceMs: MINUTE_MS });
    await house.until('heir', 'DUPLICATE', ({ deletion }) => deletion.status === 'DUPLICATE');
    await house.client.workflow.getHandle(workflowId).executeUpdate(UPDATES.cancel, { args: [OLGA] });
    await house.start({ requestId: 'hard', subject, userId: USER_ID });
    await house.untilSent('heir');
    await house.result('heir', 1, 'SUCCESS');
    return ended(house, 'withdrawn-and-handed-over', workflowId, 'COMPLETED');
  },
  'joined-too-late': async (house) => {
    const subject = userSubject('too-late');
    const late = async () => {
      house.interfere = undefined;
      await house.start({ requestId: 'late', subject, userId: USER_ID });
    };
    house.interfere = async (name, _call, work) => {
      const answer = await work();
      if (name === 'complete') await late();
      return answer;
    };
    const { workflowId } = await house.start({ requestId: 'early', subject, userId: USER_ID });
    const { runId } = await house.client.workflow.getHandle(workflowId).describe();
    await house.untilSent('early');
    await house.result('early', 1, 'SUCCESS');
    await house.untilSent('late');
    await house.result('late', 1, 'SUCCESS');
    const second = await ended(house, 'joined-too-late-second-run', workflowId, 'COMPLETED');
    return { 'joined-too-late-first-run': await house.history(workflowId, runId), ...second };
  },
  'tenant-cleaned-up': async (house) => {
    const { workflowId } = await startService(house, 'last', { gdprMode: true });
    await house.untilSent('last');
    await house.result('last', 1, 'SUCCESS');
    await house.client.workflow.getHandle(workflowId).result();
    await house.relay();
    const cleanUp = 'tenant~tenant-last~1';
    await waitFor('the clean-up begins', async () => (await house.database.rows('SELECT FROM attempts WHERE request_id = $1', [cleanUp])).length > 0);
    await house.result(cleanUp, 1, 'SUCCESS');
    return endedTenant(house, 'tenant-cleaned-up', 'tenant-last', 1);
  },
  'taken-over-then-retried': async (house) => {
    const { workflowId } = await startService(house, 'taken-over');
    await house.untilSent('taken-over');
    await house.client.workflow.getHandle(workflowId).terminate();
    const pass = await house.reconcile();
    await house.until('taken-over', 'parked', ({ deletion }) => deletion.failureCode === 'WORKFLOW_TERMINATED');
    await house.client.workflow.getHandle(workflowId).executeUpdate(UPDATES.retry, { args: [OLGA] });
    await house.untilSent('taken-over', 2);
    await house.result('taken-over', 2, 'SUCCESS');
    return { ...(await ended(house, 'taken-over-then-retried', workflowId, 'COMPLETED')), 'taken-over-then-retried-reconcile': await house.history(pass) };
  },
  'claims-again': async (house) => {
    const { workflowId } = await startService(house, 'claims-again');
    await house.untilSent('claims-again');
    await house.client.workflow.getHandle(workflowId).signal(SIGNALS.reclaim);
    await waitFor('it has claimed again', async () => (await house.history(workflowId)).split('MARKER_RECORDED').length > 2);
    await house.result('claims-again', 1, 'SUCCESS');
    return ended(house, 'claims-again', workflowId, 'COMPLETED');
  },
  'tenant-with-nothing-to-do': async (house) => {
    await provision(house.database, 'tenant-plain', { db: [] });
    await serviceEvent(house.database, { tenantId: 'tenant-plain', serviceInstanceId: 'db', eventType: 'service.deprovisioned' });
    await house.relay();
    return endedTenant(house, 'tenant-with-nothing-to-do', 'tenant-plain', 0);
  },
};

/** A user of whom something is known, whose deletion is completed and is being verified. */
async function completedUser(house: HistoryHouse, requestId: string, user: TestSubject, known: { readonly posts?: number; readonly media?: number }, verification: Partial<VerificationPolicy>): Promise<void> {
  await stored(house.database, { ...user, ...known });
  await house.start({ requestId, subject: { kind: 'user', subjectRef: user.subjectRef }, userId: user.userId, policy: { dagId: 'user_cleanup_dag', verification: { ...DEFAULT_VERIFICATION, ...verification } } });
  await house.untilSent(requestId);
  await house.result(requestId, 1, 'SUCCESS');
  await house.until(requestId, 'COMPLETED', ({ deletion }) => deletion.status === 'COMPLETED');
  await house.relay();
}

async function stated(house: HistoryHouse, name: string, requestId: string, verdict: Verdict): Promise<Record<string, string>> {
  const workflowId = verificationWorkflowId(requestId);
  const result = (await house.client.workflow.getHandle(workflowId).result()) as { verdict: string };
  if (result.verdict !== verdict) throw new Error(`${name} ended as ${result.verdict}, not ${verdict}`);
  return { [name]: await house.history(workflowId) };
}

async function endedTenant(house: HistoryHouse, name: string, tenantId: string, cleanUps: number): Promise<Record<string, string>> {
  const result = (await house.client.workflow.getHandle(tenantWorkflowId(tenantId)).result()) as { cleanUps: unknown[] };
  if (result.cleanUps.length !== cleanUps) throw new Error(`${tenantId} had ${result.cleanUps.length} clean-ups, not ${cleanUps}`);
  return { [name]: await house.history(tenantWorkflowId(tenantId)) };
}
