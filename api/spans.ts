import type { FastifyInstance, FastifyRequest } from 'fastify';
import { traceContextOf } from '../contracts/topics/index.js';
import { isTracing, openSpan, SpanKind, type OpenSpan } from '../platform/tracing/spans.js';

/** The server could not do what it was asked for. */
class AnsweredWith extends Error {
  readonly code: string;
  constructor(status: number) {
    super();
    this.code = String(status);
  }
}

/**
 * A span for each request that changes something, or that says which trace it is of; readers who say nothing are not traced. Call it behind
 * the guard, so that whoever is turned away makes no spans. Of paths the route alone is told: ids are in them.
 */
export function traceRequests(api: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  api.addHook('onRequest', (request, reply, done) => {
    const { method, headers, routeOptions: { url: route = '' } } = request;
    const place = isTracing() ? traceContextOf(headers) : undefined;
    if (!isTracing() || (!place && method === 'GET')) {
      done();
      return;
    }
    const span = openSpan(`${method} ${route}`.trim(), { kind: SpanKind.SERVER, place: place ?? { newTrace: undefined }, attributes: { 'http.request.method': method, 'http.route': route, 'url.scheme': request.protocol } });
    spans.set(request, span);
    reply.raw.once('close', () => {
      const { statusCode } = reply;
      span.set({ 'http.response.status_code': statusCode });
      span.end(statusCode >= 500 ? new AnsweredWith(statusCode) : undefined);
    });
    span.within(done);
  });
  // Reading the body leaves the span's context.
  api.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.within(done);
    else done();
  });
}
