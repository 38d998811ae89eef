import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryUnavailable, localInventory, type SubjectInventory } from '../../activities/subject-inventory.js';
import { SIGNALS, SUBJECT_KINDS, UPDATES, verificationWorkflowId, type SubjectCounts, type VerificationPolicy } from '../../contracts/names/index.js';
import { readTombstone, subjectCounts } from '../../store/subjects/read.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import { readUserInventory } from '../../store/subjects/user-inventory.js';
import { freshId, outboxOf } from '../support/deletions.js';
import { gone, stored, subjectEvent, type TestSubject } from '../support/subjects.js';
import { waitFor } from '../support/wait-for.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

const DAY_MS = 24 * 3_600_000;
const policy = (more: Partial<VerificationPolicy> = {}) => ({ dagId: 'user_cleanup_dag', verification: { deadlineMs: DAY_MS, onResidual: 'alert', deleteAgainAtMost: 1, ...more } }) as const;
const freshUser = (): TestSubject => ({ userId: freshId('user'), subjectRef: freshId('v1.ref') });
const all = (n: number): SubjectCounts => Object.fromEntries(SUBJECT_KINDS.map((kind) => [kind, n]));

let house: WorkflowHouse;
/** The owning services, where a test puts them in the place of the index. */
const owners: { answer?: () => Promise<SubjectCounts> } = {};
const switched: SubjectInventory = {
  get seesGo() { return owners.answer ? new Set(SUBJECT_KINDS) : localInventory.seesGo; },
  get readAhead() { return owners.answer ? {} : localInventory.readAhead; },
  get isLocal() { return owners.answer === undefined; },
  ask: async (requestId) => {
    if (!owners.answer) return localInventory.ask(requestId);
    const counts = await owners.answer();
    return () => Promise.resolve(counts);
  },
};

beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real', inventory: () => switched });
}, 300_000);
afterAll(() => house.close());

const start = ({ userId, subjectRef }: TestSubject, verification: Partial<VerificationPolicy> = {}, more: object = {}): Promise<Running> =>
  house.start({ subject: { kind: 'user', subjectRef }, userId, policy: policy(verification), ...more });

/** Airflow's SUCCESS comes, the deletion completes, and the relay delivers what waits. */
async function complete(running: Pick<Running, 'input'>, counts?: Record<string, number>): Promise<void> {
  const { requestId } = running.input;
  await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
  await house.jobResult(`del_req_${requestId}`, 'SUCCESS', undefined, undefined, counts);
  await house.untilStatus(requestId, 'COMPLETED');
  await house.relay();
}
const verificationOf = (requestId: string) => house.client.workflow.getHandle(verificationWorkflowId(requestId));
const lookNow = (requestId: string) => verificationOf(requestId).signal(SIGNALS.recheck);
const trigger = async (requestId: string) => {
  const row = (await outboxOf(house.database, requestId)).find(({ destination }) => destination === 'airflow.pipeline.trigger');
  return JSON.parse(row?.body ?? '{}') as { payload: { conf: Record<string, unknown> } };
};
const linesOf = async (requestId: string, what: string) => (await house.read(requestId)).timeline.filter((line) => line.what === what).map(({ cause, status }) => ({ cause, status }));

describe('what exists of a user', () => {
  test('is asked before the attempt is sent, goes into the DAG\'s conf, and is kept', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 3, media: 1, profile: true });
    const { input: { requestId } } = await start(user);
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    const expected = { post: 3, media: 1, message: 0, profile: 1 };
    expect((await trigger(requestId)).payload.conf).toMatchObject({ user_id: user.userId, dry_run: false, expected });
    const { deletion, attempts } = await house.read(requestId);
    expect([deletion.expected, attempts[0]?.expected]).toEqual([expected, expected]);
    await complete({ input: { requestId } as Running['input'] });
  });

  test('is counted anew for each attempt', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 3 });
    const running = await house.start({ subject: { kind: 'user', subjectRef: user.subjectRef }, userId: user.userId, policy: { ...policy(), autoRetries: 0 } });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    await gone(house.database, user, 'post', 1);
    await house.result(running, 1, 'FAILURE');
    await house.untilStatus(requestId, 'FAILED');
    await running.handle.executeUpdate(UPDATES.retry);
    const { deletion, attempts } = await house.until(requestId, 'second attempt', ({ deletion: { attempt } }) => attempt === 2);
    expect(attempts.map(({ expected }) => expected?.post)).toEqual([3, 2]);
    expect(deletion.expected?.post).toBe(2);
  });
});

