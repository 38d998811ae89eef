import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { FastifyBaseLogger, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify';
import type { DeletionRecord } from '../../store/ledger/read.js';
import type { TenantRecord } from '../../store/inventory/read.js';
import { mayAccess } from '../access/caller.rules.js';
import type { Caller } from '../access/caller.rules.js';
import { fromLedger } from '../from-ledger.js';
import { Problem } from '../problem.js';
import type { ApiReads } from '../reads.js';
import type { WebUi } from '../web-ui-link.rules.js';
import type { ApiWrites } from '../writes.js';

/** An API whose routes are checked by zod schemas. */
export type Routes = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>;

/** What routes answer from. */
export interface RouteDeps {
  readonly reads: ApiReads;
  readonly writes: ApiWrites;
  /** Where Temporal's Web UI is, if people have one. */
  readonly webUi: WebUi | undefined;
}

/** Who calls a route that has a role. */
export function callerIn({ caller }: Pick<FastifyRequest, 'caller'>): Caller {
  if (!caller) throw new TypeError('A route asks who calls, and says no role');
  return caller;
}

/** @throws Problem `unknown-request` for one outside of the fence as for one that is not there */
export async function deletionFor(caller: Caller, reads: Pick<ApiReads, 'deletion'>, requestId: string): Promise<DeletionRecord> {
  const record = await fromLedger(() => reads.deletion(requestId));
  if (!record || !mayAccess(caller, record.deletion.tenantId)) throw new Problem('unknown-request', `The ledger has no request "${requestId}".`);
  return record;
}

/** @throws Problem `unknown-tenant` for one outside of the fence as for one that is not there */
export async function tenantFor(caller: Caller, reads: Pick<ApiReads, 'tenant'>, tenantId: string): Promise<TenantRecord> {
  const record = mayAccess(caller, tenantId) ? await fromLedger(() => reads.tenant(tenantId)) : undefined;
  if (!record) throw unknownTenant(tenantId);
  return record;
}

export const unknownTenant = (tenantId: string): Problem => new Problem('unknown-tenant', `The inventory has never heard of a tenant "${tenantId}".`);
export const strangeCursor = (): Problem => new Problem('invalid-request', 'querystring.cursor is none of this list: take `next` from the page before, with the same filters.', { errors: [{ field: 'querystring.cursor', message: 'is none of this list' }] });
