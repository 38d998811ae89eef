import { lockTenant, type LockedTenant } from '../store/inventory/locked-tenant.js';
import { recheckTenant } from '../store/inventory/service-events.js';
import { writeMessages } from '../store/ledger/flush.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';

/** What wake-ups of this step are named after, so that each step wakes once and none swallows another's. */
export const causeOf = ({ row }: LockedDeletion): string => `${row.requestId}/step/${row.step + 1}`;

/** The tenant's emptying may have waited for this deletion to end, or to stop trying. */
export async function wakeTenantIfEmpty(deletion: LockedDeletion, locked?: LockedTenant): Promise<void> {
  const { kind, tenantId, dryRun } = deletion.row;
  if (kind !== 'service' || tenantId === null || dryRun) return;
  const tenant = locked ?? (await lockTenant(deletion.tx, tenantId));
  if (tenant.row.status === 'ACTIVE' && (await tenant.activeServices()).length === 0) {
    await writeMessages(deletion.tx, [recheckTenant(tenantId, causeOf(deletion))]);
  }
}
