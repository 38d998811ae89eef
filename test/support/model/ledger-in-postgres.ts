import type { Database } from '../../../store/database.js';
import type { LedgerView } from './ledger-view.js';

/** What the ledger in PostgreSQL says of some workflows and tenants, of one moment: it is a single statement. */
export async function viewOf(database: Database, workflowIds: readonly string[], tenantIds: readonly string[]): Promise<LedgerView> {
  const [row] = await database.rows<{ view: LedgerView }>(
    `WITH d AS (SELECT * FROM deletions WHERE workflow_id = ANY($1))
     SELECT jsonb_build_object(
       'deletions', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'requestId', request_id, 'kind', kind, 'workflowId', workflow_id, 'tenantId', tenant_id, 'serviceInstanceId', service_instance_id,
          'emptying', emptying, 'gdprMode', gdpr_mode, 'status', status, 'attempt', attempt, 'claimedRun', claimed_run, 'held', held,
          'failureCode', failure_code, 'duplicateOf', duplicate_of, 'outcome', outcome, 'input', input) ORDER BY received_at), '[]') FROM d),
       'attempts', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'jobId', job_id, 'requestId', request_id, 'attempt', attempt, 'generation', generation, 'result', result,
          'timedOut', timed_out_at IS NOT NULL, 'revoked', revoked_at IS NOT NULL) ORDER BY sent_at), '[]')
          FROM attempts WHERE request_id IN (SELECT request_id FROM d)),
       'timeline', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'requestId', request_id, 'what', what, 'status', status, 'attempt', attempt, 'cause', cause, 'person', person) ORDER BY id), '[]')
          FROM timeline WHERE request_id IN (SELECT request_id FROM d)),
       'outbox', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'eventId', event_id, 'requestId', request_id, 'destination', destination, 'key', key, 'eventType', headers->>'event_type') ORDER BY id), '[]')
          FROM outbox WHERE target = 'kafka' AND (request_id IN (SELECT request_id FROM d) OR key = ANY($2))),
       'tenants', (SELECT coalesce(jsonb_agg(jsonb_build_object('tenantId', tenant_id, 'status', status, 'emptyings', emptyings)), '[]')
          FROM tenants WHERE tenant_id = ANY($2)),
       'services', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'tenantId', tenant_id, 'serviceInstanceId', service_instance_id, 'status', status, 'generation', generation, 'dependsOn', depends_on)), '[]')
          FROM services WHERE tenant_id = ANY($2))) AS view`,
    [workflowIds, tenantIds],
  );
  if (!row) throw new Error('the ledger gave no view');
  return row.view;
}
