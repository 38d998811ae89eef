import type { Transaction } from '../database.js';
import { lockTenant, lockTenantOf, type LockedTenant } from '../inventory/locked-tenant.js';
import { readStanding, type ServiceStanding } from '../inventory/standing.js';
import { readQuietIfNothingExpected, readQuietUserInventory, readUserInventory, type UserInventory } from '../subjects/user-inventory.js';
import { flush, type PendingWrite } from './flush.js';
import { at, placeNow } from './places.js';
import type { Attempt, Deletion, DeletionChange, OutboxMessage, TimelineEntry } from './rows.js';

/** A deletion under its row lock, inside one transaction. Changes are gathered and written when the work is done. */
export interface LockedDeletion {
  /** The row as it is with the changes made so far. */
  readonly row: Deletion;
  /** The database's clock. */
  readonly now: Date;
  readonly tx: Transaction;
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
  insertAttempt(attempt: Pick<Attempt, 'jobId' | 'attempt' | 'dagId' | 'lane' | 'generation' | 'cause' | 'expected'>): void;
  /** Revokes every attempt of this deletion that still stands, but the one named. */
  revokeAttempts(why: string, exceptAttempt?: number): void;
  markTimedOut(attempt: number): void;
  /** The requests that joined this one and have no outcome yet, under lock; asked again, the same ones. */
  joined(): Promise<LockedDeletion[]>;
  /** The tenant that it is of, or whose service it is of, under lock. @throws Error for a user's */
  tenant(): Promise<LockedTenant>;
  /** How its service stands, under the tenant's lock. @throws Error for another kind of deletion */
  standing(): Promise<ServiceStanding>;
  /** What the local index knows of its user. */
  userInventory(): Promise<UserInventory>;
  /** The same once nobody writes of its user under these references: for the transaction that sets up the tombstone. */
  quietUserInventory(subjectRefs: Iterable<string>): Promise<UserInventory>;
  /** Locks another request of the ledger in the same transaction. */
  lock(requestId: string): Promise<LockedDeletion | undefined>;
}

/** How many steps back a call that runs again finds its answer: more than one workflow task makes. */
const ANSWERS_KEPT = 50;

/** The inner side of a LockedDeletion: what the step that opened it needs to finish it. */
export interface OpenDeletion extends LockedDeletion {
  finishStep(step: number, asked: string, answer: unknown): void;
  flush(): void;
}

/** What is sure to be asked of a deletion: read in the same round trip as its row. */
export interface ReadAhead {
  readonly attempts?: boolean;
  readonly joined?: boolean;
  /** Its tenant, locked, and how its service stands. */
  readonly inventory?: boolean;
  /** What the local index knows of its user. */
  readonly userInventory?: boolean;
  /** The same, if nothing was known before, once nobody writes of its user under this reference. */
  readonly quietUnder?: string | undefined;
}

/** Locks a deletion's row for the rest of the transaction. */
export async function lockDeletion(tx: Transaction, requestId: string, ahead: ReadAhead = {}): Promise<OpenDeletion | undefined> {
  const locked = tx.rows<LockedRow>('SELECT d.*, clock_timestamp() AS now FROM deletions d WHERE request_id = $1 FOR UPDATE', [requestId]);
  const [[row], ...read] = await Promise.all([
    locked,
    ahead.inventory ? lockTenantOf(tx, requestId) : undefined,
    ahead.inventory ? readStanding(tx, requestId) : undefined,
    ahead.attempts ? readAttempts(tx, requestId) : undefined,
    ahead.joined ? lockJoined(tx, requestId) : undefined,
    ahead.userInventory ? readUserInventory(tx, requestId) : undefined,
    ahead.quietUnder === undefined ? undefined : readQuietIfNothingExpected(tx, requestId, [ahead.quietUnder]),
  ]);
  const [tenant, standing, attempts, joined, userInventory, quietUserInventory] = read;
  return row && open(tx, row, { tenant, standing, attempts, joined, userInventory, quietUserInventory, quietUnder: ahead.quietUnder });
}

type LockedRow = Deletion & { now: Date };

const readAttempts = (tx: Transaction, requestId: string): Promise<Attempt[]> =>
  tx.rows<Attempt>('SELECT * FROM attempts WHERE request_id = $1 ORDER BY attempt', [requestId]);

