import type { Database, Queryable } from './database.js';
import type { OutboxMessage } from './ledger/rows.js';

/** A row that waits to be sent. */
export interface UnsentRow extends OutboxMessage {
  readonly id: number;
  readonly refusals: number;
  readonly createdAt: Date;
}

export const OUTBOX_CHANNEL = 'expunge_outbox';

/**
 * Takes or renews leases on lanes: keeps what this holder has, takes what nobody holds, up to `most` lanes, so that
 * relays that come later find their share.
 * @returns the lanes held now, valid for `ttlMs`
 */
export async function leaseLanes(database: Database, holder: string, ttlMs: number, most: number): Promise<number[]> {
  return database.transaction(async (tx) => {
    const rows = await tx.rows<{ lane: number }>(
      `WITH mine AS (
         SELECT lane FROM outbox_lanes WHERE holder = $1 OR held_until < now()
         ORDER BY (holder IS NOT DISTINCT FROM $1) DESC, lane LIMIT $3 FOR UPDATE SKIP LOCKED)
       UPDATE outbox_lanes l SET holder = $1, held_until = now() + $2 * interval '1 millisecond'
       FROM mine WHERE l.lane = mine.lane RETURNING l.lane`,
      [holder, ttlMs, most],
    );
    const lanes = rows.map((row) => row.lane);
    await tx.rows(`UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity' WHERE holder = $1 AND NOT lane = ANY($2)`, [holder, lanes]);
    return lanes;
  });
}

/** How many relays hold lanes now, this one included whether it holds any or not. */
export async function countHolders(queryable: Queryable, self: string): Promise<number> {
  const [row] = await queryable.rows<{ count: number }>(
    'SELECT count(DISTINCT holder)::int AS count FROM outbox_lanes WHERE held_until > now() AND holder IS DISTINCT FROM $1',
    [self],
  );
  return (row?.count ?? 0) + 1;
}

/** Gives all leases of a holder back. */
export async function releaseLanes(queryable: Queryable, holder: string): Promise<void> {
  await queryable.rows(`UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity' WHERE holder = $1`, [holder]);
}

/** The next unsent rows of the lanes, oldest first, without those that a dead row of their own request holds back. */
export function nextUnsent(queryable: Queryable, lanes: readonly number[], limit: number): Promise<UnsentRow[]> {
  return queryable.rows<UnsentRow>(
    `SELECT id, event_id, request_id, target, destination, key, headers, body, refusals, created_at FROM outbox o
     WHERE lane = ANY($1) AND sent_at IS NULL AND dead_at IS NULL
       AND NOT EXISTS (SELECT FROM outbox dead WHERE dead.request_id = o.request_id AND dead.dead_at IS NOT NULL
                       AND dead.sent_at IS NULL AND dead.id < o.id)
     ORDER BY id LIMIT $2`,
    [lanes, limit],
  );
}

/** Marks rows as sent. */
export async function markSent(queryable: Queryable, ids: readonly number[]): Promise<void> {
  await queryable.rows('UPDATE outbox SET sent_at = now(), last_error = NULL WHERE id = ANY($1)', [ids]);
}

/** Counts one refusal of a row; after `mostRefusals` it is dead. @returns whether it is dead now */
export async function markRefused(queryable: Queryable, id: number, error: string, mostRefusals: number): Promise<boolean> {
  const [row] = await queryable.rows<{ dead: boolean }>(
    `UPDATE outbox SET refusals = refusals + 1, last_error = $2,
       dead_at = CASE WHEN refusals + 1 >= $3 THEN now() END
     WHERE id = $1 RETURNING dead_at IS NOT NULL AS dead`,
    [id, error, mostRefusals],
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
