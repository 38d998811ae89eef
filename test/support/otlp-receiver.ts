import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { spansIn, type ReceivedSpan } from './otlp-protobuf.js';

/** A collector of spans for tests: takes OTLP over HTTP, and tells what it got. */
export interface OtlpReceiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. `GET <url>/spans/<traceId>` tells of a trace, `GET <url>/spans` of all. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts one on a free port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const received: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'POST' && request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf') {
        received.push(...spansIn(Buffer.concat(chunks)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
        return;
      }
      const [, traceId] = /^\/spans(?:\/([0-9a-f]{32}))?$/.exec(request.url ?? '') ?? [];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(received.filter((span) => traceId === undefined || span.traceId === traceId)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a receiver has got so far, of one trace or of all; the earliest first. */
export async function receivedSpans(url: string, traceId?: string): Promise<ReceivedSpan[]> {
  const response = await fetch(`${url}/spans${traceId === undefined ? '' : `/${traceId}`}`);
  const spans = (await response.json()) as ReceivedSpan[];
  return spans.sort((a, b) => a.startedAtMs - b.startedAtMs);
}
