import { wakeTenantIfEmpty } from '../store/inventory/service-events.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';

/** What wake-ups of this step are named after, so that each step wakes once and none swallows another's. */
export const causeOf = ({ row }: LockedDeletion): string => `${row.requestId}/step/${row.step + 1}`;

/** The tenant's emptying may have waited for this deletion to end, or to stop trying. */
export async function wakeWaitingTenant(deletion: LockedDeletion): Promise<void> {
  if (deletion.row.kind !== 'service' || deletion.row.dryRun) return;
  const tenant = await deletion.tenant();
  wakeTenantIfEmpty(tenant, await tenant.hasActiveServices(), causeOf(deletion));
}
