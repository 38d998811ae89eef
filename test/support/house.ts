import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { createKafka } from '../../bus/kafka.js';
import type { OutgoingRecord } from '../../bus/messages.js';
import { createProducer } from '../../bus/producer.js';
import { deadLetterTopic, deletionEventsTopic, TOPICS } from '../../contracts/names/index.js';
import { READ_TOPICS } from '../../bus/topics.js';
import { createLog } from '../../platform/log.js';
import { openDatabase, type Database } from '../../store/database.js';
import { openAirflowControl, type AirflowControl } from './airflow-control.js';
import { openErasableData, type ErasableData } from './erasable-data.js';
import { createHouseRoles, TOGETHER, type HouseRoles, type ProcessPlan } from './house-roles.js';
import { openRecorder, type Json, type Recorder } from './recorder.js';
import { expunge, runProgram, type Finished } from './run-program.js';

export interface HouseOptions {
  /** Configuration of the roles, over that of the stack and the house's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** How roles are shared out to processes; all in one when left out. */
  readonly processes?: readonly ProcessPlan[];
  /** The real one has no knobs to turn back; `simulated` when left out. */
  readonly airflowIs?: 'simulated' | 'real';
  /** The stack that it stands on; the one of the vitest project when left out. */
  readonly stack?: { readonly env: Readonly<Record<string, string>>; readonly dir: string };
  /** False: `bus` records nothing, and no outage is told on the console; for a house whose Kafka is taken down. */
  readonly recorded?: boolean;
}

/** Expunge as a whole: every role a real process, against real parts; Airflow alone is simulated, and erases real rows and files. */
export interface House {
  readonly env: Readonly<Record<string, string>>;
  readonly roles: HouseRoles;
  readonly bus: Recorder;
  readonly airflow: AirflowControl;
  readonly data: ErasableData;
  readonly ledger: Database;
  readonly temporal: Client;
  /** Sends messages; a value that is no Buffer goes as JSON. */
  send(...records: (Omit<OutgoingRecord, 'value'> & { readonly value: Buffer | Json | null })[]): Promise<void>;
  /** All that the roles have logged so far, or one process of them (`roles-2`, `worker`). */
  logs(process?: string): Promise<string>;
  api(path: string): Promise<{ readonly status: number; readonly body: Json }>;
  /** `expunge <args>`. */
  cli(...args: string[]): Promise<Finished>;
  /** `temporal <args>`, at the stack's server. */
  temporalCli(...args: string[]): Promise<Finished>;
  close(): Promise<void>;
}

/** Timings that let a test see in seconds what takes hours. */
const QUICK = {
  RETRY_BACKOFF: '500ms',
  MAX_RETRY_BACKOFF: '2s',
  AUTO_RETRIES: '0',
  RESULT_TIMEOUT: '60s',
  WATCHER_INTERVAL: '2s',
  TENANT_PURGE_GRACE: '0s',
  AIRFLOW_DAG_MISSING_GRACE: '1s',
  LOG_LEVEL: 'info',
};

/** Makes the file of the workflows that all built workers of a stack run, unless it is there. */
export async function bundleInto(stackDir: string): Promise<string> {
  const file = join(stackDir, 'workflows.js');
  if (existsSync(file)) return file;
  const { code, stdout, stderr } = await runProgram(process.execPath, ['build/platform/workflow-bundle.js', file], { PATH: process.env['PATH'] });
  if (code !== 0) throw new Error(`The workflows were not bundled: ${stderr}${stdout}`);
  return file;
}

/** Starts all roles. Database, topics and workflows are shared with other houses of the stack: use ids of your own. */
export async function openHouse({ env: overrides = {}, processes = TOGETHER, airflowIs = 'simulated', stack = { env: inject('stack'), dir: inject('stackDir') }, recorded = true }: HouseOptions = {}): Promise<House> {
  const { PATH = '', HOME = '' } = process.env;
  const WORKFLOW_BUNDLE = await bundleInto(stack.dir);
  const env: Record<string, string> = { PATH, HOME, ...stack.env, WORKFLOW_BUNDLE, ...QUICK, ...overrides };
  const log = createLog({ level: recorded ? 'warn' : 'fatal' });
  const kafka = createKafka({ brokers: (env['KAFKA_BROKERS'] ?? '').split(','), clientId: 'test', log });
  const producer = createProducer({ kafka, log });
  const logDir = join(stack.dir, 'logs', `house-${new Date().toISOString().replaceAll(':', '-')}`);
  await mkdir(logDir, { recursive: true });
  const closing: (() => Promise<unknown>)[] = [() => producer.close()];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  const closes = <T extends { close(): Promise<unknown> }>(one: T): T => {
    closing.push(() => one.close());
    return one;
  };
  try {
    const ledger = closes(openDatabase({ url: env['DATABASE_URL'] ?? '', poolSize: 4 }));
    const connection = closes(await Connection.connect({ address: env['TEMPORAL_ADDRESS'] ?? '' }));
    const data = closes(await openErasableData({ databaseUrl: env['ERASER_APP_DB_URL'] ?? '', filesUrl: env['ERASER_APP_FILES_URL'] ?? '' }));
    const outgoing = [TOPICS.airflowTrigger, TOPICS.airflowResult, TOPICS.notifications, TOPICS.tenantLifecycle, deletionEventsTopic(env['KAFKA_TOPIC_PREFIX'] ?? 'nova')];
    const bus = closes(await openRecorder(kafka, recorded ? [...outgoing, ...READ_TOPICS.map(deadLetterTopic)] : []));
    const airflow = await openAirflowControl(env);
    if (airflowIs === 'simulated') await airflow.turn('reset');
    const roles = closes(await createHouseRoles(env, processes, logDir));
    await roles.start();

    return {
      env, roles, bus, airflow, data, ledger,
      temporal: new Client({ connection, namespace: env['TEMPORAL_NAMESPACE'] ?? 'default' }),
      send: async (...records) => {
        const results = await producer.send(records.map(({ value, ...record }) => ({ ...record, value: value === null || Buffer.isBuffer(value) ? value : JSON.stringify(value) })));
        for (const result of results) if (!result.ok) throw result.error;
      },
      logs: async (process = '') => (await Promise.all((await readdir(logDir)).filter((file) => file.startsWith(process)).map((file) => readFile(join(logDir, file), 'utf8')))).join(''),
      api: async (path) => {
        const response = await fetch(`${env['EXPUNGE_API_URL'] ?? ''}${path}`, { headers: { authorization: `Bearer ${env['EXPUNGE_API_TOKEN'] ?? ''}` } });
        return { status: response.status, body: (await response.json()) as Json };
      },
      cli: (...args) => expunge(env, ...args),
      temporalCli: (...args) => runProgram(env['TEMPORAL_CLI'] ?? 'temporal', [...args, '--address', env['TEMPORAL_ADDRESS'] ?? '', '--namespace', env['TEMPORAL_NAMESPACE'] ?? 'default'], env),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
