import type { Queryable } from './database.js';
import type { OutboxMessage } from './ledger/rows.js';

/** A row that waits to be sent. */
export interface UnsentRow extends OutboxMessage {
  readonly id: number;
  readonly lane: number;
  readonly refusals: number;
  readonly createdAt: Date;
}

export const OUTBOX_CHANNEL = 'expunge_outbox';

/** Which rows are looked for. */
export interface Look {
  readonly target: OutboxMessage['target'];
  readonly lanes: readonly number[];
  readonly limit: number;
  /** Requests that are left out. */
  readonly without?: readonly string[];
}

/**
 * The next rows of the lanes that go to one kind of target, oldest first: without those that an earlier row of their own
 * request holds back, because it is dead or goes to the other kind of target and is not sent yet.
 * @param sent rows that have been sent: they are marked, and no longer count, in the same statement
 */
export function nextUnsent(queryable: Queryable, { target, lanes, limit, without = [] }: Look, sent: readonly number[] = []): Promise<UnsentRow[]> {
  const params = [target, lanes, limit, without];
  return sent.length === 0 ? queryable.rows<UnsentRow>(NEXT_UNSENT, params) : queryable.rows<UnsentRow>(MARK_SENT_AND_NEXT, [...params, sent]);
}

const nextUnsentBut = (but: (id: string) => string): string => `
  SELECT o.* FROM unnest($2::smallint[]) AS held (lane), LATERAL (
    SELECT id, event_id, request_id, lane, target, destination, key, headers, body, refusals, created_at FROM outbox u
    WHERE u.lane = held.lane AND u.target = $1 AND u.sent_at IS NULL AND u.dead_at IS NULL AND NOT u.request_id = ANY($4) ${but('u.id')}
      AND NOT EXISTS (SELECT FROM outbox earlier WHERE earlier.request_id = u.request_id AND earlier.id < u.id
                      AND earlier.sent_at IS NULL ${but('earlier.id')} AND (earlier.dead_at IS NOT NULL OR earlier.target <> $1))
    ORDER BY id LIMIT $3) o
  ORDER BY o.id LIMIT $3`;
const NEXT_UNSENT = nextUnsentBut(() => '');
const MARK_SENT = 'UPDATE outbox SET sent_at = now(), last_error = NULL WHERE id = ANY';
const MARK_SENT_AND_NEXT = `WITH marked AS (${MARK_SENT}($5)) ${nextUnsentBut((id) => `AND NOT ${id} = ANY($5)`)}`;

/** Whether any row waits in these lanes to be sent to that kind of target, held back or not. */
export async function anyUnsent(queryable: Queryable, target: OutboxMessage['target'], lanes: readonly number[]): Promise<boolean> {
  const [row] = await queryable.rows<{ any: boolean }>(
    'SELECT EXISTS (SELECT FROM unnest($2::smallint[]) AS held (lane) JOIN outbox u USING (lane) WHERE u.target = $1 AND u.sent_at IS NULL AND u.dead_at IS NULL) AS any',
    [target, lanes],
  );
  return row?.any ?? false;
}

/** Marks rows as sent. */
export async function markSent(queryable: Queryable, ids: readonly number[]): Promise<void> {
  await queryable.rows(`${MARK_SENT}($1)`, [ids]);
}

/** Counts one refusal of a row; when the last of `mostRetries` retries is refused too it is dead. @returns whether it is dead now */
export async function markRefused(queryable: Queryable, id: number, error: string, mostRetries: number): Promise<boolean> {
  const [row] = await queryable.rows<{ dead: boolean }>(
    `UPDATE outbox SET refusals = refusals + 1, last_error = $2,
       dead_at = CASE WHEN refusals >= $3 THEN now() END
     WHERE id = $1 RETURNING dead_at IS NOT NULL AS dead`,
    [id, error, mostRetries],
  );
  return row?.dead ?? false;
}

/** How the outbox stands: what waits, since when, and what is dead. */
export interface OutboxStats {
  readonly unsent: number;
  readonly oldestSeconds: number;
  readonly dead: number;
}

export async function outboxStats(queryable: Queryable): Promise<OutboxStats> {
  const [row] = await queryable.rows<OutboxStats>(
    `SELECT (count(*) FILTER (WHERE dead_at IS NULL))::int AS unsent, (count(*) FILTER (WHERE dead_at IS NOT NULL))::int AS dead,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float8 AS oldest_seconds
     FROM outbox WHERE sent_at IS NULL`,
  );
  return row ?? { unsent: 0, oldestSeconds: 0, dead: 0 };
}

/** Removes rows that were sent longer ago than `keepMs`, a slice at a time. @returns how many */
export async function purgeSent(queryable: Queryable, keepMs: number, limit = 1000): Promise<number> {
  const rows = await queryable.rows(
    `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE sent_at < now() - $1 * interval '1 millisecond' LIMIT $2) RETURNING id`,
    [keepMs, limit],
  );
  return rows.length;
}

/** A row that was refused too often. Its body stays where it is: it may hold personal data. */
export interface DeadRow extends Pick<OutboxMessage, 'eventId' | 'requestId' | 'target' | 'destination'> {
  readonly id: number;
  readonly refusals: number;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly deadAt: Date;
}

/** The dead rows, oldest first. */
export function listDead(queryable: Queryable, limit = 100): Promise<DeadRow[]> {
  return queryable.rows<DeadRow>(
    `SELECT id, event_id, request_id, target, destination, refusals, last_error, created_at, dead_at FROM outbox
     WHERE dead_at IS NOT NULL AND sent_at IS NULL ORDER BY id LIMIT $1`,
    [limit],
  );
}

/** Has dead rows sent again, with their refusals forgotten: those of the ids, or all. @returns the ids of those that were dead */
export async function requeueDead(queryable: Queryable, ids: readonly number[] | 'all'): Promise<number[]> {
  const rows = await queryable.rows<{ id: number }>(
    `WITH requeued AS (UPDATE outbox SET dead_at = NULL, refusals = 0 WHERE dead_at IS NOT NULL AND sent_at IS NULL
       AND ($1::bigint[] IS NULL OR id = ANY($1)) RETURNING id)
     SELECT id, pg_notify('${OUTBOX_CHANNEL}', '') FROM requeued ORDER BY id`,
    [ids === 'all' ? null : ids],
  );
  return rows.map((row) => row.id);
}
