import type { SubjectKind } from '../../contracts/names/index.js';
import type { Queryable, Transaction } from '../database.js';
import { waitOutWriters } from './fence.js';

/** What the index knows of the user of a deletion request. */
export interface UserInventory {
  /** Whether it knows the user at all. */
  readonly isKnown: boolean;
  readonly kinds: readonly {
    readonly kind: SubjectKind;
    /** Of a completed deletion what existed at its completion and does so still; else what exists. */
    readonly count: number;
    /** What events from after the completion say of it: somebody is there again. */
    readonly newer: number;
  }[];
}

/** Reads what the index knows of the user of a request, under every reference that the user goes by. */
export async function readUserInventory(queryable: Queryable, requestId: string): Promise<UserInventory> {
  const rows = await queryable.rows<{ kind: SubjectKind | null; count: number; newer: number }>(
    `SELECT i.kind, count(*) FILTER (WHERE d.completed_at IS NULL OR i.since_at <= d.completed_at) AS count,
       count(*) FILTER (WHERE i.event_at > d.completed_at) AS newer
     FROM deletions d JOIN subject_ids s USING (user_id) LEFT JOIN subject_items i ON i.subject_ref = s.subject_ref
     WHERE d.request_id = $1 GROUP BY i.kind`,
    [requestId],
  );
  return { isKnown: rows.length > 0, kinds: rows.flatMap(({ kind, count, newer }) => (kind === null ? [] : [{ kind, count, newer }])) };
}

/** The same once nobody writes of the user any more: to be called when the tombstone is written, which whoever comes later meets. */
export function readErasedUserInventory(tx: Transaction, requestId: string, subjectRefs: Iterable<string>): Promise<UserInventory> {
  waitOutWriters(tx, subjectRefs);
  return readUserInventory(tx, requestId);
}

/**
 * Erases what the index holds of a user from before an erasure, and leaves what was told of since. Waits for events of the
 * user that are being written.
 */
export function eraseOlderItems(tx: Transaction, subjectRefs: readonly string[], erasedAt: Date): void {
  waitOutWriters(tx, subjectRefs);
  tx.write('DELETE FROM subject_items WHERE subject_ref = ANY($1) AND event_at <= $2', [subjectRefs, erasedAt]);
  tx.write('DELETE FROM subject_ids s WHERE subject_ref = ANY($1) AND NOT EXISTS (SELECT FROM subject_items i WHERE i.subject_ref = s.subject_ref)', [subjectRefs]);
}
