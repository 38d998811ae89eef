import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { within } from './deadline.js';
import type { Log } from './log.js';

/** One thing that must hold; a throw counts as no. */
export type Check = () => boolean | Promise<boolean>;

/** An answer of a health endpoint, for whichever HTTP server carries it. */
export interface HealthAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers the paths /livez, /readyz and /metrics. */
export interface Health {
  /** Adds what /readyz asks for. */
  addReadiness(name: string, check: Check): void;
  /** What /readyz asks for, and whether it holds now. */
  readiness(): Promise<Readonly<Record<string, boolean>>>;
  /** Adds metrics that are counted elsewhere in this process, as Prometheus text under names of their own. While they cannot be read they are left out. */
  addMetrics(name: string, read: () => Promise<string>): void;
  /** Adds what brings gauges up to date before /metrics is answered. A throw fails the scrape. */
  beforeScrape(refresh: () => Promise<void>): void;
  /** The answer for a path, or undefined when it is none of health's. */
  answer(path: string): Promise<HealthAnswer | undefined>;
}

/** A check that takes longer than this counts as failed: a probe must not hang on what is hung. */
const CHECK_TIMEOUT_MS = 2_000;

async function holds(check: Check): Promise<boolean> {
  const answer = Promise.resolve().then(check);
  try {
    return (await within(answer, CHECK_TIMEOUT_MS)) && (await answer);
  } catch {
    return false; // the probe's answer is the report; the part that is down logs why
  }
}

/** Alive means that the process answers; ready that every readiness check holds. With no check yet, it is not ready. */
export function createHealth({ registry, log }: { readonly registry: Registry; readonly log?: Pick<Log, 'warn'> }): Health {
  const readiness = new Map<string, Check>();
  const others = new Map<string, () => Promise<string>>();
  const refreshes: (() => Promise<void>)[] = [];
  const json = (status: number, value: unknown): HealthAnswer => ({ status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` });
  const readOther = async ([name, read]: readonly [string, () => Promise<string>]): Promise<string> => {
    try {
      return await read();
    } catch (error) {
      log?.warn({ err: error, metrics: name }, 'some metrics cannot be read and are left out');
      return '';
    }
  };
  const holding = async (): Promise<Record<string, boolean>> =>
    Object.fromEntries(await Promise.all([...readiness].map(async ([name, check]) => [name, await holds(check)] as const)));
  return {
    addReadiness: (name, check) => void readiness.set(name, check),
    readiness: holding,
    addMetrics: (name, read) => void others.set(name, read),
    beforeScrape: (refresh) => void refreshes.push(refresh),
    async answer(path) {
      switch (path) {
        case '/livez':
          return json(200, { live: true });
        case '/readyz': {
          const checks = await holding();
          const ready = readiness.size > 0 && Object.values(checks).every(Boolean);
          return json(ready ? 200 : 503, { ready, checks });
        }
        case '/metrics': {
          const [texts] = await Promise.all([Promise.all([...others].map(readOther)), ...refreshes.map((refresh) => refresh())]);
          return { status: 200, contentType: registry.contentType, body: [await registry.metrics(), ...texts].filter((text) => text !== '').join('\n') };
        }
        default:
          return undefined;
      }
    },
  };
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves health over HTTP.
 * @param port 0 takes a free one.
 * @throws Error with the remedy when the address cannot be listened on.
 */
export async function startHealthServer(health: Health, { host, port }: { readonly host: string; readonly port: number }): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    health.answer(path).then(
      (answer) => {
        response.writeHead(answer?.status ?? 404, { 'content-type': answer?.contentType ?? 'text/plain' });
        response.end(request.method === 'HEAD' ? undefined : answer?.body ?? 'Not here: try /livez, /readyz or /metrics\n');
      },
      () => response.writeHead(500).end('The metrics could not be collected\n'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`Health cannot listen on ${host}:${port} (${error.code ?? error.message}): set HEALTH_HOST and HEALTH_PORT to an address that is free, HEALTH_PORT=0 for any port, or HEALTH_PORT=off`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve, reject) => {
      server.close((error) => { if (error) reject(error); else resolve(); });
      server.closeAllConnections();
    }),
  };
}
