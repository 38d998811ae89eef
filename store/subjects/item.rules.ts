import type { SubjectKind } from '../../contracts/names/index.js';

/** How an item is: stored, stored and hidden (a soft deletion), or gone. Of two events of the same time the later of these counts. */
export const ITEM_STATES = ['live', 'hidden', 'gone'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** What is known of one item, by one event or by all that have been heard of so far. */
export interface Item {
  readonly kind: SubjectKind;
  /** Of a profile its subjectRef. */
  readonly itemId: string;
  readonly state: ItemState;
  /** By the producer's clock, in ms since 1970: of the event that counts. */
  readonly atMs: number;
  /** null for what is gone: nothing links it to anybody. */
  readonly subjectRef: string | null;
  /** The earliest event that told of it as stored; null when none did. */
  readonly sinceMs: number | null;
}

/** What numbers the states, in the table and in comparisons. */
export const rankOf = (state: ItemState): number => ITEM_STATES.indexOf(state);

/**
 * What is known of an item by two accounts of it: the later one counts; at the same time the one that leaves less. In whatever
 * order and however often accounts are merged, the outcome is the same. The same rule in SQL: apply-events.ts.
 */
export function merge(one: Item, other: Item): Item {
  const winner = counts(one, other) ? one : other;
  return { ...winner, sinceMs: earliest(one.sinceMs, other.sinceMs) };
}

/** Whether `one` counts, and not `other`. */
function counts(one: Item, other: Item): boolean {
  if (one.atMs !== other.atMs) return one.atMs > other.atMs;
  const [rank, otherRank] = [rankOf(one.state), rankOf(other.state)];
  if (rank !== otherRank) return rank > otherRank;
  // Two owners at one time are nobody's meaning; the choice must only be the same each time.
  return (one.subjectRef ?? '') >= (other.subjectRef ?? '');
}

const earliest = (one: number | null, other: number | null): number | null => (one === null ? other : other === null ? one : Math.min(one, other));
