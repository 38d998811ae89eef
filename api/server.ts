import Fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify';
import { PROBLEMS, problemType } from '../contracts/api/problems.js';
import type { ProblemName } from '../contracts/api/problems.js';
import { derivedId, incomingId, personId, subjectRef as subjectRefField } from '../contracts/topics/index.js';
import type { Health } from '../platform/health.js';
import type { Log } from '../platform/log.js';
import type { TenantRecord } from '../store/inventory/read.js';
import type { DeletionRecord, JobStanding } from '../store/ledger/read.js';
import type { SubjectRecord } from '../store/subjects/read.js';
import { deletionAnswerOf } from './deletion-answer.rules.js';
import { Problem, problemBody } from './problem.js';
import { subjectAnswerOf } from './subject-answer.rules.js';
import { tenantAnswerOf } from './tenant-answer.rules.js';
import type { WebUi } from './web-ui-link.rules.js';

/** What the API answers from. Each call asks the ledger anew; a throw means that it cannot be read now. */
export interface ApiReads {
  deletion(requestId: string): Promise<DeletionRecord | undefined>;
  job(jobId: string): Promise<JobStanding | undefined>;
  tenant(tenantId: string): Promise<TenantRecord | undefined>;
  subject(of: { readonly subjectRef: string } | { readonly userId: string }): Promise<SubjectRecord>;
}

export interface ApiDeps {
  readonly reads: ApiReads;
  readonly health: Health;
  readonly log: Log;
  /** Where Temporal's Web UI is, if people have one. */
  readonly webUi?: WebUi | undefined;
}

/** Longer ids than the contract allows still reach the route, which says what is wrong with them. */
const MAX_PARAM_LENGTH = 1_000;
const RETRY_AFTER_SECONDS = '5';

/** The API's routes; it does not listen yet. Answers are never to be cached: the fence must be asked anew each time. */
export function createApi({ reads, health, log, webUi }: ApiDeps): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = log;
  const api = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (_error, _request, reply) => void answerProblem(reply, 'bad-request', 'The path is not well-formed.'),
  });
  api.addHook('onRequest', (_request, reply, done) => {
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    done();
  });
  api.setNotFoundHandler((_request, reply) => answerProblem(reply, 'unknown-path', 'No route has this method and path. Known are GET /api/v1/deletions/{requestId}, /api/v1/jobs/{jobId}, /api/v1/tenants/{tenantId}, /api/v1/subjects/{subjectRef} and /api/v1/subjects/by-user/{userId}.'));
  api.setErrorHandler((error, _request, reply) => {
    if (error instanceof Problem) {
      if (error.cause !== undefined) log.error({ err: error.cause, problem: error.problem }, 'a request could not be answered');
      return answerProblem(reply, error.problem, error.message);
    }
    if (isRefusal(error)) return answerProblem(reply, 'bad-request', 'The request is not one that this API understands.');
    log.error({ err: error }, 'a request failed');
    return answerProblem(reply, 'internal', 'The API failed; its log says more.');
  });

  api.get<{ Params: { requestId: string } }>('/api/v1/deletions/:requestId', async ({ params }) => {
    const requestId = idOf(derivedId, 'requestId', params.requestId);
    const record = await fromLedger(() => reads.deletion(requestId));
    if (!record) throw new Problem('unknown-request', `The ledger has no request "${requestId}".`);
    return deletionAnswerOf(record, webUi);
  });

  api.get<{ Params: { jobId: string } }>('/api/v1/jobs/:jobId', async ({ params }) => {
    const jobId = idOf(derivedId, 'jobId', params.jobId);
    const job = await fromLedger(() => reads.job(jobId));
    if (!job) throw new Problem('unknown-job', `The ledger never sent a job "${jobId}".`);
    return { jobId: job.jobId, requestId: job.requestId, attempt: job.attempt, stands: job.stands, reason: job.reason };
  });

  api.get<{ Params: { tenantId: string } }>('/api/v1/tenants/:tenantId', async ({ params }) => {
    const tenantId = idOf(incomingId, 'tenantId', params.tenantId);
    const record = await fromLedger(() => reads.tenant(tenantId));
    if (!record) throw new Problem('unknown-tenant', `The inventory has never heard of a tenant "${tenantId}".`);
    return tenantAnswerOf(record, webUi);
  });

  api.get<{ Params: { subjectRef: string } }>('/api/v1/subjects/:subjectRef', async ({ params }) => {
    const subjectRef = idOf(subjectRefField, 'subjectRef', params.subjectRef);
    return subjectAnswerOf(await fromLedger(() => reads.subject({ subjectRef })));
  });

  api.get<{ Params: { userId: string } }>('/api/v1/subjects/by-user/:userId', async ({ params }) => {
    const userId = idOf(personId, 'userId', params.userId);
    return subjectAnswerOf(await fromLedger(() => reads.subject({ userId })));
  });

  api.get<{ Params: { name: string } }>('/problems/:name', ({ params }) => {
    const name = (Object.keys(PROBLEMS) as ProblemName[]).find((known) => known === params.name);
    if (!name) throw new Problem('unknown-path', 'There is no problem of this name.');
    const { title, status, about } = PROBLEMS[name];
    return { type: problemType(name), title, status, about };
  });

  for (const path of ['/livez', '/readyz', '/metrics']) {
    api.get(path, async (_request, reply) => {
      const answer = await health.answer(path);
      if (!answer) throw new TypeError(`Health has no answer for ${path}`);
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    });
  }
  return api;
}

function answerProblem(reply: FastifyReply, problem: ProblemName, detail: string): FastifyReply {
  if (problem === 'unavailable') reply.header('retry-after', RETRY_AFTER_SECONDS);
  // As text: Fastify would name a character set behind the media type, which RFC 9457 has none of.
  return reply.code(PROBLEMS[problem].status).header('content-type', 'application/problem+json').serializer(String).send(JSON.stringify(problemBody(problem, detail)));
}

/** @throws Problem `invalid-id`, with the rule that the id breaks */
function idOf(schema: typeof derivedId, name: string, given: string): string {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Problem('invalid-id', `${name} ${parsed.error.issues[0]?.message ?? 'is no id'}.`);
}

async function fromLedger<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new Problem('unavailable', 'The ledger cannot be read at the moment; nothing is wrong with the request. Try again shortly.', { cause: error });
  }
}

/** What Fastify itself refuses in a request. */
const isRefusal = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500;
