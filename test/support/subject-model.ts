import fc from 'fast-check';
import type { SubjectEvent } from '../../store/subjects/batch.rules.js';
import { ITEM_STATES, rankOf, type Item } from '../../store/subjects/item.rules.js';

const USERS = ['ann', 'bob', 'cyd'] as const;
/** As a pepper would make it. */
export const modelRef = (userId: string): string => `v1.${userId.padEnd(12, '0')}`;
const ownerOf = (userId: string) => ({ userId, subjectRefs: [modelRef(userId)] as const });

/** An event of a small world: few items, few moments, so that there are ties and much is told twice. */
const anyEvent = fc
  .record({
    kind: fc.constantFrom('post', 'media', 'message', 'profile'),
    item: fc.constantFrom('1', '2'),
    state: fc.constantFrom(...ITEM_STATES),
    second: fc.nat(2),
    user: fc.constantFrom(...USERS),
    saysWhose: fc.boolean(),
  })
  .map(({ kind, item, state, second, user, saysWhose }): Omit<SubjectEvent, 'eventId'> => ({
    kind,
    ...(kind === 'profile' ? {} : { itemId: item }),
    state,
    at: new Date(Date.UTC(2026, 1, 11, 10, 0, second)),
    ...(kind === 'profile' || state !== 'gone' || saysWhose ? { owner: ownerOf(user) } : {}),
  }));

/** Different events, each with an id of its own. */
export const distinctEvents = fc.array(anyEvent, { minLength: 1, maxLength: 30 }).map((events) => events.map((event, n): SubjectEvent => ({ ...event, eventId: `${crypto.randomUUID()}-${n}` })));

/** Deliveries of events in batches: in any order, some more than once, some never. */
export const deliveriesOf = (events: readonly SubjectEvent[]): fc.Arbitrary<SubjectEvent[][]> =>
  fc
    .array(fc.tuple(fc.nat(events.length - 1), fc.boolean()), { minLength: 1, maxLength: events.length * 2 })
    .map((picks) => {
      const batches: SubjectEvent[][] = [[]];
      for (const [pick, endsBatch] of picks) {
        const event = events[pick];
        if (event) batches.at(-1)?.push(event);
        if (endsBatch) batches.push([]);
      }
      return batches;
    });

/** What an inventory comes to that was told these events, as a person would reckon it: of each item, the last of its events when they are put in order. */
export function modelOf(told: readonly SubjectEvent[]): Map<string, Item> {
  const items = new Map<string, Item>();
  const nameOf = ({ kind, itemId, owner }: SubjectEvent): string => itemId ?? (kind === 'profile' ? (owner?.subjectRefs[0] ?? '') : '');
  const refOf = ({ state, owner }: SubjectEvent): string => (state === 'gone' ? '' : (owner?.subjectRefs[0] ?? ''));
  const inOrder = [...told].sort((one, other) =>
    one.at.getTime() - other.at.getTime() || rankOf(one.state) - rankOf(other.state) || (refOf(one) < refOf(other) ? -1 : 1));
  for (const event of inOrder) {
    const { kind, state, at } = event;
    const name = `${kind}/${nameOf(event)}`;
    const since = items.get(name)?.sinceMs ?? null;
    items.set(name, { kind, itemId: nameOf(event), state, atMs: at.getTime(), subjectRef: refOf(event) || null, sinceMs: since ?? (state === 'gone' ? null : at.getTime()) });
  }
  return items;
}
