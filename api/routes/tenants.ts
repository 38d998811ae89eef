import { z } from 'zod';
import { serviceListQuery, tenantList, tenantListQuery } from '../../contracts/api/lists.js';
import { serviceList, tenantAnswer } from '../../contracts/api/tenants.js';
import { incomingId } from '../../contracts/topics/index.js';
import { mayAccess } from '../access/caller.rules.js';
import { readIdCursor } from '../cursor.rules.js';
import { fromLedger } from '../from-ledger.js';
import { serviceListOf, tenantListOf } from '../list-answers.rules.js';
import { answers, SECURED } from '../openapi.js';
import { tenantAnswerOf } from '../tenant-answer.rules.js';
import { callerIn, strangeCursor, tenantFor, unknownTenant } from './routes.js';
import type { RouteDeps, Routes } from './routes.js';

const params = z.object({ tenantId: incomingId.meta({ examples: ['tenant-1'] }) });

/** The inventory. */
export function addTenantRoutes(routes: Routes, { reads, webUi }: RouteDeps): void {
  routes.get('/api/v1/tenants', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['tenants'], operationId: 'listTenants', summary: 'Find tenants', description: 'By their ids.',
      querystring: tenantListQuery,
      response: answers(200, 'A page', tenantList),
    },
  }, async (request) => {
    const { status, limit, cursor } = request.query;
    const after = positionOf(cursor);
    return tenantListOf(await fromLedger(() => reads.tenants({ statuses: status && [...new Set(status)], tenantIds: callerIn(request).tenants }, limit + 1, after)), limit);
  });

  routes.get('/api/v1/tenants/:tenantId', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['tenants'], operationId: 'getTenant', summary: 'One tenant: its services, what depends on what, and its clean-ups',
      params,
      response: answers(200, 'The tenant', tenantAnswer, 'invalid-id', 'unknown-tenant'),
    },
  }, async (request) => tenantAnswerOf(await tenantFor(callerIn(request), reads, request.params.tenantId), webUi));

  routes.get('/api/v1/tenants/:tenantId/services', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['tenants'], operationId: 'listServices', summary: 'A tenant’s services, page by page', description: 'By their instance ids; each with the deletion of it that is under way or was the last.',
      params,
      querystring: serviceListQuery,
      response: answers(200, 'A page', serviceList, 'invalid-id', 'unknown-tenant'),
    },
  }, async (request) => {
    const { status, limit, cursor } = request.query;
    const after = positionOf(cursor);
    const { tenantId } = request.params;
    const known = mayAccess(callerIn(request), tenantId) ? await fromLedger(() => reads.tenants({ tenantIds: [tenantId] }, 1, undefined)) : [];
    if (known.length === 0) throw unknownTenant(tenantId);
    return serviceListOf(await fromLedger(() => reads.services(tenantId, status && [...new Set(status)], limit + 1, after)), limit);
  });
}

function positionOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const id = readIdCursor(cursor);
  if (id === undefined) throw strangeCursor();
  return id;
}
