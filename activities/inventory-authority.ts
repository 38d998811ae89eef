import { z } from 'zod';
import { incomingId, isoTime } from '../contracts/topics/index.js';
import type { ListedService } from '../store/inventory/listing.rules.js';

/** The authority over a company's service inventory: tells the active services of a tenant. */
export type InventoryAuthority = (tenantId: string) => Promise<readonly ListedService[]>;

/** The authority could not be asked, or its answer keeps no contract: nothing is decided on a guess, the question is asked again. */
export class AuthorityUnavailable extends Error {
  override readonly name = 'AuthorityUnavailable';
}

const answer = z.object({
  services: z.array(z.object({ serviceInstanceId: incomingId, serviceType: incomingId, dependsOn: z.array(incomingId).default([]), provisionedAt: isoTime })),
});

/** Shorter than the time that an activity has beside its workflow. */
const TIMEOUT_MS = 3_000;

/**
 * Asks `GET <url>/tenants/<tenantId>/services` for `{services: [{serviceInstanceId, serviceType, dependsOn, provisionedAt}]}`,
 * active services only. 404 is a tenant without services.
 */
export function createInventoryAuthority({ url, token }: { readonly url: string; readonly token?: string | undefined }): InventoryAuthority {
  return async (tenantId) => {
    const response = await fetch(`${url.replace(/\/$/, '')}/tenants/${encodeURIComponent(tenantId)}/services`, {
      headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    }).catch((error: unknown) => {
      throw new AuthorityUnavailable('SERVICE_INVENTORY_URL cannot be reached', { cause: error });
    });
    const body: unknown = await response.json().catch(() => undefined);
    if (response.status === 404) {
      // A wrong address answers 404 as well, in HTML: that must not pass for an empty tenant.
      if (typeof body !== 'object' || body === null) throw new AuthorityUnavailable('SERVICE_INVENTORY_URL answered 404 without JSON: correct the address');
      return [];
    }
    if (!response.ok) throw new AuthorityUnavailable(`SERVICE_INVENTORY_URL answered HTTP ${response.status}`);
    const parsed = answer.safeParse(body);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new AuthorityUnavailable(`SERVICE_INVENTORY_URL answered in another form: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
    }
    return parsed.data.services.map((service) => ({ ...service, provisionedAt: new Date(service.provisionedAt) }));
  };
}
