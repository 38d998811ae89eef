import type { Database, Queryable } from '../database.js';
import { passedSlots } from './remembered.rules.js';

/** Forgets handled events of days that have passed, a table a day. @returns how many days were forgotten */
export async function forgetSubjectEvents(database: Database, nowMs = Date.now()): Promise<number> {
  const tables = await database.rows<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE pg_relation_size(name::regclass) > 0 ORDER BY name',
    [passedSlots(nowMs).map((slot) => `subject_events_${slot}`)],
  );
  for (const { name } of tables) await database.script(`TRUNCATE ${name}`);
  return tables.length;
}

/** Forgets items that have been known as gone for `keepMs`, however long ago they went; a slice at a time. @returns how many */
export async function forgetGoneItems(queryable: Queryable, keepMs: number, limit = 5_000): Promise<number> {
  const [row] = await queryable.rows<{ count: number }>(
    `WITH forgotten AS (
       DELETE FROM subject_items WHERE (kind, item_id) IN (
         SELECT kind, item_id FROM subject_items WHERE state = 2 AND noted_at < now() - $1 * interval '1 millisecond' ORDER BY noted_at LIMIT $2) RETURNING 1)
     SELECT count(*) AS count FROM forgotten`,
    [keepMs, limit],
  );
  return row?.count ?? 0;
}

/** Forgets what was told `keepMs` ago of subjects after their erasure; a slice at a time. @returns how many */
export async function forgetResurrections(queryable: Queryable, keepMs: number, limit = 5_000): Promise<number> {
  const [row] = await queryable.rows<{ count: number }>(
    `WITH forgotten AS (
       DELETE FROM subject_resurrections WHERE (subject_ref, kind) IN (
         SELECT subject_ref, kind FROM subject_resurrections WHERE noted_at < now() - $1 * interval '1 millisecond' ORDER BY noted_at LIMIT $2) RETURNING 1)
     SELECT count(*) AS count FROM forgotten`,
    [keepMs, limit],
  );
  return row?.count ?? 0;
}
