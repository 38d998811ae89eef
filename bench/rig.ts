import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { createKafka, type KafkaClient } from '../bus/kafka.js';
import { createProducer, type Producer } from '../bus/producer.js';
import { setUpTemporal } from '../client/setup/temporal.js';
import { loadConfig, type Config } from '../platform/config.js';
import { createLog, type Log } from '../platform/log.js';
import { environment } from '../stack/environment.js';
import { createProcessKeeper, type ProcessKeeper } from '../stack/processes.js';
import { setUp } from '../stack/demo/set-up.js';
import { startStack, type RunningStack } from '../stack/start.js';
import { openDatabase, type Database } from '../store/database.js';
import { startAirflowStandIn, type AirflowStandIn } from './airflow-stand-in.js';
import { describeSetting, type Setting } from './measure/machine.js';
import { openDriver, type Driver } from './load/driver.js';

/** Everything that contestants run on: real Temporal, Kafka and PostgreSQL; Airflow is stood in for by this process. */
export interface Rig {
  readonly env: Readonly<Record<string, string>>;
  readonly config: Config;
  readonly logDir: string;
  readonly log: Log;
  readonly keeper: ProcessKeeper;
  readonly kafka: KafkaClient;
  readonly driver: Driver;
  readonly airflow: AirflowStandIn;
  readonly ledger: Database;
  readonly setting: Setting;
  /** How long a load may be put off because others keep the machine busy. */
  readonly quietWithinMs: number;
  /** Process ids of the parts that run here, by name. */
  partPids(): Record<string, number>;
  /** A client of the Temporal server as it is now. */
  temporal(): Client;
  /** Ends the server and starts it empty, so that no contestant meets the histories of another. */
  freshTemporal(): Promise<void>;
  /** Says what is being done, on standard error. */
  say(text: string): void;
  close(): Promise<void>;
}

const erasersFile = fileURLToPath(new URL('./erasers.yaml', import.meta.url));
/** Where the bench's stack keeps its data and logs: one bench at a time. */
export const STACK_DIR = fileURLToPath(new URL('../.stack/bench', import.meta.url));
const WAIT_MS = 60_000;
const RETENTION_MS = 86_400_000;

/** As in production, for the ledger and for Temporal, unless Temporal is to keep all in memory: the fastest that it can be. */
const POSTGRES = { fsync: 'on', full_page_writes: 'on', track_io_timing: 'off' };
/** Says of each row when it was committed. */
const COMMIT_TIMES = { track_commit_timestamp: 'on' };

/** Where Temporal keeps what it must not forget: in a database on disk, or nowhere. */
export type TemporalKeeps = 'disk' | 'memory';

/** Which Airflow: one that answers at once, in this process; the simulator, with its caps and durations; or the real one. */
export type RigAirflow = 'stand-in' | 'simulated' | 'real';

export interface RigOptions {
  readonly airflow: RigAirflow;
  readonly temporal: TemporalKeeps;
  /** PostgreSQL keeps the times of commits. */
  readonly commitTimes: boolean;
  readonly quietWithinMs: number;
  /** Gets lines about the progress. */
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Starts the stack and sets it up. @throws what the stack throws; nothing is left running then. */
export async function openRig({ airflow: airflowIs, temporal: temporalKeeps, commitTimes, quietWithinMs, say, signal }: RigOptions): Promise<Rig> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    say(`starting Temporal, Kafka, PostgreSQL${airflowIs === 'stand-in' ? '' : ` and Airflow (${airflowIs})`}`);
    const stack = await startStack({
      environment: { ...environment, ERASERS_FILE: erasersFile },
      dir: STACK_DIR, airflow: airflowIs === 'stand-in' ? 'none' : airflowIs, simulatorArgs: ['--answer-only'], durability: temporalKeeps === 'disk' ? 'temporary' : 'throwaway', postgres: { settings: { ...POSTGRES, ...(commitTimes && COMMIT_TIMES) } }, signal,
    });
    closing.push(() => stack.stop());
    const log = createLog({ level: 'fatal' });
    const brokers = (stack.env['KAFKA_BROKERS'] ?? '').split(',');
    const kafka = createKafka({ brokers, clientId: 'expunge-bench', log });
    const results: Producer = createProducer({ kafka, log });
    closing.push(() => results.close());
    const airflow = await startAirflowStandIn(results);
    closing.push(() => airflow.close());
    const env = rolesEnv(stack, airflowIs === 'stand-in' ? airflow.url : undefined);
    const config = loadConfig(env);
    await setUp(config, log);
    const ledger = openDatabase({ url: config.database.url, poolSize: 4, applicationName: 'bench', statementTimeoutMs: 15 * 60_000 });
    closing.push(() => ledger.close());
    const driver = await openDriver(kafka, log);
    closing.push(() => driver.close());
    const keeper = await createProcessKeeper();
    closing.push(() => keeper.close());
    const logDir = join(STACK_DIR, 'logs', 'roles');
    await mkdir(logDir, { recursive: true });

    let connection = await Connection.connect({ address: env['TEMPORAL_ADDRESS'] ?? '' });
    closing.push(() => connection.close());
    const setting = await describeSetting(ledger, connection, { kafka: stack.part('kafka').pid !== undefined, temporal: stack.part('temporal').pid === undefined ? undefined : temporalKeeps });
    return {
      env, config, logDir, log, keeper, kafka, driver, airflow, ledger, setting, quietWithinMs, say, close,
      partPids: () => Object.fromEntries(stack.parts.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]]))),
      temporal: () => new Client({ connection, namespace: config.temporal.namespace }),
      freshTemporal: async () => {
        const server = stack.part('temporal');
        if (server.pid === undefined) return; // of someone else: taken as it is, for all alike
        await connection.close();
        await server.kill('SIGKILL');
        await server.forget();
        await server.start();
        connection = await Connection.connect({ address: env['TEMPORAL_ADDRESS'] ?? '' });
        await setUpTemporal({ temporal: config.temporal, retentionMs: RETENTION_MS, waitMs: WAIT_MS, log });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The environment of every role; a person's own settings for Expunge do not get in. @param airflowUrl in place of the stack's */
function rolesEnv(stack: RunningStack, airflowUrl: string | undefined): Record<string, string> {
  const { PATH = '', HOME = '' } = environment;
  return { PATH, HOME, ...stack.env, ...(airflowUrl !== undefined && { AIRFLOW_API_URL: airflowUrl }), LOG_LEVEL: 'info', TENANT_PURGE_GRACE: '24h', HEALTH_HOST: '127.0.0.1' };
}
