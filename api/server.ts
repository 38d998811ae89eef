import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import Fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Health } from '../platform/health.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { guard } from './access/guard.js';
import type { VerifyToken } from './access/token-verifier.js';
import { answerProblem, answerProblems } from './answer-problems.js';
import { countAnswers } from './count-answers.js';
import type { DeadLetterShelf } from './dead-letters.js';
import { describeRoutes } from './openapi.js';
import { answerOtherMethods } from './other-methods.js';
import { readQuery } from './query.rules.js';
import type { ApiReads } from './reads.js';
import { addAboutRoutes } from './routes/about.js';
import { addActRoutes } from './routes/acts.js';
import { addDeadLetterRoutes } from './routes/dead-letters.js';
import { addDeletionRoutes } from './routes/deletions.js';
import { addMeRoute } from './routes/me.js';
import { servePage } from './routes/page.js';
import type { RouteDeps } from './routes/routes.js';
import { addSubjectRoutes } from './routes/subjects.js';
import { addTenantRoutes } from './routes/tenants.js';
import { traceRequests } from './spans.js';
import type { WebUi } from './web-ui-link.rules.js';
import type { ApiWrites } from './writes.js';

export interface ApiDeps {
  readonly reads: ApiReads;
  readonly writes: ApiWrites;
  readonly deadLetters: DeadLetterShelf;
  readonly health: Health;
  readonly log: Log;
  /** undefined: nobody is asked for a token, and only calls to this machine's own names are answered. */
  readonly verifyToken: VerifyToken | undefined;
  /** Calls of one caller. */
  readonly requestsPerMinute: number;
  /** Origins whose pages may call from a browser. */
  readonly corsOrigins?: readonly string[];
  /** Where Temporal's Web UI is, if people have one. */
  readonly webUi?: WebUi | undefined;
  /** Of the product, for the API's description. */
  readonly version?: string;
  /** Counts the answers. */
  readonly metrics?: Pick<Metrics, 'apiRequests'> | undefined;
}

/** Longer ids than the contract allows still reach the route, which says what is wrong with them. */
const MAX_PARAM_LENGTH = 1_000;
/** The largest request holds ids and a reason of 1,000 characters. */
const BODY_LIMIT_BYTES = 16 * 1024;
/** A body that does not come is not waited for. */
const REQUEST_TIMEOUT_MS = 30_000;
const CALLERS_COUNTED = 20_000;

/** The API's routes; it does not listen yet. Answers are never to be cached: the fence must be asked anew each time. */
export function createApi({ reads, writes, deadLetters, health, log, verifyToken, requestsPerMinute, corsOrigins = [], webUi, version = '0', metrics }: ApiDeps): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = log;
  const api = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, querystringParser: readQuery },
    frameworkErrors: (_error, _request, reply) => void answerProblem(reply, 'bad-request', 'The path is not well-formed.'),
  });
  api.setValidatorCompiler(validatorCompiler);
  api.setSerializerCompiler(serializerCompiler);
  // A form or a text is what a page of another origin can send without being asked whether it may.
  api.removeContentTypeParser('text/plain');
  api.addHook('onRequest', (_request, reply, done) => {
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' });
    done();
  });
  if (metrics) countAnswers(api, metrics);
  answerProblems(api, log);
  if (corsOrigins.length > 0) void api.register(cors, { origin: [...corsOrigins], methods: ['GET', 'POST'], allowedHeaders: ['authorization', 'content-type'], exposedHeaders: ['location', 'retry-after'], maxAge: 600, strictPreflight: true });
  void api.register(rateLimit, { global: false, cache: CALLERS_COUNTED });
  const otherMethods = answerOtherMethods(api);
  guard(api, { verifyToken, requestsPerMinute });
  traceRequests(api);
  describeRoutes(api, { version });
  servePage(api);
  void api.register((instance, _options, done) => {
    const routes = instance.withTypeProvider<ZodTypeProvider>();
    const deps: RouteDeps = { reads, writes, webUi };
    addDeletionRoutes(routes, deps);
    addActRoutes(routes, deps);
    addTenantRoutes(routes, deps);
    addSubjectRoutes(routes, deps);
    addDeadLetterRoutes(routes, deadLetters);
    addMeRoute(routes, { authentication: verifyToken !== undefined });
    addAboutRoutes(routes, health);
    otherMethods.addRoutes();
    done();
  });
  return api;
}