describe('the verification of a completed deletion', () => {
  test('ends as soon as nothing is left; the index forgets the user, and the tombstone stays', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 2, messages: 1, profile: true });
    const running = await start(user);
    const { requestId } = running.input;
    await complete(running);
    expect(await readTombstone(house.database, [user.subjectRef])).toMatchObject({ requestId });
    await gone(house.database, user, 'post', 1, 2);
    await gone(house.database, user, 'message', 1);
    await lookNow(requestId);
    await waitFor('it has looked', async () => (await verificationOf(requestId).fetchHistory()).events?.some(({ timerStartedEventAttributes }) => timerStartedEventAttributes));
    expect((await house.read(requestId)).verification).toMatchObject({ verdict: null });
    await applySubjectEvents(house.database, [subjectEvent(user, 'profile', undefined, 'gone')]);
    await lookNow(requestId);
    expect(await verificationOf(requestId).result()).toEqual({ requestId, verdict: 'CLEAN', residual: {}, again: null });

    const { deletion, verification } = await house.read(requestId);
    expect(deletion.status).toBe('COMPLETED');
    expect(verification).toMatchObject({ verdict: 'CLEAN', residual: {}, unverifiable: {} });
    expect(await linesOf(requestId, 'verified')).toEqual([{ cause: 'nothing is left of what was known to exist', status: 'COMPLETED' }]);
    expect(await subjectCounts(house.database, [user.subjectRef])).toEqual([]);
    expect(await readUserInventory(house.database, requestId)).toEqual({ isKnown: false, kinds: [] });
    expect(await readTombstone(house.database, [user.subjectRef])).toMatchObject({ requestId });
  });

  test('states at the deadline what is left, and alerts; the completed deletion stays completed', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 3, messages: 1 });
    const running = await start(user, { deadlineMs: 1_500 });
    const { requestId } = running.input;
    await complete(running);
    await gone(house.database, user, 'post', 1);
    await gone(house.database, user, 'message', 1);
    expect(await verificationOf(requestId).result()).toEqual({ requestId, verdict: 'RESIDUAL', residual: { post: 2 }, again: null });
    const { deletion, verification, again } = await house.read(requestId);
    expect([deletion.status, again]).toEqual(['COMPLETED', null]);
    expect(verification).toMatchObject({ verdict: 'RESIDUAL', residual: { post: 2 } });
    expect(verification!.statedAt!.getTime()).toBeGreaterThanOrEqual(verification!.deadlineAt.getTime());
    expect(await linesOf(requestId, 'residual')).toEqual([{ cause: 'left: 2 post', status: 'COMPLETED' }]);
    expect(house.events.seen).toContain(`verified ${requestId} RESIDUAL 2 post`);
    expect(await readUserInventory(house.database, requestId)).toEqual({ isKnown: false, kinds: [] });
  });

  test('says of what no event tells that nobody can tell, unless Airflow counted it', async () => {
    const [untold, counted] = [freshUser(), freshUser()];
    await stored(house.database, { ...untold, media: 2 });
    await stored(house.database, { ...counted, media: 2 });
    const [one, other] = [await start(untold), await start(counted)];
    await complete(one, { files_deleted: 2 });
    await complete(other, { media: 2 });
    expect(await verificationOf(one.input.requestId).result()).toMatchObject({ verdict: 'UNVERIFIABLE', residual: {} });
    expect((await house.read(one.input.requestId)).verification).toMatchObject({ unverifiable: { media: 2 } });
    expect(await verificationOf(other.input.requestId).result()).toMatchObject({ verdict: 'CLEAN' });
  });

  test('needs no workflow when nothing was known to exist', async () => {
    const user = freshUser();
    const running = await start(user);
    const { requestId } = running.input;
    await complete(running);
    expect((await house.read(requestId)).verification).toMatchObject({ verdict: 'NOTHING_KNOWN' });
    expect(await linesOf(requestId, 'verified')).toEqual([]);
    await expect(verificationOf(requestId).describe()).rejects.toThrow(/not found/i);
    expect(await readTombstone(house.database, [user.subjectRef])).toMatchObject({ requestId });
  });

  test('needs none either when all that was known is gone before', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    await gone(house.database, user, 'post', 1);
    const running = await start(user);
    await complete(running);
    expect((await house.read(running.input.requestId)).verification).toMatchObject({ verdict: 'CLEAN' });
    expect(await linesOf(running.input.requestId, 'verified')).toHaveLength(1);
    expect(await readUserInventory(house.database, running.input.requestId)).toEqual({ isKnown: false, kinds: [] });
  });

  test('follows no dry run, which leaves no tombstone either', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    const running = await start(user, {}, { dryRun: true });
    await complete(running);
    const { deletion, verification } = await house.read(running.input.requestId);
    expect([deletion.expected?.post, verification]).toEqual([1, undefined]);
    expect(await readTombstone(house.database, [user.subjectRef])).toBeUndefined();
    expect(await subjectCounts(house.database, [user.subjectRef])).toHaveLength(1);
  });

  test('that is started again after its end says what was stated, and does nothing', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    const running = await start(user, { deadlineMs: 1 });
    const { requestId } = running.input;
    await complete(running);
    const first: unknown = await verificationOf(requestId).result();
    await house.database.rows(`UPDATE outbox SET sent_at = NULL WHERE event_id = $1`, [`${requestId}/verify/1`]);
    expect(await house.relay()).toContain(verificationWorkflowId(requestId));
    expect(await verificationOf(requestId).result()).toEqual(first);
    expect(await linesOf(requestId, 'residual')).toHaveLength(1);
  });

  test('leaves the inventory to another deletion of the same user that is to be verified still', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    const first = await start(user, { deadlineMs: 2_000 });
    await complete(first);
    const second = await start(user, { deadlineMs: 3_000 });
    await complete(second);
    expect(await verificationOf(first.input.requestId).result()).toMatchObject({ residual: { post: 1 } });
    expect(await verificationOf(second.input.requestId).result()).toMatchObject({ residual: { post: 1 } });
    expect(await readUserInventory(house.database, second.input.requestId)).toEqual({ isKnown: false, kinds: [] });
  });
});