const lockJoined = (tx: Transaction, requestId: string): Promise<LockedRow[]> =>
  tx.rows<LockedRow>(
    `SELECT d.*, clock_timestamp() AS now FROM deletions d WHERE duplicate_of = $1 AND outcome IS NULL
     ORDER BY received_at, request_id FOR UPDATE`,
    [requestId],
  );

interface AlreadyRead {
  readonly tenant?: LockedTenant | undefined;
  readonly standing?: ServiceStanding | undefined;
  readonly attempts?: Attempt[] | undefined;
  readonly joined?: LockedRow[] | undefined;
  readonly userInventory?: UserInventory | undefined;
  readonly quietUserInventory?: UserInventory | undefined;
  readonly quietUnder?: string | undefined;
}

function open(tx: Transaction, locked: LockedRow, read: AlreadyRead = {}): OpenDeletion {
  const { now, ...before } = locked;
  const write: PendingWrite = { entries: [], messages: [] };
  const others: OpenDeletion[] = [];
  let row: Deletion = before;

  const openJoined = (rows: readonly LockedRow[]): LockedDeletion[] => {
    const opened = rows.map((joinedRow) => open(tx, joinedRow));
    others.push(...opened);
    return opened;
  };
  // One of each per transaction: two of the same row would write over one another.
  let joined = read.joined && Promise.resolve(openJoined(read.joined));
  let tenant = read.tenant && Promise.resolve(read.tenant);
  // What was read without the tenant's lock counts for nothing.
  let standing = tenant && read.standing && Promise.resolve(read.standing);
  const nothing = (what: string): never => {
    throw new Error(`request ${row.requestId} is of no ${what}`);
  };

  const lockItsTenant = () => (tenant ??= row.tenantId === null ? nothing('tenant') : lockTenant(tx, row.tenantId));

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
    send: (message) => write.messages.push(at(message, placeNow(row))),
    nextNotification: () => {
      row = { ...row, notifications: row.notifications + 1 };
      return row.notifications;
    },
    nextEvent: () => {
      row = { ...row, events: row.events + 1 };
      return row.events;
    },
    attempts: () => (read.attempts ? Promise.resolve(read.attempts) : readAttempts(tx, row.requestId)),
    insertAttempt: (attempt) => {
      tx.write(
        `INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause, expected) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [attempt.jobId, row.requestId, attempt.attempt, attempt.dagId, attempt.lane, attempt.generation, attempt.cause, attempt.expected && JSON.stringify(attempt.expected)],
      );
    },
    revokeAttempts: (why, exceptAttempt = 0) => {
      tx.write('UPDATE attempts SET revoked_at = now(), revoked_why = $2 WHERE request_id = $1 AND attempt <> $3 AND revoked_at IS NULL', [
        row.requestId,
        why,
        exceptAttempt,
      ]);
    },
    markTimedOut: (attempt) => {
      tx.write('UPDATE attempts SET timed_out_at = now() WHERE request_id = $1 AND attempt = $2 AND result IS NULL', [row.requestId, attempt]);
    },
    joined: () => (joined ??= lockJoined(tx, row.requestId).then(openJoined)),
    tenant: lockItsTenant,
    standing: () => (standing ??= lockItsTenant().then(async () => (await readStanding(tx, row.requestId)) ?? nothing('service'))),
    userInventory: () => (read.userInventory ? Promise.resolve(read.userInventory) : readUserInventory(tx, row.requestId)),
    quietUserInventory: (subjectRefs) =>
      read.quietUserInventory && [...subjectRefs].every((subjectRef) => subjectRef === read.quietUnder)
        ? Promise.resolve(read.quietUserInventory)
        : readQuietUserInventory(tx, row.requestId, subjectRefs),
    lock: async (requestId) => {
      const other = await lockDeletion(tx, requestId);
      if (other) others.push(other);
      return other;
    },
    finishStep: (step, asked, answer) => {
      row = { ...row, step, answers: [...row.answers.slice(1 - ANSWERS_KEPT), { step, asked, answer }] };
    },
    flush: () => {
      // This row first: what it gives up (a claim, a subject) another may take in the same transaction.
      flush(tx, before, row, write);
      for (const other of others) other.flush();
    },
  };
}
