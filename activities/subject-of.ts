import { lockTenant, type LockedTenant } from '../store/inventory/locked-tenant.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import type { Deletion } from '../store/ledger/rows.js';

/** The service that a deletion is of. @throws Error for a deletion of something else, which the ledger's own checks rule out */
export function serviceOf({ requestId, tenantId, serviceInstanceId }: Deletion): { tenantId: string; serviceInstanceId: string } {
  if (tenantId === null || serviceInstanceId === null) throw new Error(`request ${requestId} names no service`);
  return { tenantId, serviceInstanceId };
}

/** Locks the tenant that a deletion is of, or whose service it is of. @throws Error for a user's */
export function lockTenantOf({ row, tx }: LockedDeletion): Promise<LockedTenant> {
  if (row.tenantId === null) throw new Error(`request ${row.requestId} names no tenant`);
  return lockTenant(tx, row.tenantId);
}