test('a deletion that kept the inventory after an earlier erasure lets it go when it is cancelled, but for what was told of since', async () => {
  const user = freshUser();
  await stored(house.database, { ...user, posts: 2 });
  const first = await start(user, { deadlineMs: 800 });
  await complete(first);
  const second = await start(user, {}, { graceMs: DAY_MS });
  expect(await verificationOf(first.input.requestId).result()).toMatchObject({ residual: { post: 2 } });
  expect(await subjectCounts(house.database, [user.subjectRef])).toMatchObject([{ kind: 'post', count: 2 }]);
  await applySubjectEvents(house.database, [subjectEvent(user, 'message', `new-of-${user.userId}`, 'live', new Date(Date.now() + 60_000))]);
  await second.handle.executeUpdate(UPDATES.cancel);
  await house.untilStatus(second.input.requestId, 'CANCELLED');
  expect(await subjectCounts(house.database, [user.subjectRef])).toMatchObject([{ kind: 'message', count: 1 }]);
});

describe('a residual, where the policy says delete-again', () => {
  test('leads to a new deletion that is linked to the first, with what is left as expected', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 2 });
    const running = await start(user, { deadlineMs: 1_000, onResidual: 'delete-again' });
    const { requestId } = running.input;
    const again = `${requestId}~again~1`;
    await complete(running);
    await gone(house.database, user, 'post', 1);
    expect(await verificationOf(requestId).result()).toEqual({ requestId, verdict: 'RESIDUAL', residual: { post: 1 }, again });
    await house.relay();
    const { deletion, timeline } = await house.untilStatus(again, 'SENT_TO_AIRFLOW');
    expect(deletion).toMatchObject({ kind: 'user', userId: user.userId, subjectRef: user.subjectRef, linkedTo: requestId, source: 'expunge', expected: { post: 1 } });
    expect(timeline[0]).toMatchObject({ what: 'received', cause: `left after ${requestId}: left: 1 post` });
    expect((await house.read(requestId)).again).toBe(again);
    expect((await house.read(requestId)).deletion.status).toBe('COMPLETED');

    await complete({ input: deletion.input });
    await gone(house.database, user, 'post', 2);
    await lookNow(again);
    expect(await verificationOf(again).result()).toMatchObject({ verdict: 'CLEAN' });
    expect(await readUserInventory(house.database, again)).toEqual({ isKnown: false, kinds: [] });
  });

  test('leads to no more of them than the policy allows', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    const running = await start(user, { deadlineMs: 300, onResidual: 'delete-again', deleteAgainAtMost: 1 });
    const again = `${running.input.requestId}~again~1`;
    await complete(running);
    await verificationOf(running.input.requestId).result();
    await house.relay();
    const { deletion } = await house.untilStatus(again, 'SENT_TO_AIRFLOW');
    await complete({ input: deletion.input });
    expect(await verificationOf(again).result()).toEqual({ requestId: again, verdict: 'RESIDUAL', residual: { post: 1 }, again: null });
  });

  test('joins a deletion of the user that is under way', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 1 });
    const running = await start(user, { deadlineMs: 300, onResidual: 'delete-again' });
    await complete(running);
    const other = await start(user);
    await house.untilStatus(other.input.requestId, 'SENT_TO_AIRFLOW');
    await verificationOf(running.input.requestId).result();
    await house.relay();
    const { deletion } = await house.untilStatus(`${running.input.requestId}~again~1`, 'DUPLICATE');
    expect(deletion.duplicateOf).toBe(other.input.requestId);
  });

  test('leads to none when the user is back: that is for a person to decide, and what is new is kept', async () => {
    const user = freshUser();
    await stored(house.database, { ...user, posts: 2 });
    const running = await start(user, { deadlineMs: 700, onResidual: 'delete-again' });
    const { requestId } = running.input;
    await complete(running);
    await applySubjectEvents(house.database, [subjectEvent(user, 'post', `new-of-${user.userId}`, 'live', new Date(Date.now() + 60_000))]);
    expect(await verificationOf(requestId).result()).toEqual({ requestId, verdict: 'RESIDUAL', residual: { post: 2 }, again: null });
    expect(await subjectCounts(house.database, [user.subjectRef])).toMatchObject([{ kind: 'post', count: 1 }]);
  });
});

