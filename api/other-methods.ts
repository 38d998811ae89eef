import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Problem } from './problem.js';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'];

/** Answers a known path with a method that it does not take (RFC 9110, 15.5.6). Call it before any route is added; it covers those that follow. */
export function answerOtherMethods(api: FastifyInstance): { addRoutes(): void } {
  const known = new Map<string, Set<string>>();
  api.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    known.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });
  return {
    addRoutes: () => {
      for (const [url, taken] of [...known].filter(([path]) => !path.startsWith('/docs'))) {
        const allow = [...taken].sort().join(', ');
        api.route({
          url,
          method: METHODS.filter((method) => !taken.has(method)),
          schema: { hide: true },
          ...(url.startsWith('/api/') ? { config: { role: 'viewer' as const } } : {}),
          // Before a body is looked at, whatever it is.
          onRequest: (request, reply) => {
            void reply.header('allow', allow);
            return Promise.reject(new Problem('method-not-allowed', `${request.method} is not for this path; it takes ${allow}.`));
          },
          handler: () => undefined,
        });
      }
    },
  };
}
