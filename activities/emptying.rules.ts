import type { Tenant } from '../store/inventory/locked-tenant.js';

export type TenantVerdict = 'unknown' | 'has-services' | 'deletions-under-way' | 'becomes-empty' | 'empty';

/**
 * What a tenant is, given its row and what is counted under its lock. While a deletion of one of its services is under way
 * the tenant is not called empty, even when the service was deprovisioned: how it ends decides about the purge.
 */
export function decideOnTenant(tenant: Pick<Tenant, 'status'>, activeServices: number, deletionsUnderWay: number): TenantVerdict {
  if (tenant.status === 'UNKNOWN') return 'unknown';
  if (activeServices > 0) return 'has-services';
  if (tenant.status !== 'ACTIVE') return 'empty';
  return deletionsUnderWay > 0 ? 'deletions-under-way' : 'becomes-empty';
}

/**
 * Whether an emptied tenant is erased as well: by itself when every deletion was in gdprMode, after a person's decision when
 * only some were, not at all when none was (seed: tenant-service-deletion, "only when all services are deleted").
 */
export function purgeAfter(tenant: Pick<Tenant, 'gdprDeletions' | 'otherDeletions'>): 'automatic' | 'ask-a-person' | 'none' {
  if (tenant.gdprDeletions === 0) return 'none';
  return tenant.otherDeletions === 0 ? 'automatic' : 'ask-a-person';
}
