import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database, Transaction } from '../../store/database.js';
import { readDeletion } from '../../store/ledger/read.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import { readTombstone, subjectCounts } from '../../store/subjects/read.js';
import { freshId, receiveRequest } from '../support/deletions.js';
import { succeeded } from '../support/prepared-deletions.js';
import { activitiesOn, gatherStatements, openStore, type TestStore } from '../support/store.js';
import { stored, subjectEvent } from '../support/subjects.js';
import { waitFor } from '../support/wait-for.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

interface Someone {
  readonly userId: string;
  readonly subjectRef: string;
  /** Of a newer pepper. */
  readonly newerRef: string;
}
const someone = (): Someone => ({ userId: freshId('user'), subjectRef: freshId('v1.ref'), newerRef: freshId('v2.ref') });

/** A user's deletion whose SUCCESS has come. @returns the call that ends it */
async function aboutToEnd({ userId, subjectRef }: Someone) {
  const { input: { requestId } } = await receiveRequest(store.database, { subject: { kind: 'user', subjectRef }, userId });
  const call = { requestId, runId: 'run-1', kind: 'user' } as const;
  await store.activities.claim({ ...call, step: 0, sendFor: 'the request' });
  await succeeded(store, { requestId });
  return { ...call, step: 1, attempt: 1, subjectRef };
}
const postOf = ({ userId }: Someone, subjectRef: string) => subjectEvent({ userId, subjectRef }, 'post', freshId('post'), 'live', new Date(Date.now() - 60_000));
/** The store, whose transactions do this before they commit. */
const beforeCommit = (act: (tx: Transaction) => Promise<unknown>): Database => ({
  ...store.database,
  transaction: (work) => store.database.transaction(async (tx) => {
    const answer = await work(tx);
    await act(tx);
    return answer;
  }),
});
const verdictOf = async (requestId: string) => (await readDeletion(store.database, requestId))?.verification?.verdict;

describe('the end of a user of whom nothing was known', () => {
  test('takes two round trips, and says so at once', async () => {
    const user = someone();
    const call = await aboutToEnd(user);
    const gathered = gatherStatements(store.database);
    expect(await activitiesOn(gathered.database).complete(call)).toMatchObject({ outcome: 'completed' });
    expect(gathered.roundTrips()).toBe(2);
    expect(await verdictOf(call.requestId)).toBe('NOTHING_KNOWN');
    expect(await readTombstone(store.database, [user.subjectRef])).toMatchObject({ requestId: call.requestId });
  });

  test('takes one more where the user goes by another reference as well, and leaves a tombstone under both', async () => {
    const user = someone();
    const call = await aboutToEnd(user);
    const gathered = gatherStatements(store.database);
    expect(await activitiesOn(gathered.database, () => [user.newerRef, user.subjectRef]).complete(call)).toMatchObject({ outcome: 'completed' });
    expect(gathered.roundTrips()).toBe(3);
    expect(await verdictOf(call.requestId)).toBe('NOTHING_KNOWN');
    for (const ref of [user.subjectRef, user.newerRef]) expect(await readTombstone(store.database, [ref])).toMatchObject({ requestId: call.requestId });
  });

  const UNDER = [
    ['one reference', ({ subjectRef }: Someone) => [subjectRef]],
    ['two references', ({ newerRef, subjectRef }: Someone) => [newerRef, subjectRef]],
  ] as const;
  const advisoryLocks = async (granted: boolean) => (await store.database.rows(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted = $1`, [granted])).length;

  test.each(UNDER)('under %s waits for what is being written of the user, and has it verified', async (_, refsOf) => {
    const user = someone();
    const refs = refsOf(user);
    const call = await aboutToEnd(user);
    let commit = (): void => undefined;
    const toBeCommitted = new Promise<void>((resolve) => (commit = resolve));
    const written = applySubjectEvents(beforeCommit(() => toBeCommitted), [postOf(user, refs[0]!)]);
    await waitFor('the event is being written', async () => (await advisoryLocks(true)) === 1);
    const ended = activitiesOn(store.database, () => refs).complete(call);
    await waitFor('the completion waits for it', async () => (await advisoryLocks(false)) === 1);
    commit();
    await Promise.all([written, ended]);
    expect(await verdictOf(call.requestId)).toBeNull();
    expect(await subjectCounts(store.database, refs)).toMatchObject([{ kind: 'post', count: 1 }]);
  });

  test.each(UNDER)('under %s states nothing of what the index holds, however the two fall together', async (_, refsOf) => {
    for (let round = 0; round < 25; round++) {
      const user = someone();
      const refs = refsOf(user);
      const call = await aboutToEnd(user);
      const telling = [1, 2, 3].map(() => applySubjectEvents(store.database, [postOf(user, refs[0]!)]));
      const [ended] = await Promise.all([activitiesOn(store.database, () => refs).complete(call), ...telling]);
      expect(ended).toMatchObject({ outcome: 'completed' });
      const isHeld = (await subjectCounts(store.database, refs)).length > 0;
      expect(await verdictOf(call.requestId)).toBe(isHeld ? null : 'NOTHING_KNOWN');
    }
  });
});

describe('the end of a user of whom something was known', () => {
  test('keeps no writer of the index waiting', async () => {
    const user = someone();
    await stored(store.database, { ...user, posts: 2 });
    const call = await aboutToEnd(user);
    let locks: unknown[] | undefined;
    const looking = beforeCommit(async (tx) => {
      locks = await tx.rows(`SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`);
    });
    expect(await activitiesOn(looking).complete(call)).toMatchObject({ outcome: 'completed' });
    expect(locks).toEqual([]);
    expect(await verdictOf(call.requestId)).toBeNull();
    expect(await subjectCounts(store.database, [user.subjectRef])).toMatchObject([{ kind: 'post', count: 2 }]);
  });
});
