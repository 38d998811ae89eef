import type { Transaction } from '../database.js';
import { waitOutWriters } from './fence.js';

/** The erasure of a subject, as its tombstone remembers it. */
export interface Erasure {
  readonly subjectRef: string;
  readonly requestId: string;
  /** What was told of the subject up to then brings nothing back. */
  readonly erasedAt: Date;
}

/** The references of the user of `$1`: several while the pepper is being changed. */
const ALL_REFS = `SELECT $1::text AS subject_ref UNION SELECT other.subject_ref FROM subject_ids one JOIN subject_ids other USING (user_id) WHERE one.subject_ref = $1`;

/** Sets up a subject's tombstone, under every reference that its user is known by; of two the later erasure counts. What the inventory holds stays. */
export function entomb(tx: Transaction, { subjectRef, requestId, erasedAt }: Erasure): void {
  tx.write(
    `INSERT INTO subject_tombstones (subject_ref, erased_at, request_id) SELECT subject_ref, $2::timestamptz, $3 FROM (${ALL_REFS}) AS refs ORDER BY subject_ref COLLATE "C"
     ON CONFLICT (subject_ref) DO UPDATE SET erased_at = excluded.erased_at, request_id = excluded.request_id WHERE subject_tombstones.erased_at < excluded.erased_at`,
    [subjectRef, erasedAt, requestId],
  );
}

/**
 * Erases what the inventory holds of a subject, and its user id, under every reference. Waits for events of it that are being
 * written; those that come later meet the tombstone, which must stand by now.
 * @returns how many items it held
 */
export async function eraseSubject(tx: Transaction, subjectRef: string): Promise<number> {
  const known = await tx.rows<{ subjectRef: string }>(ALL_REFS, [subjectRef]);
  waitOutWriters(tx, known.map((one) => one.subjectRef));
  const [erased] = await tx.rows<{ count: number }>(
    `WITH gone AS (DELETE FROM subject_items WHERE subject_ref IN (${ALL_REFS}) RETURNING 1) SELECT count(*) AS count FROM gone`,
    [subjectRef],
  );
  tx.write(`DELETE FROM subject_ids WHERE subject_ref IN (${ALL_REFS})`, [subjectRef]);
  return erased?.count ?? 0;
}
