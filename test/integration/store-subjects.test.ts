import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import type { SubjectEvent } from '../../store/subjects/batch.rules.js';
import { entomb, eraseSubject } from '../../store/subjects/erase.js';
import { forgetGoneItems, forgetSubjectEvents } from '../../store/subjects/forget.js';
import { ITEM_STATES, type Item } from '../../store/subjects/item.rules.js';
import { readTombstone, subjectCounts } from '../../store/subjects/read.js';
import { freshId } from '../support/deletions.js';
import { atOnce, gatherStatements, openStore, type TestStore } from '../support/store.js';
import { deliveriesOf, distinctEvents, modelOf } from '../support/subject-model.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

const DAY_MS = 86_400_000;
const NOW = Date.now();
const ago = (ms: number): Date => new Date(NOW - ms);
const apply = (...events: SubjectEvent[]) => applySubjectEvents(store.database, events);
const someone = () => {
  const userId = freshId('user');
  return { userId, subjectRefs: [`v1.${userId}`] as const };
};
const post = (owner: SubjectEvent['owner'], more: Partial<SubjectEvent> = {}): SubjectEvent => ({ eventId: freshId('evt'), kind: 'post', itemId: freshId('post'), state: 'live', at: ago(60_000), ...(owner && { owner }), ...more });
const countsOf = (refs: readonly string[]) => subjectCounts(store.database, refs);
const erasing = (subjectRef: string, erasedAt: Date) => store.database.transaction(async (tx) => {
  entomb(tx, { subjectRef, requestId: 'req-1', erasedAt });
  return eraseSubject(tx, subjectRef);
});

interface StoredItem {
  readonly kind: Item['kind'];
  readonly itemId: string;
  readonly state: number;
  readonly eventAt: Date;
  readonly subjectRef: string | null;
  readonly sinceAt: Date | null;
}
const stored = async (): Promise<Map<string, Item>> => {
  const rows = await store.database.rows<StoredItem>('SELECT * FROM subject_items');
  return new Map(rows.map(({ kind, itemId, state, eventAt, subjectRef, sinceAt }) => [`${kind}/${itemId}`, { kind, itemId, state: ITEM_STATES[state]!, atMs: eventAt.getTime(), subjectRef, sinceMs: sinceAt?.getTime() ?? null }]));
};

test('in random orders, told twice and lost: the inventory is what a simple model makes of the events that came', async () => {
  await fc.assert(fc.asyncProperty(distinctEvents.chain((events) => deliveriesOf(events)), async (batches) => {
    await store.database.script('TRUNCATE subject_items, subject_ids, subject_events');
    const came = batches.flat();
    for (const batch of batches) await apply(...batch);
    expect(await stored()).toEqual(modelOf(came));
    const ids = await store.database.rows<{ subjectRef: string }>('SELECT subject_ref FROM subject_ids');
    expect(new Set(ids.map(({ subjectRef }) => subjectRef))).toEqual(new Set(came.flatMap(({ owner, state }) => (owner && state !== 'gone' ? [owner.subjectRefs[0]] : []))));
  }), { numRuns: 150 });
});

test('the same events applied by many at once come to the same inventory', async () => {
  const events = fc.sample(distinctEvents, { numRuns: 12, seed: 7 }).flat();
  await store.database.script('TRUNCATE subject_items, subject_ids, subject_events');
  const shuffled = (seed: number) => [...events].sort((one, other) => ((one.eventId + String(seed)) < (other.eventId + String(seed * 7)) ? -1 : 1));
  const applied = await atOnce(6, async (index) => {
    const outcomes: string[] = [];
    const mine = shuffled(index);
    for (let from = 0; from < mine.length; from += 40) outcomes.push(...(await apply(...mine.slice(from, from + 40))).outcomes);
    return outcomes;
  });
  expect(await stored()).toEqual(modelOf(events));
  expect(applied.flat().filter((outcome) => outcome === 'applied')).toHaveLength(events.length);
});

