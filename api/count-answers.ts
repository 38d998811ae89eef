import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../platform/metrics.js';

/** Counts answers and how long they took by the route's own form: a path holds ids. What no route takes is counted as one. */
export function countAnswers(api: FastifyInstance, { apiRequests }: Pick<Metrics, 'apiRequests'>): void {
  api.addHook('onResponse', (request, reply, done) => {
    const { url: route } = request.routeOptions;
    const labels = route === undefined ? { route: 'none', method: 'any' } : { route, method: request.method };
    apiRequests.observe({ ...labels, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
}
