import { randomUUID } from 'node:crypto';
import type { Database } from '../database.js';
import { changesToListing, type ListedService } from './listing.rules.js';
import { lockTenant, type Service } from './locked-tenant.js';
import { changeService } from './service-events.js';

/** Makes the inventory of a tenant what the authority lists, under the tenant's lock, with all that follows from each change. */
export async function applyListing(database: Database, tenantId: string, listed: readonly ListedService[]): Promise<void> {
  await database.transaction(async (tx) => {
    const tenant = await lockTenant(tx, tenantId);
    const known = await tx.rows<Service>('SELECT * FROM services WHERE tenant_id = $1', [tenantId]);
    for (const change of changesToListing(tenantId, listed, known)) {
      const before = await tenant.service(change.serviceInstanceId);
      await changeService(tx, tenant, before, { ...change, eventId: `listing~${randomUUID()}` });
    }
  });
}
