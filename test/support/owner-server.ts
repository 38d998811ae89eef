import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How an owning service answers: an HTTP status and body, or, undefined, not at all. */
export type OwnerAnswer = { readonly status: number; readonly body: unknown } | undefined;

/** What an owning service was asked. */
export interface OwnerQuestion {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A service that owns users' data, over real HTTP. */
export interface OwnerServer {
  readonly url: string;
  readonly asked: OwnerQuestion[];
  answer: (question: OwnerQuestion) => OwnerAnswer;
  close(): Promise<void>;
}

/** Opens one on a free port, which answers each question with the same counts until it is told otherwise. */
export async function openOwnerServer(counts: Readonly<Record<string, number>>): Promise<OwnerServer> {
  const asked: OwnerQuestion[] = [];
  const http: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const question = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown> };
      asked.push(question);
      const answer = owner.answer(question);
      if (!answer) return;
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const owner: OwnerServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    answer: () => ({ status: 200, body: { counts } }),
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return owner;
}
