import type { Queryable } from '../database.js';

/** The feed of the service inventory, by the name of its topic. */
export const SERVICE_FEED = 'tenant.service.events';

/** Notes that everything written to the feed before `asOfMsAgo` milliseconds ago has been applied. */
export async function markCaughtUp(queryable: Queryable, source: string, asOfMsAgo: number): Promise<void> {
  await queryable.rows(
    `INSERT INTO inventory_feed (source, caught_up_at) VALUES ($1, clock_timestamp() - $2 * interval '1 millisecond')
     ON CONFLICT (source) DO UPDATE SET caught_up_at = greatest(inventory_feed.caught_up_at, excluded.caught_up_at)`,
    [source, asOfMsAgo],
  );
}

/** How old the inventory may be, in ms, by the database's clock; undefined when the feed was never caught up with. */
export async function stalenessMs(queryable: Queryable, source: string): Promise<number | undefined> {
  const [row] = await queryable.rows<{ ms: number }>(
    `SELECT extract(epoch FROM clock_timestamp() - caught_up_at)::float8 * 1000 AS ms FROM inventory_feed WHERE source = $1`,
    [source],
  );
  return row?.ms;
}

/** Forgets handled events that are older than `keepMs`, a slice at a time. @returns how many */
export async function forgetProcessedEvents(queryable: Queryable, keepMs: number, limit = 1000): Promise<number> {
  const rows = await queryable.rows(
    `DELETE FROM processed_events WHERE (consumer_group, event_id) IN (
       SELECT consumer_group, event_id FROM processed_events WHERE at < now() - $1 * interval '1 millisecond' LIMIT $2) RETURNING event_id`,
    [keepMs, limit],
  );
  return rows.length;
}
