import type { Database } from '../../store/database.js';

/** Of a thousand past deletions in the ledger, how many are opened again in each status. */
const OPENED = `CASE n % 1000 WHEN 4 THEN 'FAILED' WHEN 5 THEN 'TIMEOUT' WHEN 6 THEN 'PENDING' WHEN 7 THEN 'ON_HOLD' WHEN 8 THEN 'SENT_TO_AIRFLOW' END`;

/** Makes five of each thousand past deletions ones that are under way or parked, most of them overdue, so that every filter finds some. */
export async function openSomePast(database: Database): Promise<void> {
  await database.rows(
    `UPDATE deletions d SET status = opened.status, completed_at = NULL, duration_ms = NULL,
       failure_code = CASE opened.status WHEN 'FAILED' THEN 'DAG_FAILED' WHEN 'TIMEOUT' THEN 'RESULT_TIMEOUT' END, failure_message = CASE WHEN opened.status IN ('FAILED', 'TIMEOUT') THEN 'made for the bench' END
     FROM (SELECT request_id, ${OPENED} AS status FROM (SELECT request_id, substr(request_id, 6)::bigint AS n FROM deletions WHERE request_id LIKE 'past-%' AND status = 'COMPLETED') past
           WHERE n % 1000 BETWEEN 4 AND 8) opened
     WHERE d.request_id = opened.request_id`,
  );
  await database.script('VACUUM ANALYZE deletions');
}
