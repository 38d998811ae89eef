import { SIGNALS, tenantWorkflowId, workflowIdFor } from '../../contracts/names/index.js';
import type { Database, Transaction } from '../database.js';
import { writeMessages } from '../ledger/flush.js';
import type { OutboxMessage } from '../ledger/rows.js';
import { lockTenant, type LockedTenant, type Service } from './locked-tenant.js';

/** A provisioning event of one service instance, validated. */
export interface ServiceEvent {
  readonly eventId: string;
  readonly eventType: 'service.provisioned' | 'service.deprovisioned';
  readonly tenantId: string;
  readonly serviceType: string;
  readonly serviceInstanceId: string;
  readonly dependsOn: readonly string[];
  /** By the producer's clock: the latest wins. */
  readonly timestamp: Date;
}

export type ServiceEventOutcome = 'applied' | 'seen-before' | 'out-of-date';

/**
 * Applies one event to the inventory, at most once per event id, under the tenant's lock. A tenant that has services
 * again becomes active; an instance provisioned anew revokes what would still erase its former self; the last service
 * gone wakes the tenant's workflow.
 */
export async function applyServiceEvent(database: Database, consumerGroup: string, event: ServiceEvent): Promise<ServiceEventOutcome> {
  return database.transaction(async (tx) => {
    const [mark] = await tx.rows(
      'INSERT INTO processed_events (consumer_group, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id',
      [consumerGroup, event.eventId],
    );
    if (!mark) return 'seen-before';
    const tenant = await lockTenant(tx, event.tenantId);
    const known = await tenant.service(event.serviceInstanceId);
    if (known && event.timestamp < known.eventAt) {
      if (event.eventType === 'service.provisioned') await becomeKnown(tenant, event);
      return 'out-of-date';
    }
    await changeService(tx, tenant, known, event);
    return 'applied';
  });
}

/** Changes one service of a tenant under its lock, and revokes and wakes what that concerns. */
export async function changeService(tx: Transaction, tenant: LockedTenant, known: Service | undefined, event: ServiceEvent): Promise<void> {
  if (event.eventType === 'service.provisioned') provision(tx, tenant, known, event);
  else await deprovision(tx, tenant, known, event);
}

function provision(tx: Transaction, tenant: LockedTenant, known: Service | undefined, event: ServiceEvent): void {
  tx.write(
    `INSERT INTO services (tenant_id, service_instance_id, service_type, depends_on, status, provisioned_at, event_at)
     VALUES ($1, $2, $3, $4, 'ACTIVE', $5, $5)
     ON CONFLICT (tenant_id, service_instance_id) DO UPDATE SET
       service_type = excluded.service_type, depends_on = excluded.depends_on, event_at = excluded.event_at,
       generation = services.generation + (services.status <> 'ACTIVE')::int,
       provisioned_at = CASE WHEN services.status = 'ACTIVE' THEN services.provisioned_at ELSE excluded.provisioned_at END,
       status = 'ACTIVE', gone_at = NULL, gone_by = NULL, updated_at = now()`,
    [event.tenantId, event.serviceInstanceId, event.serviceType, event.dependsOn, event.timestamp],
  );
  const anew = known?.status !== 'ACTIVE';
  if (anew) revokeAttemptsOnInstance(tx, event);
  if (tenant.row.status === 'ACTIVE') return;
  const wasEmptied = tenant.row.status !== 'UNKNOWN';
  tenant.change({ status: 'ACTIVE', gdprDeletions: 0, otherDeletions: 0, erasedAt: null });
  if (wasEmptied) {
    revokeTenantCleanUp(tx, event.tenantId);
    writeMessages(tx, [recheckTenant(event.tenantId, causeOf(event))]);
  }
}

/** The news that a service had been provisioned comes after the news that it has gone: its tenant is known by it, and may be empty. */
async function becomeKnown(tenant: LockedTenant, event: ServiceEvent): Promise<void> {
  if (tenant.row.status !== 'UNKNOWN') return;
  tenant.change({ status: 'ACTIVE', gdprDeletions: 0, otherDeletions: 0 });
  wakeTenantIfEmpty(tenant, await tenant.hasActiveServices(), causeOf(event));
}

