import { applyListing } from '../store/inventory/listing.js';
import type { ActivityDeps } from './deps.js';

/** Where an authority is asked instead of the events: brings the tenant's inventory up to its word, before something is decided on it. */
export async function refreshInventory({ database, inventoryAuthority }: ActivityDeps, tenantId: string): Promise<void> {
  if (inventoryAuthority) await applyListing(database, tenantId, await inventoryAuthority(tenantId));
}

/** The same for the tenant of a request; nothing for a user's. */
export async function refreshInventoryOf(deps: ActivityDeps, requestId: string): Promise<void> {
  if (!deps.inventoryAuthority) return;
  const [row] = await deps.database.rows<{ tenantId: string | null }>('SELECT tenant_id FROM deletions WHERE request_id = $1', [requestId]);
  if (row && row.tenantId !== null) await refreshInventory(deps, row.tenantId);
}