describe('a batch', () => {
  test('takes two round trips, however large it is, and tells of each event what became of it', async () => {
    const owner = someone();
    const events = Array.from({ length: 500 }, () => post(owner));
    const { database, statements } = gatherStatements(store.database);
    const { outcomes } = await applySubjectEvents(database, [...events, events[0]!]);
    expect(outcomes.filter((outcome) => outcome === 'applied')).toHaveLength(500);
    expect(outcomes.at(-1)).toBe('seen-before');
    expect(statements.length).toBeLessThanOrEqual(5);
    expect((await apply(...events)).outcomes.every((outcome) => outcome === 'seen-before')).toBe(true);
    expect(await countsOf(owner.subjectRefs)).toMatchObject([{ kind: 'post', count: 500 }]);
  });

  test('that fails leaves neither its effect nor its memory', async () => {
    const owner = someone();
    const events = [post(owner), post(owner, { kind: 'nothing' as 'post' })];
    await expect(apply(...events)).rejects.toThrow('23514');
    expect(await countsOf(owner.subjectRefs)).toEqual([]);
    expect((await apply(events[0]!)).outcomes).toEqual(['applied']);
  });
});

describe('counts', () => {
  test('are by kind, with what is hidden and since when, and without what is gone', async () => {
    const owner = someone();
    const gone = freshId('msg');
    await apply(
      post(owner, { at: ago(5_000) }), post(owner, { at: ago(9_000) }), post(owner, { state: 'hidden', at: ago(1_000) }),
      { ...post(owner), kind: 'media' },
      { ...post(owner), kind: 'message', itemId: gone }, { ...post(undefined), kind: 'message', itemId: gone, state: 'gone', at: ago(1_000) },
    );
    expect(await countsOf(owner.subjectRefs)).toEqual([
      { kind: 'media', count: 1, hidden: 0, since: ago(60_000) },
      { kind: 'post', count: 3, hidden: 1, since: ago(9_000) },
    ]);
    expect(await countsOf([])).toEqual([]);
  });

  test('are of all references of a user, and of one profile', async () => {
    const [old] = [someone()];
    const both = { userId: old.userId, subjectRefs: [`v2.${old.userId}`, ...old.subjectRefs] as const };
    const { itemId: _, ...profile } = post(old, { kind: 'profile', at: ago(9_000) });
    await apply(profile, post(old));
    await apply({ ...profile, eventId: freshId('evt'), owner: both, at: ago(1_000) }, post(both));
    expect(await countsOf(both.subjectRefs)).toMatchObject([{ kind: 'post', count: 2 }, { kind: 'profile', count: 1 }]);
  });
});

