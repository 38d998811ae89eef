import type { Queryable } from '../database.js';
import { flush, type PendingWrite } from './flush.js';
import type { Attempt, Deletion, DeletionChange, OutboxMessage, TimelineEntry } from './rows.js';

/** A deletion under its row lock, inside one transaction. Changes are gathered and written when the work is done. */
export interface LockedDeletion {
  /** The row as it is with the changes made so far. */
  readonly row: Deletion;
  /** The database's clock. */
  readonly now: Date;
  readonly tx: Queryable;
  /** Since its receipt. */
  ageMs(): number;
  change(patch: DeletionChange): void;
  /** Adds a line to the timeline, with the status and attempt of the row as changed so far. */
  note(entry: TimelineEntry): void;
  send(message: OutboxMessage): void;
  /** The number of the next notification of this request, counted up by the call. */
  nextNotification(): number;
  /** The number of the next `deletion.*` event of this request, counted up by the call. */
  nextEvent(): number;
  attempts(): Promise<Attempt[]>;
  insertAttempt(attempt: Pick<Attempt, 'jobId' | 'attempt' | 'dagId' | 'lane' | 'generation' | 'cause'>): Promise<void>;
  /** Revokes every attempt of this deletion that still stands, but the one named. */
  revokeAttempts(why: string, exceptAttempt?: number): Promise<void>;
  markTimedOut(attempt: number): Promise<void>;
  /** The requests that joined this one and have no outcome yet, under lock; asked again, the same ones. */
  joined(): Promise<LockedDeletion[]>;
  /** Locks another request of the ledger in the same transaction. */
  lock(requestId: string): Promise<LockedDeletion | undefined>;
}

/** How many steps back a call that runs again finds its answer: more than one workflow task makes. */
const ANSWERS_KEPT = 50;

/** The inner side of a LockedDeletion: what the step that opened it needs to finish it. */
export interface OpenDeletion extends LockedDeletion {
  finishStep(step: number, asked: string, answer: unknown): void;
  flush(): Promise<void>;
}

/** Locks a deletion's row for the rest of the transaction. */
export async function lockDeletion(tx: Queryable, requestId: string): Promise<OpenDeletion | undefined> {
  const [row] = await tx.rows<Deletion & { now: Date }>(
    'SELECT d.*, clock_timestamp() AS now FROM deletions d WHERE request_id = $1 FOR UPDATE',
    [requestId],
  );
  return row && open(tx, row);
}

function open(tx: Queryable, locked: Deletion & { now: Date }): OpenDeletion {
  const { now, ...before } = locked;
  const write: PendingWrite = { entries: [], messages: [] };
  const others: OpenDeletion[] = [];
  let row: Deletion = before;
  let joined: Promise<OpenDeletion[]> | undefined;

  const lockJoined = async (): Promise<OpenDeletion[]> => {
    const rows = await tx.rows<Deletion & { now: Date }>(
      `SELECT d.*, clock_timestamp() AS now FROM deletions d WHERE duplicate_of = $1 AND outcome IS NULL
       ORDER BY received_at, request_id FOR UPDATE`,
      [row.requestId],
    );
    const opened = rows.map((joinedRow) => open(tx, joinedRow));
    others.push(...opened);
    return opened;
  };

  return {
    tx,
    now,
    ageMs: () => now.getTime() - row.receivedAt.getTime(),
    get row() {
      return row;
    },
    change: (patch) => {
      row = { ...row, ...patch };
    },
    note: (entry) => write.entries.push({ ...entry, status: row.status, attempt: row.attempt }),
    send: (message) => write.messages.push(withTrace(message, row.traceparent)),
    nextNotification: () => {
      row = { ...row, notifications: row.notifications + 1 };
      return row.notifications;
    },
    nextEvent: () => {
      row = { ...row, events: row.events + 1 };
      return row.events;
    },
    attempts: () => tx.rows<Attempt>('SELECT * FROM attempts WHERE request_id = $1 ORDER BY attempt', [row.requestId]),
    insertAttempt: async (attempt) => {
      await tx.rows(
        `INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [attempt.jobId, row.requestId, attempt.attempt, attempt.dagId, attempt.lane, attempt.generation, attempt.cause],
      );
    },
    revokeAttempts: async (why, exceptAttempt = 0) => {
      await tx.rows(
        'UPDATE attempts SET revoked_at = now(), revoked_why = $2 WHERE request_id = $1 AND attempt <> $3 AND revoked_at IS NULL',
        [row.requestId, why, exceptAttempt],
      );
    },
    markTimedOut: async (attempt) => {
      await tx.rows('UPDATE attempts SET timed_out_at = now() WHERE request_id = $1 AND attempt = $2 AND result IS NULL', [
        row.requestId,
        attempt,
      ]);
    },
    // One LockedDeletion per row: two of the same row would write over one another.
    joined: () => (joined ??= lockJoined()),
    lock: async (requestId) => {
      const other = await lockDeletion(tx, requestId);
      if (other) others.push(other);
      return other;
    },
    finishStep: (step, asked, answer) => {
      row = { ...row, step, answers: [...row.answers.slice(1 - ANSWERS_KEPT), { step, asked, answer }] };
    },
    flush: async () => {
      // This row first: what it gives up (a claim, a subject) another may take in the same transaction.
      await flush(tx, before, row, write);
      for (const other of others) await other.flush();
    },
  };
}

const withTrace = (message: OutboxMessage, traceparent: string | null): OutboxMessage =>
  traceparent === null ? message : { ...message, headers: { ...message.headers, traceparent } };