describe('with the owning services in the place of the index', () => {
  test('a deletion waits while one of them is out, can be cancelled meanwhile, and goes on when it is back', async () => {
    owners.answer = () => Promise.reject(new InventoryUnavailable('media-service', 'cannot be reached'));
    const [waits, withdrawn] = [await start(freshUser()), await start(freshUser())];
    await waitFor('both wait', () => house.events.seen.filter((line) => line === 'inventory unavailable media-service').length >= 4 || undefined);
    expect((await house.read(waits.input.requestId)).deletion.status).toBe('PENDING');
    await withdrawn.handle.executeUpdate(UPDATES.cancel);
    await house.untilStatus(withdrawn.input.requestId, 'CANCELLED');
    owners.answer = () => Promise.resolve(all(2));
    const { deletion } = await house.untilStatus(waits.input.requestId, 'SENT_TO_AIRFLOW');
    expect(deletion.expected).toEqual(all(2));
    delete owners.answer;
  });

  test('a verification asks them, waits while one is out, and states what they say', async () => {
    owners.answer = () => Promise.resolve({ ...all(0), media: 3 });
    const running = await start(freshUser(), { deadlineMs: 300 });
    const { requestId } = running.input;
    await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
    owners.answer = () => Promise.reject(new InventoryUnavailable('media-service', 'cannot be reached'));
    await complete(running);
    await waitFor('the deadline is over', async () => ((await house.read(requestId)).verification?.deadlineAt.getTime() ?? Infinity) < Date.now() || undefined);
    await lookNow(requestId);
    expect((await house.read(requestId)).verification).toMatchObject({ verdict: null });
    owners.answer = () => Promise.resolve({ ...all(0), media: 1 });
    await lookNow(requestId);
    expect(await verificationOf(requestId).result()).toMatchObject({ verdict: 'RESIDUAL', residual: { media: 1 } });
    delete owners.answer;
  });
});

test('Temporal sees no user in a verification', async () => {
  const user = { userId: `person-${freshId('u')}`, subjectRef: freshId('v1.ref') };
  await stored(house.database, { ...user, posts: 1 });
  const running = await start(user, { deadlineMs: 1, onResidual: 'delete-again' });
  await complete(running);
  await verificationOf(running.input.requestId).result();
  const kept = JSON.stringify(await verificationOf(running.input.requestId).fetchHistory(), (name, value: unknown) => (name === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value));
  expect(kept).toContain(running.input.requestId);
  expect(kept).not.toContain(user.userId);
});
