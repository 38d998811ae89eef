import type { Transaction } from '../database.js';

/** Set apart from other advisory locks of the database. */
const LOCK_CLASS = 7_305_418;
/** Few enough for PostgreSQL's lock table, enough that an erasure seldom waits. */
const BUCKETS = 256;

/** FNV-1a. */
function bucketOf(subjectRef: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < subjectRef.length; i++) hash = Math.imul(hash ^ subjectRef.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}

const bucketsOf = (subjectRefs: Iterable<string>): number[] => [...new Set([...subjectRefs].map(bucketOf))].sort((one, other) => one - other);

/**
 * Keeps the inventories of subjects from being erased until the transaction ends, so that what is written of them is not
 * written behind the erasure. To be called before the tombstones are read, and before any row is locked.
 */
export function holdOffErasure(tx: Transaction, subjectRefs: Iterable<string>): void {
  const buckets = bucketsOf(subjectRefs);
  if (buckets.length > 0) tx.write('SELECT pg_advisory_xact_lock_shared($1::int, bucket) FROM unnest($2::int[]) AS bucket', [LOCK_CLASS, buckets]);
}

const WAIT_OUT = 'SELECT pg_advisory_xact_lock($1::int, bucket) FROM unnest($2::int[]) AS bucket';

/** Waits until nobody writes of the subjects any more, and keeps others from it until the transaction ends. */
export function waitOutWriters(tx: Transaction, subjectRefs: Iterable<string>): void {
  tx.write(WAIT_OUT, [LOCK_CLASS, bucketsOf(subjectRefs)]);
}

/** The same if something holds. @param condition of `param`, which is its `$3` @returns whether it did */
export async function waitOutWritersWhere(tx: Transaction, subjectRefs: Iterable<string>, condition: string, param: string): Promise<boolean> {
  const locked = await tx.rows(`${WAIT_OUT} WHERE ${condition}`, [LOCK_CLASS, bucketsOf(subjectRefs), param]);
  return locked.length > 0;
}
