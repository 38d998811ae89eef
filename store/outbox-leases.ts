import type { Database, Queryable } from './database.js';
import { OUTBOX_LANES } from './outbox-lanes.js';

export interface LeaseOptions {
  readonly ttlMs: number;
  /** Whether lanes beyond the fair share may be given up now; not while rows of theirs are being sent. */
  readonly mayShrink: boolean;
}

export interface Leases {
  /** Held now, for `ttlMs` from before the call. */
  readonly lanes: readonly number[];
  /** How many lanes each of the relays that run should have. */
  readonly share: number;
}

/**
 * Announces a relay and takes or renews its leases: it keeps what it has and takes what nobody holds, up to its share of
 * the lanes. A relay that came later gets its share when the others shrink to theirs.
 */
export async function leaseLanes(database: Database, holder: string, { ttlMs, mayShrink }: LeaseOptions): Promise<Leases> {
  return database.transaction(async (tx) => {
    await tx.rows(
      `INSERT INTO outbox_relays (holder, seen_until) VALUES ($1, now() + $2 * interval '1 millisecond')
       ON CONFLICT (holder) DO UPDATE SET seen_until = excluded.seen_until`,
      [holder, ttlMs],
    );
    const [standing] = await tx.rows<{ relays: number; held: number }>(
      `SELECT (SELECT count(*) FROM outbox_relays WHERE seen_until > now())::int AS relays,
         (SELECT count(*) FROM outbox_lanes WHERE holder = $1 AND held_until > now())::int AS held`,
      [holder],
    );
    const share = Math.ceil(OUTBOX_LANES / Math.max(standing?.relays ?? 1, 1));
    const rows = await tx.rows<{ lane: number }>(
      `WITH mine AS (
         SELECT lane FROM outbox_lanes WHERE holder = $1 OR held_until < now()
         ORDER BY (holder IS NOT DISTINCT FROM $1) DESC, lane LIMIT $3 FOR UPDATE SKIP LOCKED)
       UPDATE outbox_lanes l SET holder = $1, held_until = now() + $2 * interval '1 millisecond'
       FROM mine WHERE l.lane = mine.lane RETURNING l.lane`,
      [holder, ttlMs, mayShrink ? share : Math.max(share, standing?.held ?? 0)],
    );
    const lanes = rows.map((row) => row.lane).sort((a, b) => a - b);
    await tx.rows(`UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity' WHERE holder = $1 AND NOT lane = ANY($2)`, [holder, lanes]);
    return { lanes, share };
  });
}

/** Gives all leases of a relay back and takes it off the list; forgets relays that went without a word. */
export async function releaseLanes(queryable: Queryable, holder: string): Promise<void> {
  await queryable.rows(
    `WITH gone AS (DELETE FROM outbox_relays WHERE holder = $1 OR seen_until < now() - interval '1 day')
     UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity' WHERE holder = $1`,
    [holder],
  );
}