async function deprovision(tx: Transaction, tenant: LockedTenant, known: Service | undefined, event: ServiceEvent): Promise<void> {
  if (!known) {
    rememberAsGone(tx, event);
    return;
  }
  tx.write(
    `UPDATE services SET event_at = $3, updated_at = now(),
       status = CASE WHEN status = 'ACTIVE' THEN 'DEPROVISIONED' ELSE status END,
       gone_at = coalesce(gone_at, now()), gone_by = coalesce(gone_by, $4)
     WHERE tenant_id = $1 AND service_instance_id = $2`,
    [event.tenantId, event.serviceInstanceId, event.timestamp, event.eventId],
  );
  if (known.status !== 'ACTIVE') return;
  wakeDependencies(tx, known, causeOf(event));
  wakeTenantIfEmpty(tenant, await tenant.hasActiveServices(), causeOf(event));
}

/** An instance that is heard of first when it goes: kept, so that an older event does not make it active. */
function rememberAsGone(tx: Transaction, event: ServiceEvent): void {
  tx.write(
    `INSERT INTO services (tenant_id, service_instance_id, service_type, depends_on, status, provisioned_at, event_at, gone_at, gone_by)
     VALUES ($1, $2, $3, $4, 'DEPROVISIONED', $5, $5, now(), $6)`,
    [event.tenantId, event.serviceInstanceId, event.serviceType, event.dependsOn, event.timestamp, event.eventId],
  );
}

/** `~` is in no incoming id, so an event never shares a cause with a request. */
const causeOf = (event: ServiceEvent): string => `event~${event.eventId}`;

/**
 * After a service has gone: wakes the deletions of what it depended on.
 * @param causeId what the wake-up rows are named after; one cause wakes once
 */
export const wakeDependencies = (tx: Transaction, { tenantId, dependsOn }: Service, causeId: string): void =>
  writeMessages(tx, dependsOn.map((instanceId) => recheckDeletion(tenantId, instanceId, causeId)));

/** Wakes the tenant's workflow when no active service is left. */
export function wakeTenantIfEmpty(tenant: LockedTenant, hasActive: boolean, causeId: string): void {
  if (!hasActive && tenant.row.status === 'ACTIVE') writeMessages(tenant.tx, [recheckTenant(tenant.row.tenantId, causeId)]);
}

const recheckDeletion = (tenantId: string, serviceInstanceId: string, causeId: string): OutboxMessage => ({
  eventId: `${causeId}/recheck/${serviceInstanceId}`,
  requestId: causeId,
  target: 'signal',
  destination: SIGNALS.recheck,
  key: workflowIdFor({ kind: 'service', tenantId, serviceType: '', serviceInstanceId }),
  headers: {},
  body: '{}',
});

/** Wakes the tenant's workflow, starting it when it does not run. */
export const recheckTenant = (tenantId: string, causeId: string): OutboxMessage => ({
  eventId: `${causeId}/recheck-tenant/${tenantId}`,
  requestId: causeId,
  target: 'signal',
  destination: SIGNALS.recheck,
  key: tenantWorkflowId(tenantId),
  headers: {},
  body: JSON.stringify({ tenantId }),
});

function revokeAttemptsOnInstance(tx: Transaction, event: ServiceEvent): void {
  tx.write(
    `UPDATE attempts a SET revoked_at = now(), revoked_why = 'the instance was provisioned anew'
     FROM deletions d, services s
     WHERE d.request_id = a.request_id AND d.tenant_id = $1 AND d.service_instance_id = $2 AND NOT d.dry_run
       AND a.revoked_at IS NULL AND s.tenant_id = $1 AND s.service_instance_id = $2 AND s.generation <> a.generation
       AND NOT (a.generation = 0 AND s.generation = 1 AND s.provisioned_at <= d.requested_at)`,
    [event.tenantId, event.serviceInstanceId],
  );
}

function revokeTenantCleanUp(tx: Transaction, tenantId: string): void {
  tx.write(
    `UPDATE attempts a SET revoked_at = now(), revoked_why = 'the tenant has services again'
     FROM deletions d WHERE d.request_id = a.request_id AND d.tenant_id = $1 AND d.kind = 'tenant' AND a.revoked_at IS NULL`,
    [tenantId],
  );
}
