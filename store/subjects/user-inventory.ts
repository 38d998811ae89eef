import type { SubjectKind } from '../../contracts/names/index.js';
import type { Queryable, Transaction } from '../database.js';
import { waitOutWriters, waitOutWritersWhere } from './fence.js';

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
export const readUserInventory = (queryable: Queryable, requestId: string): Promise<UserInventory> => readWhere(queryable, requestId, 'true');

async function readWhere(queryable: Queryable, requestId: string, condition: string): Promise<UserInventory> {
  const rows = await queryable.rows<{ kind: SubjectKind | null; count: number; newer: number }>(
    `SELECT i.kind, count(*) FILTER (WHERE d.completed_at IS NULL OR i.since_at <= d.completed_at) AS count,
       count(*) FILTER (WHERE i.event_at > d.completed_at) AS newer
     FROM deletions d JOIN subject_ids s USING (user_id) LEFT JOIN subject_items i ON i.subject_ref = s.subject_ref
     WHERE d.request_id = $1 AND ${condition} GROUP BY i.kind`,
    [requestId],
  );
  return { isKnown: rows.length > 0, kinds: rows.flatMap(({ kind, count, newer }) => (kind === null ? [] : [{ kind, count, newer }])) };
}

/** The same once nobody writes of the user any more: for the transaction that sets up the tombstone, which whoever comes later meets. */
export function readQuietUserInventory(tx: Transaction, requestId: string, subjectRefs: Iterable<string>): Promise<UserInventory> {
  waitOutWriters(tx, subjectRefs);
  return readUserInventory(tx, requestId);
}

/**
 * The same for a user of whom nothing was known when the attempt was sent. Of others, who have more to count and whose writers
 * need not wait, nothing is asked.
 * @returns undefined when the request is of such another, or of none
 */
export async function readQuietIfNothingExpected(tx: Transaction, requestId: string, subjectRefs: Iterable<string>): Promise<UserInventory | undefined> {
  const waited = waitOutWritersWhere(tx, subjectRefs, `EXISTS (SELECT FROM deletions d WHERE d.request_id = $3 AND ${NOTHING_EXPECTED})`, requestId);
  const [isWaitedOut, inventory] = await Promise.all([waited, readWhere(tx, requestId, NOTHING_EXPECTED)]);
  return isWaitedOut ? inventory : undefined;
}

const NOTHING_EXPECTED = `d.expected IS NOT NULL AND NOT jsonb_path_exists(d.expected, '$.* ? (@ > 0)')`;

/**
 * Erases what the index holds of a user from before an erasure, and leaves what was told of since. Waits for events of the
 * user that are being written.
 */
export function eraseOlderItems(tx: Transaction, subjectRefs: readonly string[], erasedAt: Date): void {
  waitOutWriters(tx, subjectRefs);
  tx.write('DELETE FROM subject_items WHERE subject_ref = ANY($1) AND event_at <= $2', [subjectRefs, erasedAt]);
  tx.write('DELETE FROM subject_ids s WHERE subject_ref = ANY($1) AND NOT EXISTS (SELECT FROM subject_items i WHERE i.subject_ref = s.subject_ref)', [subjectRefs]);
}
