import type { DeletionStatus } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';
import type { Service, Tenant } from './locked-tenant.js';

/** A service, and the latest deletion of it, dry runs left out. */
export interface ServiceRecord extends Service {
  readonly goneAt: Date | null;
  readonly deletionRequestId: string | null;
  readonly deletionStatus: DeletionStatus | null;
}

/** One clean-up of the tenant itself. */
export interface CleanUpRecord {
  readonly requestId: string;
  readonly emptying: number | null;
  readonly status: DeletionStatus;
  readonly receivedAt: Date;
  readonly completedAt: Date | null;
}

/** Everything the inventory knows of one tenant. */
export interface TenantRecord {
  readonly tenant: Tenant;
  readonly services: readonly ServiceRecord[];
  /** The latest first. */
  readonly cleanUps: readonly CleanUpRecord[];
}

/** Reads a tenant with all its services, those that are gone too. undefined for one that was never named. */
export async function readTenant(queryable: Queryable, tenantId: string): Promise<TenantRecord | undefined> {
  const [tenant] = await queryable.rows<Tenant>('SELECT * FROM tenants WHERE tenant_id = $1', [tenantId]);
  if (!tenant) return undefined;
  const [services, cleanUps] = await Promise.all([
    queryable.rows<ServiceRecord>(
      `SELECT s.*, d.request_id AS deletion_request_id, d.status AS deletion_status
       FROM services s LEFT JOIN LATERAL (
         SELECT request_id, status FROM deletions
         WHERE tenant_id = s.tenant_id AND service_instance_id = s.service_instance_id AND NOT dry_run AND status <> 'DUPLICATE'
         ORDER BY received_at DESC LIMIT 1) d ON true
       WHERE s.tenant_id = $1 ORDER BY s.status, s.service_instance_id`,
      [tenantId],
    ),
    queryable.rows<CleanUpRecord>(
      `SELECT request_id, emptying, status, received_at, completed_at FROM deletions
       WHERE tenant_id = $1 AND kind = 'tenant' ORDER BY received_at DESC`,
      [tenantId],
    ),
  ]);
  return { tenant, services, cleanUps };
}
