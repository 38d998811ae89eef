import type { Database } from '../../store/database.js';

const AT_ONCE = 100_000;
export const SERVICES_TO_A_PAST_TENANT = 10;

/**
 * Fills the ledger with deletions that are over, half of users and half of services, as years of work leave them: nine in ten completed, one
 * in twenty cancelled, one in twenty joined to another; each with its attempt and its timeline, and the services in the inventory as erased.
 * @param rows a multiple of 100,000
 */
export async function addPastDeletions(database: Database, rows: number, onProgress: (done: number) => void): Promise<void> {
  for (let from = 0; from < rows; from += AT_ONCE) {
    await database.transaction(async (tx) => {
      const range = [from, from + AT_ONCE - 1];
      await tx.rows(DELETIONS, range);
      await tx.rows(ATTEMPTS, range);
      await tx.rows(TIMELINE, range);
      await tx.rows(TENANTS, range);
      await tx.rows(SERVICES, range);
    });
    onProgress(from + AT_ONCE);
  }
  for (const table of ['deletions', 'attempts', 'timeline', 'tenants', 'services']) await database.script(`VACUUM ANALYZE ${table}`);
}

const ID = `'past-' || n`;
const JOINED = 'n % 20 = 1';
const STATUS = `CASE WHEN ${JOINED} THEN 'DUPLICATE' WHEN n % 20 = 2 THEN 'CANCELLED' ELSE 'COMPLETED' END`;
const IS_USER = 'n % 2 = 0';
const TENANT = `'past-tenant-' || n / ${2 * SERVICES_TO_A_PAST_TENANT}`;
const INSTANCE = `'service-' || n`;
/** One every half minute, back from now: a million are about a year. */
const AT = `now() - (n + 1) * interval '30 seconds'`;

const DELETIONS = `
  INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, tenant_id, service_type, service_instance_id, generation, source, reason, requested_by,
    gdpr_mode, dry_run, trace_id, input, status, attempt, job_id, claimed_run, step, duplicate_of, notifications, events, airflow_run_id, counts,
    requested_at, received_at, sent_at, completed_at, duration_ms, due_at, updated_at)
  SELECT ${ID}, CASE WHEN ${IS_USER} THEN 'user' ELSE 'service' END,
    CASE WHEN ${IS_USER} THEN 'user-deletion/v1.' || md5(n::text) ELSE 'service-deletion/' || ${TENANT} || '/' || ${INSTANCE} END,
    CASE WHEN ${IS_USER} THEN 'v1.' || md5(n::text) END, CASE WHEN ${IS_USER} THEN 'past-user-' || n END,
    CASE WHEN ${IS_USER} THEN NULL ELSE ${TENANT} END, CASE WHEN ${IS_USER} THEN NULL ELSE 'cloud-storage' END, CASE WHEN ${IS_USER} THEN NULL ELSE ${INSTANCE} END,
    CASE WHEN ${IS_USER} THEN 0 ELSE 1 END, 'bench', 'account_closed', 'bench', true, false, md5('trace' || n),
    jsonb_build_object('requestId', ${ID}, 'traceId', md5('trace' || n), 'gdprMode', true, 'dryRun', false, 'graceMs', 0, 'policy', jsonb_build_object('lane', 'default', 'dagId', 'user_cleanup_dag', 'autoRetries', 3)),
    ${STATUS}, CASE WHEN ${JOINED} THEN 0 ELSE 1 END, CASE WHEN ${JOINED} THEN NULL ELSE 'del_req_' || ${ID} END, CASE WHEN ${JOINED} THEN NULL ELSE md5('run' || n) END, 3,
    CASE WHEN ${JOINED} THEN 'past-' || (n - 1) END, 1, 3, CASE WHEN ${JOINED} THEN NULL ELSE 'del_req_' || ${ID} END, '{"rows_deleted": 12}',
    ${AT}, ${AT}, ${AT} + interval '1 second', ${AT} + interval '1 minute', 60000, ${AT} + interval '30 days', ${AT} + interval '1 minute'
  FROM generate_series($1::bigint, $2::bigint) AS n`;

const ATTEMPTS = `
  INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause, sent_at, posted_at, airflow_run_id, result, result_at, counts)
  SELECT 'del_req_' || ${ID}, ${ID}, 1, CASE WHEN ${IS_USER} THEN 'user_cleanup_dag' ELSE 'service_cleanup_dag' END, 'default', 0, 'the request',
    ${AT} + interval '1 second', ${AT} + interval '2 seconds', 'del_req_' || ${ID}, 'SUCCESS', ${AT} + interval '1 minute', '{"rows_deleted": 12}'
  FROM generate_series($1::bigint, $2::bigint) AS n WHERE NOT (${JOINED})`;

const TIMELINE = `
  INSERT INTO timeline (request_id, at, what, status, attempt, cause)
  SELECT ${ID}, ${AT}, what, 'COMPLETED', 1, 'the request'
  FROM generate_series($1::bigint, $2::bigint) AS n, unnest(ARRAY['received', 'sent_to_airflow', 'completed']) AS what`;

const TENANTS = `
  INSERT INTO tenants (tenant_id, status, emptyings, emptied_at)
  SELECT DISTINCT ${TENANT}, 'EMPTY', 1, now() FROM generate_series($1::bigint, $2::bigint) AS n ON CONFLICT DO NOTHING`;

const SERVICES = `
  INSERT INTO services (tenant_id, service_instance_id, service_type, status, provisioned_at, event_at, gone_at, gone_by)
  SELECT ${TENANT}, ${INSTANCE}, 'cloud-storage', 'ERASED', ${AT}, ${AT}, ${AT}, ${ID}
  FROM generate_series($1::bigint, $2::bigint) AS n WHERE NOT (${IS_USER})`;
