import type { DeletionInput, SubjectCounts, Verdict } from '../../contracts/names/index.js';
import type { Queryable, Transaction } from '../database.js';
import { LIVE } from './rows.js';

/** The verification of one completed deletion. Times are by the database's clock. */
export interface Verification {
  readonly requestId: string;
  readonly deadlineAt: Date;
  readonly statedAt: Date | null;
  /** Null until it is stated. */
  readonly verdict: Verdict | null;
  readonly residual: SubjectCounts;
  readonly unverifiable: SubjectCounts;
}

/** What is stated of a completed deletion. */
export type Statement = Pick<Verification, 'residual' | 'unverifiable'> & { readonly verdict: Verdict };

/** Opens the verification of a deletion that is completed in this transaction. */
export function openVerification(tx: Transaction, requestId: string, deadlineMs: number): void {
  tx.write(`INSERT INTO verifications (request_id, deadline_at) VALUES ($1, now() + $2 * interval '1 millisecond')`, [requestId, deadlineMs]);
}

/** Opens a verification that has nothing to wait for, with its statement. */
export function writeStatementAtOnce(tx: Transaction, requestId: string, { verdict, residual, unverifiable }: Statement): void {
  tx.write(
    `INSERT INTO verifications (request_id, deadline_at, stated_at, verdict, residual, unverifiable) VALUES ($1, now(), now(), $2, $3, $4)`,
    [requestId, verdict, JSON.stringify(residual), JSON.stringify(unverifiable)],
  );
}

/** Reads a verification and locks it for the rest of the transaction. */
export async function lockVerification(tx: Transaction, requestId: string): Promise<Verification | undefined> {
  const [row] = await tx.rows<Verification>(`SELECT ${COLUMNS} FROM verifications WHERE request_id = $1 FOR UPDATE`, [requestId]);
  return row;
}

const COLUMNS = 'request_id, deadline_at, stated_at, verdict, residual, unverifiable';

/** Reads a verification; undefined when the deletion has none. */
export async function readVerification(queryable: Queryable, requestId: string): Promise<Verification | undefined> {
  const [row] = await queryable.rows<Verification>(`SELECT ${COLUMNS} FROM verifications WHERE request_id = $1`, [requestId]);
  return row;
}

/** Writes what is stated; it is the last word on this deletion. */
export function writeStatement(tx: Transaction, requestId: string, { verdict, residual, unverifiable }: Statement): void {
  tx.write('UPDATE verifications SET stated_at = now(), verdict = $2, residual = $3, unverifiable = $4 WHERE request_id = $1', [
    requestId,
    verdict,
    JSON.stringify(residual),
    JSON.stringify(unverifiable),
  ]);
}

/** Whether another deletion of the same user is under way or to be verified: it needs the user's inventory still. */
export async function othersNeedInventory(queryable: Queryable, requestId: string, userId: string): Promise<boolean> {
  const rows = await queryable.rows(
    `SELECT FROM deletions d LEFT JOIN verifications v USING (request_id)
     WHERE d.user_id = $2 AND d.request_id <> $1 AND NOT d.dry_run
       AND (d.status IN ${LIVE} OR (v.request_id IS NOT NULL AND v.stated_at IS NULL))
     LIMIT 1`,
    [requestId, userId],
  );
  return rows.length > 0;
}

/** A deletion that follows a completed one, because something was left after it. */
export interface LinkedDeletion {
  readonly input: DeletionInput;
  readonly workflowId: string;
  readonly subjectRef: string;
  readonly userId: string;
  /** The completed request. */
  readonly linkedTo: string;
  readonly cause: string;
}

/** Enters it into the ledger with its first timeline entry. */
export function insertLinked(tx: Transaction, { input, workflowId, subjectRef, userId, linkedTo, cause }: LinkedDeletion): void {
  tx.write(
    `INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, source, reason, gdpr_mode, dry_run, trace_id, traceparent, tracestate,
       input, requested_at, due_at, events, linked_to)
     SELECT $1, 'user', $2, $3, $4, 'expunge', $5, $6, false, $7, traceparent, tracestate, $8, now(), now() + $9 * interval '1 millisecond', 1, $10
     FROM deletions WHERE request_id = $10`,
    [input.requestId, workflowId, subjectRef, userId, cause, input.gdprMode, input.traceId, JSON.stringify(input), input.policy.dueInMs, linkedTo],
  );
  tx.write(`INSERT INTO timeline (request_id, what, status, attempt, cause) VALUES ($1, 'received', 'PENDING', 0, $2)`, [input.requestId, cause]);
}

/** The request of the deletion that followed a completed one; null when none did. */
export async function readLinked(queryable: Queryable, requestId: string): Promise<string | null> {
  const [row] = await queryable.rows<{ requestId: string }>('SELECT request_id FROM deletions WHERE linked_to = $1', [requestId]);
  return row?.requestId ?? null;
}
