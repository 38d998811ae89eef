import { readFileSync } from 'node:fs';
import { connect as connectHttp2, constants, createSecureServer, type ClientHttp2Session, type ServerHttp2Session } from 'node:http2';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificates } from './certificates.js';

/** A TLS server in front of one that speaks none, with what a managed service demands. */
export interface TlsProxy {
  readonly address: string;
  /** Callers that showed what was demanded, and those that were sent away. */
  readonly seen: { let: number; refused: number };
  close(): Promise<void>;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

const listening = async (server: { listen(port: number, host: string, then: () => void): unknown; address(): unknown }): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Lets only those through that show a certificate of the authority. */
export async function demandClientCertificate(target: Target, { ca, serverCert, serverKey }: Certificates): Promise<TlsProxy> {
  const seen = { let: 0, refused: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ ca: readFileSync(ca), cert: readFileSync(serverCert), key: readFileSync(serverKey), requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] }, (client) => {
    seen.let++;
    const upstream = connect(target);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        sockets.delete(one);
      });
    }
  });
  server.on('tlsClientError', () => {
    seen.refused++;
  });
  const address = await listening(server);
  return {
    address, seen,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Lets only those gRPC calls through whose `authorization` is the key, as a bearer token; answers the others as a gRPC server does. */
export async function demandApiKey(target: Target, { serverCert, serverKey }: Certificates, apiKey: string): Promise<TlsProxy> {
  const UNAUTHENTICATED = '16';
  const seen = { let: 0, refused: 0 };
  const sessions = new Set<ServerHttp2Session>();
  const upstream: ClientHttp2Session = connectHttp2(`http://${target.host}:${target.port}`);
  upstream.on('error', () => undefined);
  const server = createSecureServer({ cert: readFileSync(serverCert), key: readFileSync(serverKey) });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers.authorization !== `Bearer ${apiKey}`) {
      seen.refused++;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': UNAUTHENTICATED, 'grpc-message': 'Request unauthorized.' }, { endStream: true });
      return;
    }
    seen.let++;
    const { ':authority': _, ':scheme': __, authorization: ___, ...onward } = headers;
    const call = upstream.request(onward);
    let trailers: Record<string, unknown> = {};
    call.on('trailers', (given: Record<string, unknown>) => {
      trailers = given;
    });
    call.on('response', (answer, flags) => {
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
        stream.respond({ ...answer }, { endStream: true });
        return;
      }
      stream.respond({ ...answer }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers(trailers as Record<string, string>);
      });
      call.pipe(stream);
    });
    call.on('error', () => {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    stream.on('aborted', () => {
      call.close(constants.NGHTTP2_CANCEL);
    });
    stream.pipe(call);
  });
  const address = await listening(server);
  return {
    address, seen,
    close: async () => {
      upstream.destroy();
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => {
        resolve();
      }));
    },
  };
}
