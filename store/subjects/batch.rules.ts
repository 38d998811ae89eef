import type { SubjectKind } from '../../contracts/names/index.js';
import { merge, type Item, type ItemState } from './item.rules.js';

/** What one event of the bus says of one item. */
export interface SubjectEvent {
  /** What it is told again by: its event_id, or where it lies in Kafka. */
  readonly eventId: string;
  readonly kind: SubjectKind;
  /** Left out for a profile, of which each user has one. */
  readonly itemId?: string;
  readonly state: ItemState;
  /** By the producer's clock. */
  readonly at: Date;
  /** Left out where the event does not say whose the item is. */
  readonly owner?: SubjectOwner;
}

export interface SubjectOwner {
  readonly userId: string;
  /** Every reference that the user may be known by, the newest first; that one is written. */
  readonly subjectRefs: readonly [string, ...string[]];
}

/**
 * What became of an event. applied: taken into account, which changes nothing if a later one was there before. seen-before: its
 * id is known. dropped: it is older than its subject's erasure.
 */
export type SubjectEventOutcome = 'applied' | 'seen-before' | 'dropped';

/** Something that exists about an erased subject, told of by an event from after the erasure. */
export interface Resurrection {
  readonly subjectRef: string;
  readonly kind: SubjectKind;
  readonly at: Date;
}

/** What a batch of events comes to. */
export interface SettledBatch {
  /** One for each event, in their order. */
  readonly outcomes: readonly SubjectEventOutcome[];
  /** Each item once. */
  readonly items: readonly Item[];
  /** Users of whom something is stored, each reference once. */
  readonly subjects: readonly { readonly subjectRef: string; readonly userId: string }[];
  readonly resurrections: readonly Resurrection[];
}

/** The name of an item; kinds hold no slash. */
const nameOf = ({ kind, itemId }: Pick<Item, 'kind' | 'itemId'>): string => `${kind}/${itemId}`;

/**
 * Reckons what a batch of events comes to, given which of them are new and when their subjects were erased.
 * @param isNew by the event's place in the batch
 * @param erasedAtMs when the subject of a reference was erased, in ms since 1970; undefined when it was not
 */
export function settle(events: readonly SubjectEvent[], isNew: (index: number) => boolean, erasedAtMs: (subjectRef: string) => number | undefined): SettledBatch {
  const items = new Map<string, Item>();
  const subjects = new Map<string, string>();
  const resurrections: Resurrection[] = [];
  const outcomes = events.map((event, index): SubjectEventOutcome => {
    if (!isNew(index)) return 'seen-before';
    const { owner, state, at, kind } = event;
    if (owner && state !== 'gone') {
      const erasedAt = Math.max(...owner.subjectRefs.map((subjectRef) => erasedAtMs(subjectRef) ?? -Infinity));
      if (at.getTime() <= erasedAt) return 'dropped';
      const [subjectRef] = owner.subjectRefs;
      if (erasedAt > -Infinity) resurrections.push({ subjectRef, kind, at });
      subjects.set(subjectRef, owner.userId);
    }
    for (const item of accountsOf(event)) {
      const name = nameOf(item);
      const known = items.get(name);
      items.set(name, known ? merge(known, item) : item);
    }
    return 'applied';
  });
  return { outcomes, items: [...items.values()], subjects: [...subjects].map(([subjectRef, userId]) => ({ subjectRef, userId })), resurrections };
}

/**
 * What an event says of items. A profile is known by its user's reference: what is told of it under the newest one moves it there
 * from the older ones.
 */
export function accountsOf({ kind, itemId, state, at, owner }: SubjectEvent): readonly Item[] {
  const account = (id: string, is: ItemState): Item => {
    const isGone = is === 'gone';
    if (!isGone && !owner) throw new TypeError(`An event says that a ${kind} is stored, and not whose it is`);
    return { kind, itemId: id, state: is, atMs: at.getTime(), subjectRef: isGone ? null : (owner?.subjectRefs[0] ?? null), sinceMs: isGone ? null : at.getTime() };
  };
  if (itemId !== undefined) return [account(itemId, state)];
  if (!owner) throw new TypeError('An event of a profile does not say whose it is');
  const [newest, ...older] = owner.subjectRefs;
  return [account(newest, state), ...older.map((subjectRef) => account(subjectRef, 'gone'))];
}
