import { z } from 'zod';
import type { DeletionAct } from '../../client/acts.js';
import { actAnswer, actRequest, reasonedActRequest } from '../../contracts/api/requests.js';
import { derivedId, incomingId } from '../../contracts/topics/index.js';
import type { Caller } from '../access/caller.rules.js';
import { deletionAnswerOf } from '../deletion-answer.rules.js';
import { answers, SECURED } from '../openapi.js';
import { tenantAnswerOf } from '../tenant-answer.rules.js';
import type { ActReads } from '../writes.js';
import { callerIn, deletionFor, tenantFor } from './routes.js';
import type { RouteDeps, Routes } from './routes.js';

const ABOUT: Readonly<Record<DeletionAct, { readonly summary: string; readonly description: string }>> = {
  retry: { summary: 'Try a parked deletion again, now', description: 'Refused while it is not parked.' },
  cancel: { summary: 'Withdraw a request', description: 'Before its trigger was sent, or while it is parked; the deletion stops when no other request is left.' },
  hold: { summary: 'Stop a deletion before its next trigger', description: 'It stays on hold until it is released.' },
  release: { summary: 'Let a held deletion go on', description: 'Refused while it is not on hold.' },
};

/** What persons do. Each goes to the workflow as an update, whose answer is waited for; the token's subject is kept in the timeline. */
export function addActRoutes(routes: Routes, { reads, writes, webUi }: RouteDeps): void {
  const within = (caller: Caller): ActReads => ({
    deletion: async (requestId) => deletionAnswerOf(await deletionFor(caller, reads, requestId), webUi),
    tenant: async (tenantId) => tenantAnswerOf(await tenantFor(caller, reads, tenantId), webUi),
  });

  for (const act of ['retry', 'cancel', 'hold', 'release'] as const) {
    routes.post(`/api/v1/deletions/:requestId/${act}`, {
      config: { role: 'operator' },
      schema: {
        ...SECURED, ...ABOUT[act], tags: ['acts'], operationId: `${act}Deletion`,
        params: z.object({ requestId: derivedId.meta({ examples: ['uuid-1234'] }) }),
        body: act === 'cancel' ? reasonedActRequest : actRequest,
        response: answers(200, 'Done', actAnswer, 'invalid-id', 'bad-request', 'unknown-request', 'refused', 'too-large', 'unsupported-media-type'),
      },
    }, async (request) => {
      const caller = callerIn(request);
      return writes.act(within(caller), act, request.params.requestId, { by: caller.person, reason: request.body.reason });
    });
  }

  routes.post('/api/v1/tenants/:tenantId/erase', {
    config: { role: 'admin' },
    schema: {
      ...SECURED, tags: ['acts'], operationId: 'eraseTenant', summary: 'Have what is left of an empty tenant erased',
      description: 'For a tenant of which only some deletions were in GDPR mode: a person decides. Refused while it has services.',
      params: z.object({ tenantId: incomingId.meta({ examples: ['tenant-1'] }) }),
      body: reasonedActRequest,
      response: answers(200, 'Done', actAnswer, 'invalid-id', 'bad-request', 'unknown-tenant', 'refused', 'too-large', 'unsupported-media-type'),
    },
  }, async (request) => {
    const caller = callerIn(request);
    return writes.eraseTenant(within(caller), request.params.tenantId, { by: caller.person, reason: request.body.reason });
  });
}
