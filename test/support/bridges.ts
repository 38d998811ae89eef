import { Connection, Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { inject } from 'vitest';
import { createTopics } from '../../bus/admin.js';
import { createKafka, type KafkaClient } from '../../bus/kafka.js';
import type { IncomingMessage, OutgoingRecord } from '../../bus/messages.js';
import { createProducer, type Producer } from '../../bus/producer.js';
import { topicSpecs } from '../../bus/topics.js';
import { jobIdFor, SEARCH_ATTRIBUTES, TOPICS } from '../../contracts/names/index.js';
import { loadConfig, type Config } from '../../platform/config.js';
import { createLog, type Log } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import type { Role, RoleDeps } from '../../platform/roles.js';
import { openDatabase, type Database } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { createTestDatabase } from './databases.js';
import { freshId, receiveRequest } from './deletions.js';
import { endsOf } from './recorder.js';

/** A message as the bus record holds it, read back. */
export interface SeenMessage {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The stack's Kafka and Temporal with a database of its own, for tests of bridges. */
export interface BridgeHouse {
  readonly config: Config;
  readonly database: Database;
  readonly kafka: KafkaClient;
  readonly producer: Producer;
  readonly client: Client;
  /** Every line that was logged. */
  readonly logged: string[];
  readonly log: Log;
  deps(more?: Partial<RoleDeps>): RoleDeps;
  send(...records: OutgoingRecord[]): Promise<void>;
  /** Reads topics from now on. */
  watch(...topics: string[]): Promise<Watched>;
  close(): Promise<void>;
}

export interface Watched {
  readonly seen: SeenMessage[];
  stop: () => Promise<void>;
}

/** Opens the house. @param env more variables, by which the configuration is made. */
export async function openBridgeHouse(roles: readonly Role[], env: Readonly<Record<string, string>> = {}): Promise<BridgeHouse> {
  const testDatabase = await createTestDatabase();
  const { databaseUrl } = testDatabase;
  const config = loadConfig({ ...inject('stack'), SUBJECT_PEPPER: 'v2:pepper-of-this-test-2,v1:pepper-of-this-test-1', AIRFLOW_API_URL: 'http://127.0.0.1:1', ...env, DATABASE_URL: databaseUrl, HEALTH_PORT: 'off' }, { roles });
  const database = openDatabase({ url: databaseUrl });
  await migrate(database);
  const logged: string[] = [];
  const log = createLog({ level: 'debug', destination: { write: (line: string) => void logged.push(line) } });
  const kafka = createKafka({ brokers: config.kafka.brokers, clientId: 'test', log });
  await createTopics(kafka, topicSpecs(config.kafka), { log });
  const producer = createProducer({ kafka, log });
  const connection = await Connection.connect(config.temporal.connection);
  await registerSearchAttributes(connection);
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const watchers: Watched[] = [];

  return {
    config, database, kafka, producer, client, logged, log,
    deps: (more = {}) => ({ config, log, metrics: createMetrics(), ...more }),
    send: async (...records) => {
      const results = await producer.send(records);
      for (const result of results) if (!result.ok) throw result.error;
    },
    watch: async (...topics) => {
      const watched = await watchTopics(kafka, topics);
      watchers.push(watched);
      return watched;
    },
    close: async () => {
      await Promise.all(watchers.map((watched) => watched.stop()));
      await producer.close();
      await connection.close();
      await database.close();
      await testDatabase.drop();
    },
  };
}

async function registerSearchAttributes(connection: Connection): Promise<void> {
  const types = { KEYWORD: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, BOOL: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL };
  const known = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in known.customAttributes));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, types[type]])) });
  await until('search attributes are registered', async () => {
    const now = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    return missing.every(([name]) => name in now.customAttributes);
  });
}

async function watchTopics(kafka: KafkaClient, topics: readonly string[]): Promise<Watched> {
  const seen: SeenMessage[] = [];
  const consumer = kafka.consumer({ groupId: `watch-${crypto.randomUUID()}` });
  await consumer.connect();
  const ends = await endsOf(kafka, topics);
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  const joined = new Promise((resolve) => void consumer.on('consumer.group_join', resolve));
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]));
      seen.push({ topic, key: message.key?.toString() ?? null, value: message.value?.toString() ?? '', headers });
      return Promise.resolve();
    },
  });
  await joined;
  for (const [topic, partitions] of ends) for (const { partition, high } of partitions) consumer.seek({ topic, partition, offset: high });
  return { seen, stop: () => consumer.disconnect() };
}

/** Waits for a condition, and says which when it does not come. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A message as a handler gets it, without a bus. */
export const incoming = (topic: string, value: unknown, more: Partial<IncomingMessage> = {}): IncomingMessage => ({
  topic, partition: 0, offset: '0', timestampMs: Date.now(), attempt: 1, key: null, headers: {},
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  signal: new AbortController().signal,
  ...more,
});

/** A service's deletion in the ledger whose first attempt was just sent, and its trigger. */
export async function sentJob(database: Database, { lane = 'default', dagId = 'service_cleanup_dag' }: { readonly lane?: string; readonly dagId?: string } = {}) {
  const [tenantId, serviceInstanceId] = [freshId('tenant'), freshId('srv')];
  const { input, workflowId } = await receiveRequest(database, { subject: { kind: 'service', tenantId, serviceType: 'email', serviceInstanceId }, policy: { lane, dagId } });
  const { requestId, traceId } = input;
  const jobId = jobIdFor(requestId, 1);
  await database.rows(`INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause) VALUES ($1, $2, 1, $3, $4, 0, 'first attempt')`, [jobId, requestId, dagId, lane]);
  await database.rows(`UPDATE deletions SET status = 'SENT_TO_AIRFLOW', attempt = 1, job_id = $2, claimed_run = $2 WHERE request_id = $1`, [requestId, jobId]);
  const trigger = { traceId, jobId, payload: { dag_id: dagId, conf: { tenant_id: tenantId, target_service: 'email', target_instance: serviceInstanceId, dry_run: false } } };
  const record = { topic: TOPICS.airflowTrigger, key: tenantId, value: JSON.stringify(trigger) };
  return { requestId, jobId, tenantId, serviceInstanceId, workflowId, input, trigger, record };
}

/** Revokes a job, as a cancel does. */
export const revoke = async (database: Database, jobId: string): Promise<void> => {
  await database.rows(`UPDATE attempts SET revoked_at = now(), revoked_why = 'withdrawn' WHERE job_id = $1`, [jobId]);
};

/** One column of an attempt. */
export async function attemptOf(database: Database, jobId: string): Promise<{ postedAt: Date | null; result: string | null; failureCode: string | null; errorText: string | null }> {
  const [row] = await database.rows<{ postedAt: Date | null; result: string | null; failureCode: string | null; errorText: string | null }>('SELECT * FROM attempts WHERE job_id = $1', [jobId]);
  if (!row) throw new Error(`the ledger has no job ${jobId}`);
  return row;
}
