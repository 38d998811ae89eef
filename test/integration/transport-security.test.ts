import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startIngress } from '../../bridges/ingress/role.js';
import { startRelay } from '../../bridges/relay/role.js';
import { startResultBridge } from '../../bridges/result/role.js';
import { createKafka, rootCause } from '../../bus/kafka.js';
import { createProducer } from '../../bus/producer.js';
import { readTail } from '../../bus/read-topic.js';
import { runCli } from '../../client/run.js';
import { TOPICS } from '../../contracts/names/index.js';
import { loadConfig, type Config } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { connectClient, connectWorker } from '../../platform/temporal.js';
import { openDatabase } from '../../store/database.js';
import { readDeletion } from '../../store/ledger/read.js';
import { startWorker } from '../../worker.js';
import { freshId } from '../support/deletions.js';
import { startSecuredStack, type SecuredStack } from '../support/secured-stack.js';
import { demandApiKey, demandClientCertificate, type TlsProxy } from '../support/tls-proxy.js';
import { waitFor } from '../support/wait-for.js';

const API_KEY = 'key-of-the-test';
const namespace = freshId('secured');
const log = createLog({ level: 'silent' });
let secured: SecuredStack;
let mutual: TlsProxy;
let keyed: TlsProxy;

beforeAll(async () => {
  secured = await startSecuredStack();
  const [host = '', port] = (inject('stack')['TEMPORAL_ADDRESS'] ?? '').split(':');
  const target = { host, port: Number(port) };
  mutual = await demandClientCertificate(target, secured.certificates);
  keyed = await demandApiKey(target, secured.certificates, API_KEY);
}, 300_000);
afterAll(async () => {
  await mutual.close();
  await keyed.close();
  await secured.close();
});

type Env = Readonly<Record<string, string>>;
const overSasl = (mechanism: string, password = secured.login.password): Env => ({
  KAFKA_BROKERS: secured.kafka.sasl, KAFKA_TLS: 'true', KAFKA_TLS_CA: secured.certificates.ca,
  KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: secured.login.username, KAFKA_SASL_PASSWORD: password,
});
const kafkaOf = ({ kafka: { brokers, tls, sasl } }: Config) => createKafka({ brokers, clientId: 'test', ssl: tls, sasl, log });
const databaseOver = (url: string, params: Record<string, string>): string => {
  const address = new URL(url);
  for (const [name, value] of Object.entries(params)) address.searchParams.set(name, value);
  return address.href;
};
const overMutualTls = (): Env => ({
  TEMPORAL_ADDRESS: mutual.address, TEMPORAL_NAMESPACE: namespace, TEMPORAL_TLS: 'true', TEMPORAL_TLS_SERVER_CA_CERT_PATH: secured.certificates.ca,
  TEMPORAL_TLS_CLIENT_CERT_PATH: secured.certificates.clientCert, TEMPORAL_TLS_CLIENT_KEY_PATH: secured.certificates.clientKey,
});
const byApiKey = (apiKey = API_KEY): Env => ({ TEMPORAL_ADDRESS: keyed.address, TEMPORAL_NAMESPACE: namespace, TEMPORAL_TLS: 'true', TEMPORAL_TLS_SERVER_CA_CERT_PATH: secured.certificates.ca, TEMPORAL_API_KEY: apiKey });

describe('Kafka', () => {
  async function listTopics(env: Env): Promise<readonly string[]> {
    const admin = kafkaOf(loadConfig(env)).admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  }
  const why = (env: Env): Promise<string> => listTopics(env).then(() => 'let in', (error: unknown) => rootCause(error).message);

  test.each(['plain', 'scram-sha-512'])('lets in who shows %s over TLS', async (mechanism) => {
    expect(await why(overSasl(mechanism))).toBe('let in');
  });
  test('lets in who shows a certificate', async () => {
    const { ca, clientCert, clientKey } = secured.certificates;
    expect(await why({ KAFKA_BROKERS: secured.kafka.mutual, KAFKA_TLS: 'true', KAFKA_TLS_CA: ca, KAFKA_TLS_CERT: clientCert, KAFKA_TLS_KEY: clientKey })).toBe('let in');
  });
  test('is not spoken to when it is not who it should be, and lets nobody in without what it demands', async () => {
    expect(await why({ ...overSasl('plain'), KAFKA_TLS_CA: secured.certificates.otherCa })).toMatch(/certificate|self.signed/i);
    expect(await why(overSasl('plain', 'wrong'))).toMatch(/authentication/i);
    expect(await why(overSasl('scram-sha-512', 'wrong'))).toMatch(/authentication|invalid credentials/i);
    expect(await why({ KAFKA_BROKERS: secured.kafka.sasl })).not.toBe('let in');
    expect(await why({ KAFKA_BROKERS: secured.kafka.mutual, KAFKA_TLS: 'true', KAFKA_TLS_CA: secured.certificates.ca })).not.toBe('let in');
  });
});

