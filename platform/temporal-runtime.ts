import { createServer, type AddressInfo } from 'node:net';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import type { Log } from './log.js';

/** What Temporal's SDK counts in this process. */
export interface TemporalRuntime {
  /** Its metrics as Prometheus text. @throws Error when they cannot be read within two seconds */
  metrics(): Promise<string>;
}

/**
 * As many as the server says that there is work for. With a fixed number, as the SDK comes, two of ten polls are for first tasks, and a task
 * queue has four partitions: the rest of a backlog in one that nobody polls waits for seconds.
 */
export const WORKFLOW_TASK_POLLERS = { type: 'autoscaling' } as const;

const SCRAPE_TIMEOUT_MS = 2_000;
/** Another process may take the port between its choice and its use. */
const MOST_TRIES = 5;

/**
 * Sets up Temporal's runtime, of which there is one per process: its own words go into our log, in our form, and its metrics are kept
 * on a free port of this machine, to be read from there into the answer of `/metrics`.
 */
export async function installTemporalRuntime(log: Log): Promise<TemporalRuntime> {
  const write = (entry: LogEntry) => {
    const level = entry.level === 'TRACE' || entry.level === 'DEBUG' ? 'debug' : (entry.level.toLowerCase() as 'info' | 'warn' | 'error');
    log[level]({ ...entry.meta }, entry.message);
  };
  for (let tries = 1; ; tries++) {
    const bindAddress = `127.0.0.1:${await freePort()}`;
    try {
      Runtime.install({
        // The role's own signal handling stops the workers, in order with everything else.
        shutdownSignals: [],
        logger: new DefaultLogger('INFO', write),
        telemetryOptions: { metrics: { attachServiceName: false, prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } } },
      });
      return { metrics: () => read(`http://${bindAddress}/metrics`) };
    } catch (error) {
      if (tries === MOST_TRIES || !(error instanceof Error && error.message.includes('Address already in use'))) throw error;
    }
  }
}

async function read(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`Temporal's metrics were answered with ${response.status}`);
  return response.text();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