describe('an erased subject', () => {
  test('has nothing left but a tombstone; nothing older comes back, and what is newer is a resurrection, told once', async () => {
    const owner = someone();
    const [subjectRef] = owner.subjectRefs;
    const old = post(owner, { at: ago(9_000) });
    await apply(old, post(owner));
    expect(await erasing(subjectRef, ago(5_000))).toBe(2);
    expect(await countsOf([subjectRef])).toEqual([]);
    expect(await store.database.rows('SELECT * FROM subject_ids WHERE subject_ref = $1', [subjectRef])).toEqual([]);
    expect(await readTombstone(store.database, [subjectRef])).toEqual({ erasedAt: ago(5_000), requestId: 'req-1' });

    const again = await apply(old, { ...old, eventId: freshId('evt') }, post(owner, { at: ago(5_000) }));
    expect(again).toMatchObject({ outcomes: ['seen-before', 'dropped', 'dropped'], resurrections: [] });
    const newer = post(owner, { at: ago(4_999) });
    expect(await apply(newer)).toMatchObject({ outcomes: ['applied'], resurrections: [{ subjectRef, kind: 'post', at: ago(4_999) }] });
    expect((await apply(newer)).resurrections).toEqual([]);
    expect(await countsOf([subjectRef])).toMatchObject([{ kind: 'post', count: 1 }]);
  });

  test('is erased and entombed under every reference of its user', async () => {
    const old = someone();
    const both = { userId: old.userId, subjectRefs: [`v2.${old.userId}`, ...old.subjectRefs] as const };
    await apply(post(old));
    await apply(post(both));
    expect(await erasing(both.subjectRefs[0], ago(1_000))).toBe(2);
    expect(await countsOf(both.subjectRefs)).toEqual([]);
    expect((await apply(post(old))).outcomes).toEqual(['dropped']);
  });

  test('keeps the tombstone of its later erasure', async () => {
    const [subjectRef] = someone().subjectRefs;
    await erasing(subjectRef, ago(1_000));
    await erasing(subjectRef, ago(2_000));
    expect((await readTombstone(store.database, [subjectRef]))?.erasedAt).toEqual(ago(1_000));
  });

  test('has still told what of it is gone while the erasure is looked into', async () => {
    const owner = someone();
    const [subjectRef] = owner.subjectRefs;
    const one = post(owner);
    await apply(one, post(owner));
    await store.database.transaction(async (tx) => {
      entomb(tx, { subjectRef, requestId: 'req-1', erasedAt: ago(1_000) });
      await Promise.resolve();
    });
    await apply({ ...one, eventId: freshId('evt'), state: 'gone', at: ago(2_000) });
    expect(await countsOf([subjectRef])).toMatchObject([{ kind: 'post', count: 1 }]);
  });

  test('is not written of behind its erasure, however the two fall together', async () => {
    for (let round = 0; round < 20; round++) {
      const owner = someone();
      await Promise.all([erasing(owner.subjectRefs[0], ago(1_000)), ...Array.from({ length: 4 }, () => apply(post(owner), post(owner), post(someone())))]);
      expect(await countsOf(owner.subjectRefs)).toEqual([]);
      expect(await store.database.rows('SELECT * FROM subject_ids WHERE user_id = $1', [owner.userId])).toEqual([]);
    }
  });
});

describe('what is remembered', () => {
  const remembered = async () => (await store.database.rows<{ n: number }>('SELECT count(*) AS n FROM subject_events'))[0]?.n ?? -1;

  test('of handled events is forgotten a day at a time, and no sooner than after a week', async () => {
    await store.database.script('TRUNCATE subject_events');
    const old = post(someone(), { at: new Date(NOW) });
    await applySubjectEvents(store.database, [old], NOW);
    for (const days of [0, 7]) {
      expect(await forgetSubjectEvents(store.database, NOW + days * DAY_MS)).toBe(0);
      expect((await applySubjectEvents(store.database, [old], NOW + days * DAY_MS)).outcomes).toEqual(['seen-before']);
    }
    expect(await forgetSubjectEvents(store.database, NOW + 10 * DAY_MS)).toBe(1);
    expect(await remembered()).toBe(0);
  });

  test('of an event that comes again after that is told by its item: nothing changes', async () => {
    const owner = someone();
    const created = post(owner, { at: ago(3_000) });
    await apply(created, { ...created, eventId: freshId('evt'), state: 'gone', at: ago(2_000) });
    await store.database.script('TRUNCATE subject_events');
    expect((await apply(created)).outcomes).toEqual(['applied']);
    expect(await countsOf(owner.subjectRefs)).toEqual([]);
  });

  test('of items that are gone is forgotten after their time, a slice at a time', async () => {
    await store.database.script('TRUNCATE subject_items');
    const longGone = (): SubjectEvent => post(undefined, { state: 'gone', at: ago(200 * DAY_MS) });
    await apply(longGone(), longGone(), longGone(), post(someone(), { at: ago(200 * DAY_MS) }));
    await store.database.rows(`UPDATE subject_items SET noted_at = now() - interval '91 days'`);
    await apply(longGone());
    expect(await forgetGoneItems(store.database, 90 * DAY_MS, 2)).toBe(2);
    expect(await forgetGoneItems(store.database, 90 * DAY_MS, 2)).toBe(1);
    expect(await forgetGoneItems(store.database, 90 * DAY_MS, 2)).toBe(0);
    expect((await stored()).size).toBe(2);
  });
});
