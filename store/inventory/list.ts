import { SERVICE_STATUSES, TENANT_STATUSES } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';
import type { Tenant } from './locked-tenant.js';
import type { ServiceRecord } from './read.js';

/** Which tenants are wanted. */
export interface TenantFilter {
  readonly statuses?: readonly Tenant['status'][] | undefined;
  /** Only these. */
  readonly tenantIds?: readonly string[] | undefined;
}

/** A tenant in a list, and how many of its services are active. */
export type ListedTenant = Pick<Tenant, 'tenantId' | 'status' | 'emptyings' | 'emptiedAt' | 'erasedAt'> & { readonly activeServices: number };

const COLUMNS = `t.tenant_id, t.status, t.emptyings, t.emptied_at, t.erased_at,
  (SELECT count(*) FROM services s WHERE s.tenant_id = t.tenant_id AND s.status = 'ACTIVE')::int AS active_services`;

/** One page of tenants by their ids, after the id that the page before ended at. */
export function listTenants(queryable: Queryable, { statuses = TENANT_STATUSES, tenantIds }: TenantFilter, limit: number, after = ''): Promise<ListedTenant[]> {
  if (tenantIds) {
    return queryable.rows<ListedTenant>(`SELECT ${COLUMNS} FROM tenants t WHERE tenant_id = ANY($1::text[]) AND status = ANY($2::text[]) AND tenant_id > $3 ORDER BY tenant_id LIMIT $4`, [tenantIds, statuses, after, limit]);
  }
  return queryable.rows<ListedTenant>(
    `SELECT ${COLUMNS} FROM (
       SELECT found.* FROM unnest($1::text[]) AS asked (status) CROSS JOIN LATERAL (
         SELECT * FROM tenants WHERE status = asked.status AND tenant_id > $2 ORDER BY tenant_id LIMIT $3) found
       ORDER BY found.tenant_id LIMIT $3) t
     ORDER BY t.tenant_id`,
    [statuses, after, limit],
  );
}

/** One page of a tenant's services by their ids, with the latest deletion of each, dry runs left out. */
export function listServices(queryable: Queryable, tenantId: string, statuses: readonly ServiceRecord['status'][] | undefined, limit: number, after = ''): Promise<ServiceRecord[]> {
  return queryable.rows<ServiceRecord>(
    `SELECT s.*, d.request_id AS deletion_request_id, d.status AS deletion_status
     FROM (SELECT * FROM services WHERE tenant_id = $1 AND service_instance_id > $2 AND status = ANY($3::text[]) ORDER BY service_instance_id LIMIT $4) s
     LEFT JOIN LATERAL (
       SELECT request_id, status FROM deletions
       WHERE tenant_id = s.tenant_id AND service_instance_id = s.service_instance_id AND NOT dry_run AND status <> 'DUPLICATE'
       ORDER BY received_at DESC LIMIT 1) d ON true
     ORDER BY s.service_instance_id`,
    [tenantId, after, statuses ?? SERVICE_STATUSES, limit],
  );
}