describe('PostgreSQL', () => {
  async function ask(url: string): Promise<unknown> {
    const database = openDatabase({ url, poolSize: 1 });
    try {
      return await database.rows('SELECT ssl, client_dn IS NOT NULL AS known FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    } catch (error) {
      return (error as Error).message;
    } finally {
      await database.close();
    }
  }

  test('is asked over TLS, its certificate checked', async () => {
    expect(await ask(databaseOver(secured.databaseUrls.tls, { sslmode: 'verify-full', sslrootcert: secured.certificates.ca }))).toEqual([{ ssl: true, known: false }]);
  });
  test('is shown a certificate where it wants one', async () => {
    const { ca, clientCert, clientKey } = secured.certificates;
    const params = { sslmode: 'verify-full', sslrootcert: ca };
    expect(await ask(databaseOver(secured.databaseUrls.mutual, { ...params, sslcert: clientCert, sslkey: clientKey }))).toEqual([{ ssl: true, known: true }]);
    expect(await ask(databaseOver(secured.databaseUrls.mutual, params))).toMatch(/certificate/);
  });
  test('is not spoken to when it is not who it should be, and lets nobody in without TLS', async () => {
    expect(await ask(databaseOver(secured.databaseUrls.tls, { sslmode: 'verify-full', sslrootcert: secured.certificates.otherCa }))).toMatch(/certificate|self.signed/i);
    expect(await ask(secured.databaseUrls.tls)).toMatch(/no encryption|pg_hba/);
  });
  test('with a certificate file that cannot be read is a fault of the configuration, named at the start', () => {
    const read = () => loadConfig({ DATABASE_URL: 'postgresql://u:secret@h/d?sslmode=verify-full&sslrootcert=/not/there.pem' });
    expect(read).toThrow(/DATABASE_URL.*sslrootcert.*ENOENT/s);
    expect(read).not.toThrow(/secret/);
  });
});

describe('Temporal', () => {
  /** As the roles reach it: the bridges by one client, workers by the other. */
  async function reach(env: Env): Promise<string> {
    const config = loadConfig(env);
    const signal = AbortSignal.timeout(6_000);
    try {
      const client = await connectClient(config, { log, signal });
      await client.connection.workflowService.getSystemInfo({});
      await client.close();
      const worker = await connectWorker(config, { log, signal });
      await worker.close();
      return 'let in';
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }

  test('lets in who shows a certificate', async () => {
    const before = mutual.seen.let;
    expect(await reach(overMutualTls())).toBe('let in');
    expect(mutual.seen.let).toBeGreaterThanOrEqual(before + 2);
  });
  test('lets in who shows an API key', async () => {
    const before = keyed.seen.let;
    expect(await reach(byApiKey())).toBe('let in');
    expect(keyed.seen.let).toBeGreaterThan(before);
  });
  test('lets nobody in without a certificate, or with another key', async () => {
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _, TEMPORAL_TLS_CLIENT_KEY_PATH: __, ...without } = overMutualTls();
    const refused = { ...mutual.seen };
    expect(await reach(without)).not.toBe('let in');
    expect(mutual.seen.refused).toBeGreaterThan(refused.refused);
    const before = { ...keyed.seen };
    expect(await reach(byApiKey('wrong'))).not.toBe('let in');
    expect(keyed.seen.let).toBe(before.let);
    expect(keyed.seen.refused).toBeGreaterThan(before.refused);
  });
  test('is not spoken to when it is not who it should be', async () => {
    expect(await reach({ ...overMutualTls(), TEMPORAL_TLS_SERVER_CA_CERT_PATH: secured.certificates.otherCa })).not.toBe('let in');
  });
});

describe('with all three secured', () => {
  test.each(['a certificate', 'an API key'])('the set-up and the roles work, and a request becomes a trigger; Temporal by %s', async (how) => {
    const database = databaseOver(secured.databaseUrls.tls, { sslmode: 'verify-full', sslrootcert: secured.certificates.ca });
    const env = { ...overSasl('scram-sha-512'), ...(how === 'an API key' ? byApiKey() : overMutualTls()), DATABASE_URL: database, SUBJECT_PEPPER: 'pepper-of-this-test', HEALTH_PORT: 'off', OUTBOX_POLL: '500ms' };
    const said: string[] = [];
    const terminal = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text), interactive: false, redraw: () => undefined };
    expect(await runCli(['setup', '--wait', '60s'], { terminal, env }), said.join('\n')).toBe(0);

    const config = loadConfig(env, { roles: ['worker', 'ingress', 'result', 'relay'] });
    const deps = { config, log, metrics: createMetrics() };
    const kafka = kafkaOf(config);
    const producer = createProducer({ kafka, log });
    const ledger = openDatabase({ url: database, poolSize: 2 });
    const roles: RunningRole[] = [];
    try {
      for (const start of [startWorker, startIngress, startRelay, startResultBridge]) roles.push(await start(deps));
      const requestId = freshId('secured');
      const sent = await producer.send([{ topic: TOPICS.userDeletionRequest, key: requestId, value: JSON.stringify({ eventId: requestId, traceId: 't', timestamp: new Date().toISOString(), payload: { userId: freshId('user'), reason: 'gdpr_request', source: 'tests' } }) }]);
      expect(sent.map(({ ok }) => ok)).toEqual([true]);
      await waitFor('it is with Airflow', async () => (await readDeletion(ledger, requestId))?.deletion.status === 'SENT_TO_AIRFLOW', 60_000);
      await waitFor('the trigger is on its topic', async () => (await readTail(kafka, TOPICS.airflowTrigger)).some(({ value }) => value?.includes(`del_req_${requestId}`)), 60_000);
      const result = { jobId: `del_req_${requestId}`, airflowRunId: `del_req_${requestId}`, status: 'SUCCESS', timestamp: new Date().toISOString(), metadata: { rows_deleted: 1 }, error: null };
      await producer.send([{ topic: TOPICS.airflowResult, key: result.jobId, value: JSON.stringify(result) }]);
      await waitFor('it is completed', async () => (await readDeletion(ledger, requestId))?.deletion.status === 'COMPLETED', 60_000);
    } finally {
      for (const role of roles.reverse()) await role.stop();
      await producer.close();
      await ledger.close();
    }
  }, 180_000);
});
