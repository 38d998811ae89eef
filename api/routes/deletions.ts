import { z } from 'zod';
import { deletionAnswer, jobAnswer } from '../../contracts/api/deletions.js';
import { deletionList, deletionListQuery } from '../../contracts/api/lists.js';
import type { DeletionListQuery } from '../../contracts/api/lists.js';
import { deletionRequest, requestedAnswer } from '../../contracts/api/requests.js';
import type { DeletionRequest } from '../../contracts/api/requests.js';
import { derivedId } from '../../contracts/topics/index.js';
import { orderOf } from '../../store/ledger/list.js';
import type { DeletionFilter } from '../../store/ledger/list.js';
import type { DeletionRecord } from '../../store/ledger/read.js';
import { mayAccess } from '../access/caller.rules.js';
import type { Caller } from '../access/caller.rules.js';
import { readDeletionCursor } from '../cursor.rules.js';
import { deletionAnswerOf } from '../deletion-answer.rules.js';
import { fromLedger } from '../from-ledger.js';
import { deletionListOf } from '../list-answers.rules.js';
import { answers, SECURED } from '../openapi.js';
import { Problem } from '../problem.js';
import { callerIn, deletionFor, strangeCursor, unknownTenant } from './routes.js';
import type { RouteDeps, Routes } from './routes.js';

/** The fence is asked by every step of every DAG. */
const FENCE_RATE_FACTOR = 10;

/** Requests, their lists, and the fence. */
export function addDeletionRoutes(routes: Routes, { reads, writes, webUi }: RouteDeps): void {
  routes.get('/api/v1/deletions', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['deletions'], operationId: 'listDeletions', summary: 'Find deletions',
      description: 'The newest first; with `overdue=true` what is overdue the longest. A token that is fenced to tenants sees theirs only, and no user’s.',
      querystring: deletionListQuery,
      response: answers(200, 'A page', deletionList),
    },
  }, async (request) => {
    const { query } = request;
    const filter = filterFor(callerIn(request), query);
    const order = orderOf(filter ?? {});
    const after = query.cursor === undefined ? undefined : readDeletionCursor(query.cursor, order);
    if (query.cursor !== undefined && !after) throw strangeCursor();
    const found = filter ? await fromLedger(() => reads.deletions(filter, query.limit + 1, after)) : [];
    return deletionListOf(found, query.limit, order, webUi);
  });

  routes.get('/api/v1/deletions/:requestId', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['deletions'], operationId: 'getDeletion', summary: 'One request: its state, attempts and history',
      description: 'Users’ deletions are of no tenant: a token that is fenced to tenants does not see them.',
      params: z.object({ requestId: derivedId.meta({ examples: ['uuid-1234'] }) }),
      response: answers(200, 'The request', deletionAnswer, 'invalid-id', 'unknown-request'),
    },
  }, async (request) => deletionAnswerOf(await deletionFor(callerIn(request), reads, request.params.requestId), webUi));

  routes.post('/api/v1/deletions', {
    config: { role: 'operator' },
    schema: {
      ...SECURED, tags: ['deletions'], operationId: 'requestDeletion', summary: 'Ask for a deletion',
      description: 'The request is published to Kafka, as any other service would; it can be read under its requestId once the ingress has it. Asking again under the same eventId (or, of a service, traceId) asks only once.',
      body: deletionRequest,
      response: answers(202, 'Published', requestedAnswer, 'bad-request', 'unknown-tenant', 'request-id-taken', 'too-large', 'unsupported-media-type'),
    },
  }, async (request, reply) => {
    const caller = callerIn(request);
    const asked = request.body;
    refuseOutsideFence(caller, asked);
    const { requestId, traceId, record } = writes.prepare(asked, caller.person);
    // Of a conflict whoever asks is told here already; the ingress finds it again, also while the ledger cannot be read.
    const known = await reads.deletion(requestId).catch((error: unknown) => {
      request.log.warn({ err: error }, 'a request is published though the ledger cannot be asked for its id');
      return undefined;
    });
    if (known && !isSame(known, asked)) throw new Problem('request-id-taken', `The id ${requestId} is another request's: ask again under an eventId or traceId of its own.`);
    await writes.publish(record);
    const self = `/api/v1/deletions/${encodeURIComponent(requestId)}`;
    void reply.code(202).header('location', self);
    return { requestId, traceId, links: { self } };
  });

  routes.get('/api/v1/jobs/:jobId', {
    config: { role: 'viewer', rateFactor: FENCE_RATE_FACTOR },
    schema: {
      ...SECURED, tags: ['fence'], operationId: 'getJob', summary: 'Whether a job may still erase',
      description: 'A DAG asks first, and ends as skipped when its job does not stand. Give DAGs a token of role viewer without a tenant claim: to a fenced one the jobs of others do not exist, and so do not stand.',
      params: z.object({ jobId: derivedId.meta({ examples: ['del_req_uuid-1234'] }) }),
      response: answers(200, 'The job', jobAnswer, 'invalid-id', 'unknown-job'),
    },
  }, async (request) => {
    const { jobId } = request.params;
    const job = await fromLedger(() => reads.job(jobId));
    if (!job || !mayAccess(callerIn(request), job.tenantId)) throw new Problem('unknown-job', `The ledger never sent a job "${jobId}".`);
    return { jobId: job.jobId, requestId: job.requestId, attempt: job.attempt, stands: job.stands, reason: job.reason };
  });
}

/** What is looked for, inside the fence; undefined when nothing can be found there. */
function filterFor({ tenants }: Caller, { status, kind, tenantId, limit: _limit, cursor: _cursor, ...rest }: DeletionListQuery): DeletionFilter | undefined {
  const asked = tenantId === undefined ? tenants : [tenantId].filter((one) => tenants === undefined || tenants.includes(one));
  if (asked?.length === 0) return undefined;
  return { statuses: status && [...new Set(status)], kinds: kind && [...new Set(kind)], tenantIds: asked, ...rest };
}

function refuseOutsideFence(caller: Caller, asked: DeletionRequest): void {
  if (asked.kind === 'service' && !mayAccess(caller, asked.tenantId)) throw unknownTenant(asked.tenantId);
  if (asked.kind === 'user' && !mayAccess(caller, null)) throw new Problem('forbidden', 'A user is of no tenant: only a token without a tenant claim may ask for a user’s deletion.');
  if (asked.kind === 'service' && asked.eventId !== undefined && asked.traceId !== undefined) {
    throw new Problem('invalid-request', 'Give eventId or traceId, not both: of a service either makes the requestId.', { errors: [{ field: 'body.eventId', message: 'is given beside traceId' }] });
  }
}

/** Whether a known request is of the same subject: asked again, it is the same request. */
function isSame({ deletion }: DeletionRecord, asked: DeletionRequest): boolean {
  return asked.kind === 'user'
    ? deletion.kind === 'user' && deletion.userId === asked.userId
    : deletion.kind === 'service' && deletion.tenantId === asked.tenantId && deletion.serviceInstanceId === asked.serviceInstanceId;
}
