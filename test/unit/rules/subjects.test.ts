import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountsOf, settle, type SubjectEvent } from '../../../store/subjects/batch.rules.js';
import { merge, type Item } from '../../../store/subjects/item.rules.js';
import { eventUuid, passedSlots, slotOf, SLOTS } from '../../../store/subjects/remembered.rules.js';
import { distinctEvents, deliveriesOf, modelOf } from '../../support/subject-model.js';

const DAY_MS = 86_400_000;
const folded = (items: readonly Item[]): Map<string, Item> => {
  const byName = new Map<string, Item>();
  for (const item of items) {
    const name = `${item.kind}/${item.itemId}`;
    const known = byName.get(name);
    byName.set(name, known ? merge(known, item) : item);
  }
  return byName;
};
const owner = { userId: 'u-1', subjectRefs: ['v1.u'] } as const;
const event = (more: Partial<SubjectEvent>): SubjectEvent => ({ eventId: 'e', kind: 'post', itemId: 'p-1', state: 'live', at: new Date(1_000), owner, ...more });
const ALL_NEW = (): boolean => true;
const NEVER_ERASED = (): undefined => undefined;

describe('what is known of an item', () => {
  test('is the same in whatever order, how often and in whatever batches its events are told, and as a simple model has it', () => {
    fc.assert(fc.property(distinctEvents.chain((events) => fc.tuple(fc.constant(events), deliveriesOf(events))), ([, batches]) => {
      const told = batches.flatMap((batch) => settle(batch, ALL_NEW, NEVER_ERASED).items);
      expect(folded(told)).toEqual(modelOf(batches.flat()));
    }), { numRuns: 500 });
  });

  test('is by the latest event; of the same time, by the one that leaves less', () => {
    const at = (state: Item['state'], atMs: number): Item => accountsOf(event({ state, at: new Date(atMs) }))[0]!;
    const states = (one: Item, other: Item): string[] => [merge(one, other).state, merge(other, one).state];
    expect(states(at('live', 2), at('gone', 1))).toEqual(['live', 'live']);
    expect(states(at('live', 1), at('gone', 1))).toEqual(['gone', 'gone']);
    expect(states(at('live', 1), at('hidden', 1))).toEqual(['hidden', 'hidden']);
    expect(states(at('hidden', 1), at('gone', 1))).toEqual(['gone', 'gone']);
  });

  test('names no one once it is gone, and when it was first there', () => {
    const [gone] = settle([event({ at: new Date(5) }), event({ eventId: 'f', state: 'gone', at: new Date(9) })], ALL_NEW, NEVER_ERASED).items;
    expect(gone).toEqual({ kind: 'post', itemId: 'p-1', state: 'gone', atMs: 9, subjectRef: null, sinceMs: 5 });
  });
});

describe('a batch', () => {
  test('takes an event once, and drops what is older than its subject’s erasure', () => {
    const events = [event({}), event({}), event({ eventId: 'f', at: new Date(2_000), itemId: 'p-2' }), event({ eventId: 'g', at: new Date(2_001), itemId: 'p-3' })];
    const settled = settle(events, (index) => index !== 1, (ref) => (ref === 'v1.u' ? 2_000 : undefined));
    expect(settled.outcomes).toEqual(['dropped', 'seen-before', 'dropped', 'applied']);
    expect(settled.items.map(({ itemId }) => itemId)).toEqual(['p-3']);
    expect(settled.resurrections).toEqual([{ subjectRef: 'v1.u', kind: 'post', at: new Date(2_001) }]);
    expect(settled.subjects).toEqual([{ subjectRef: 'v1.u', userId: 'u-1' }]);
  });

  test('still takes that something of an erased subject is gone, which is no resurrection', () => {
    const settled = settle([event({ state: 'gone' }), event({ eventId: 'f', state: 'gone', itemId: 'p-2', at: new Date(3_000) })], ALL_NEW, () => 2_000);
    expect(settled).toMatchObject({ outcomes: ['applied', 'applied'], items: [{ state: 'gone', subjectRef: null }, { state: 'gone', subjectRef: null }], resurrections: [], subjects: [] });
  });

  test('finds an erasure under an older reference of the user', () => {
    const both = { userId: 'u-1', subjectRefs: ['v2.u', 'v1.u'] } as const;
    expect(settle([event({ owner: both })], ALL_NEW, (ref) => (ref === 'v1.u' ? 2_000 : undefined)).outcomes).toEqual(['dropped']);
  });

  test('moves a profile to its user’s newest reference, so that each user has one', () => {
    const both = { userId: 'u-1', subjectRefs: ['v2.u', 'v1.u'] } as const;
    const { itemId: _, ...profile } = event({ kind: 'profile', owner: both });
    expect(accountsOf(profile).map(({ itemId, state, subjectRef }) => [itemId, state, subjectRef])).toEqual([['v2.u', 'live', 'v2.u'], ['v1.u', 'gone', null]]);
  });

  test('refuses an event that says something is stored and not whose', () => {
    const { owner: _, ...nobodys } = event({});
    expect(() => settle([nobodys], ALL_NEW, NEVER_ERASED)).toThrow('not whose');
  });
});

describe('the memory of events', () => {
  const now = Date.UTC(2026, 1, 11, 12);
  test('has an event in one place for a week, whenever it comes again', () => {
    for (let ageDays = -1; ageDays <= 1; ageDays++) {
      const at = now - ageDays * DAY_MS;
      const places = Array.from({ length: 8 }, (_, days) => slotOf(at, now + days * DAY_MS));
      expect(new Set(places.slice(0, 8 - Math.max(0, ageDays))).size).toBe(1);
    }
  });
  test('forgets no day that is still written to, for a week, and each before its turn comes round', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 6 * 24 }), fc.integer({ min: -400, max: 400 }), (day, hoursLater, ageHours) => {
      const handledMs = day * DAY_MS;
      const slot = slotOf(handledMs - ageHours * 3_600_000, handledMs);
      if (ageHours <= 24 && ageHours >= -24) expect(passedSlots(handledMs + hoursLater * 3_600_000)).not.toContain(slot);
      const comesRound = Array.from({ length: SLOTS }, (_, days) => passedSlots(handledMs + days * DAY_MS)).some((slots) => slots.includes(slot));
      expect(comesRound).toBe(true);
    }));
  });
  test('keeps ids of one length, and different ones apart', () => {
    expect(eventUuid('evt-1')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(eventUuid('evt-1')).not.toBe(eventUuid('evt-2'));
  });
});
