import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startStack, type RunningStack } from '../../stack/start.js';
import { bundleInto } from '../support/house.js';
import { expunge } from '../support/run-program.js';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { openLogDisk, type LogDisk } from './log-disk.js';

/** A whole stack whose parts may be killed and come back with their data: Temporal is on disk. */
export interface ChaosStack {
  readonly stack: RunningStack;
  readonly dir: string;
  readonly logDisk: LogDisk;
  /** The way on which the roles reach PostgreSQL; the harness itself does not take it. */
  readonly postgres: TcpProxy;
  close(): Promise<void>;
}

const runs = fileURLToPath(new URL('../../.stack/tests/', import.meta.url));
/** Parts that belong to others must not be taken down: addresses in the environment are not taken. */
const ADDRESSES = /^(TEMPORAL_ADDRESS|KAFKA_BROKERS|DATABASE_URL|AIRFLOW_API_URL)$/;

/** Starts the stack, with the simulator as Airflow, in this process, and sets Expunge up on it. */
export async function openChaosStack(): Promise<ChaosStack> {
  const dir = `${runs}${new Date().toISOString().replaceAll(':', '-')}-${process.pid}-chaos`;
  await mkdir(dir, { recursive: true });
  const logDisk = await openLogDisk(dir);
  let stack: RunningStack | undefined;
  // While parts are waited for; a failure is told below.
  const bundled = bundleInto(dir);
  bundled.catch(() => undefined);
  try {
    stack = await startStack({
      environment: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ADDRESSES.test(name))),
        ERASERS_FILE: fileURLToPath(new URL('../support/erasers.yaml', import.meta.url)),
      },
      airflow: 'simulated',
      durability: 'temporary',
      dir,
      onPartEnded: (part, how, logFile) => {
        process.stderr.write(`${part} ended by itself (${how}). Log: ${logFile}\n`);
      },
    });
    const { code, stdout, stderr } = await expunge({ ...process.env, ...stack.env, RECONCILE_EVERY: '15s' }, 'setup');
    await bundled;
    if (code !== 0) throw new Error(`expunge setup ended with ${code}: ${stderr}${stdout}`);
  } catch (error) {
    await stack?.stop();
    await logDisk.close();
    throw error;
  }
  const started = stack;
  const { hostname, port } = new URL(started.env['DATABASE_URL'] ?? '');
  const postgres = await openTcpProxy({ host: hostname, port: Number(port) });
  return {
    stack: started,
    dir,
    logDisk,
    postgres,
    close: async () => {
      await postgres.close();
      await started.stop();
      await logDisk.close();
    },
  };
}
