import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiRole } from '../../contracts/api/me.js';
import { isLoopback } from '../../platform/loopback.rules.js';
import { Problem } from '../problem.js';
import { ANYONE, mayAct } from './caller.rules.js';
import type { Caller } from './caller.rules.js';
import { KeysUnreachable, TokenRefused } from './token-verifier.js';
import type { VerifyToken } from './token-verifier.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that the route asks for; routes under /api/ must say. */
    role?: ApiRole;
    /** How much more often than others it may be called. */
    rateFactor?: number;
  }
  interface FastifyRequest {
    /** Who calls; set before any route with a role runs. */
    caller: Caller | undefined;
  }
}

export interface GuardOptions {
  /** undefined: nobody is asked for a token, and only this machine may call. */
  readonly verifyToken: VerifyToken | undefined;
  /** Calls of one caller within a minute; a route's factor may allow more. */
  readonly requestsPerMinute: number;
}

/** Who has asked how often, by a key. @returns how many seconds to wait when it was too often */
type Count = (request: FastifyRequest) => Promise<number | undefined>;

/**
 * Lets nobody further who may not: each call is counted against its caller, or its address when the caller is not known, and a route
 * that has a role is for those who have it. Call it before the routes are added, after the rate limit's plugin.
 */
export function guard(api: FastifyInstance, { verifyToken, requestsPerMinute }: GuardOptions): void {
  const counts = new Map<number, Count>();
  const countFor = (factor: number): Count => {
    const known = counts.get(factor);
    if (known) return known;
    const check = api.createRateLimit({ max: requestsPerMinute * factor, timeWindow: 60_000, keyGenerator: (request) => `${factor} ${request.caller ? `person ${request.caller.person}` : `address ${request.ip}`}` });
    const count: Count = async (request) => {
      const found = await check(request);
      return !found.isAllowed && found.isExceeded ? Math.max(1, found.ttlInSeconds) : undefined;
    };
    counts.set(factor, count);
    return count;
  };

  api.decorateRequest('caller', undefined);
  api.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/api/') && config?.role === undefined) throw new TypeError(`The route ${url} says no role`);
  });
  api.addHook('onRequest', async (request, reply) => {
    if (!verifyToken) refuseOtherHosts(request);
    const { role, rateFactor = 1 } = request.routeOptions.config;
    if (role === undefined) return;
    const refusal = await identify(request, verifyToken);
    const waitSeconds = await countFor(rateFactor)(request);
    if (waitSeconds !== undefined) {
      void reply.header('retry-after', String(waitSeconds));
      throw new Problem('too-many-requests', `More than ${requestsPerMinute * rateFactor} calls in a minute; ask again in ${waitSeconds} s.`);
    }
    if (refusal) {
      if (refusal.problem === 'unauthenticated') void reply.header('www-authenticate', request.headers.authorization === undefined ? 'Bearer realm="expunge"' : `Bearer realm="expunge", error="invalid_token", error_description="${refusal.message.replaceAll(/[^\x20-\x7e]|["\\]/g, "'")}"`);
      throw refusal;
    }
    if (!request.caller || !mayAct(request.caller, role)) {
      throw new Problem('forbidden', `This takes the role ${role}; the token has ${request.caller?.role ?? 'none that this API knows'}.`);
    }
  });
}

/** Finds out who calls. @returns why that cannot be said */
async function identify(request: FastifyRequest, verifyToken: VerifyToken | undefined): Promise<Problem | undefined> {
  if (!verifyToken) {
    request.caller = ANYONE;
    return undefined;
  }
  const token = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return new Problem('unauthenticated', 'Send a bearer token: Authorization: Bearer <token>.');
  try {
    request.caller = await verifyToken(token);
    return undefined;
  } catch (error) {
    if (error instanceof TokenRefused) return new Problem('unauthenticated', error.message);
    if (error instanceof KeysUnreachable) return new Problem('unavailable', error.message, { cause: error });
    throw error;
  }
}

/** A web page whose name was rebound to this machine sends its own name as the host, and a page of another origin says so. */
function refuseOtherHosts({ headers }: FastifyRequest): void {
  const host = hostOf(headers.host);
  const origin = headers.origin === undefined ? undefined : hostOf(headers.origin.replace(/^https?:\/\//, ''));
  if (host !== undefined && isLoopback(host) && (headers.origin === undefined || (origin !== undefined && isLoopback(origin)))) return;
  throw new Problem('wrong-host', 'Without authentication this API answers calls to localhost, 127.0.0.1 or [::1] only, and none from pages of elsewhere.');
}

const hostOf = (authority: string | undefined): string | undefined => /^(\[[0-9a-fA-F:.]+\]|[^:/\s]+)(:\d{1,5})?$/.exec(authority ?? '')?.[1];
