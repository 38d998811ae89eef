import { createServer, type AddressInfo } from 'node:net';
import { DefaultLogger, Runtime, type LogEntry, type WorkerOptions } from '@temporalio/worker';
import type { Config } from './config.js';
import type { Log } from './log.js';

/** What Temporal's SDK counts in this process. */
export interface TemporalRuntime {
  /** Its metrics as Prometheus text. @throws Error when they cannot be read within two seconds */
  metrics(): Promise<string>;
}

/**
 * What every worker of workflows is set to, whatever it runs.
 * @param slots activities that run at once, local ones by themselves
 */
export const workerSettings = ({ worker, shutdownTimeoutMs }: Pick<Config, 'worker' | 'shutdownTimeoutMs'>, slots: number) =>
  ({
    maxConcurrentActivityTaskExecutions: slots,
    maxConcurrentLocalActivityExecutions: slots,
    maxConcurrentWorkflowTaskExecutions: worker.workflowTaskSlots,
    // With a fixed number, as the SDK comes, two of ten polls are for first tasks, and a task queue may have more partitions (four by
    // default): the rest of a backlog then waits for seconds.
    workflowTaskPollerBehavior: { type: 'autoscaling' },
    maxCachedWorkflows: worker.cachedWorkflows,
    shutdownGraceTime: '5s',
    shutdownForceTime: shutdownTimeoutMs,
  }) as const satisfies Partial<WorkerOptions>;

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
