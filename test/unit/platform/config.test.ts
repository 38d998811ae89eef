import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderConfigTable } from '../../../platform/config-table.js';
import { VARIABLES } from '../../../platform/config-variables.js';
import { ConfigFault, loadConfig } from '../../../platform/config.js';
import { ROLES } from '../../../platform/roles.js';

/** Temporal's library also reads a file of the user's; this one is not there. */
const NO_FILE = { TEMPORAL_CONFIG_FILE: join(tmpdir(), 'no-such-temporal.toml') };
const load = (env: Record<string, string>, options?: Parameters<typeof loadConfig>[1]) => loadConfig({ ...NO_FILE, ...env }, options);
const FULL = { KAFKA_BROKERS: 'a:9092, b:9093', DATABASE_URL: 'postgresql://u:p@db:5432/expunge', AIRFLOW_API_URL: 'http://airflow:8080/', SUBJECT_PEPPER: 'sixteen-characters' };

const faultsOf = (act: () => unknown): ConfigFault => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigFault) return error;
    throw error;
  }
  throw new Error('no fault was found');
};

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'expunge-config-')); });
afterAll(() => rmSync(folder, { recursive: true }));

test('what is set is read, what is not has its default', () => {
  const config = load({ ...FULL, RESULT_TIMEOUT: '2h', AUTO_RETRIES: '', HEALTH_PORT: 'off' }, { roles: ROLES });
  expect(config.kafka).toMatchObject({ brokers: ['a:9092', 'b:9093'], topicPrefix: 'nova' });
  expect(config.database.url).toBe(FULL.DATABASE_URL);
  expect(config.airflow).toMatchObject({ apiUrl: 'http://airflow:8080', dagMissingGraceMs: 60_000 });
  expect(config.subjectPeppers).toEqual([{ version: 1, secret: 'sixteen-characters' }]);
  expect(config.policy.defaults).toMatchObject({ resultTimeoutMs: 7_200_000, autoRetries: 3, dueInMs: 30 * 86_400_000 });
  expect(config.health.port).toBe('off');
  expect(config.api).toMatchObject({ host: '127.0.0.1', port: 8080 });
  expect(config.temporal).toMatchObject({ namespace: 'default' });
  expect(config.kafka.sasl).toBeUndefined();
  expect(config.kafka.tls).toBeUndefined();
});

test('every default in the table parses', () => {
  expect(() => load({})).not.toThrow();
});

test('every fault is named at once, with its value and what to do', () => {
  const { faults, message } = faultsOf(() => load({ KAFKA_BROKERS: 'nowhere', RESULT_TIMEOUT: '5', AUTO_RETRIES: '-1', LOG_LEVEL: 'loud', HEALTH_PORT: '70000' }, { roles: ['trigger'] }));
  expect(faults.map(({ variable }) => variable).sort()).toEqual(['AIRFLOW_API_URL', 'AUTO_RETRIES', 'DATABASE_URL', 'HEALTH_PORT', 'KAFKA_BROKERS', 'LOG_LEVEL', 'RESULT_TIMEOUT']);
  expect(message).toContain('RESULT_TIMEOUT is "5": write a whole number and a unit');
  expect(message).toContain('AIRFLOW_API_URL: not set; the role trigger needs it');
});

const OWNERS = { CONTENT_SERVICE_URL: 'http://content', MEDIA_SERVICE_URL: 'http://media/', MESSAGING_SERVICE_URL: 'http://messaging', IDENTITY_SERVICE_URL: 'https://identity' };

test.each(['true', '1', 'yes', 'TRUE', 'anything'])('ENABLE_DIRECT_CALL=%s has the owning services asked', (value) => {
  expect(load({ ...OWNERS, ENABLE_DIRECT_CALL: value }).owners).toEqual({
    urls: { 'content-service': 'http://content', 'media-service': 'http://media', messaging: 'http://messaging', 'identity-service': 'https://identity' },
    token: undefined,
    timeoutMs: 2_000,
  });
});

test.each(['false', '0', 'FALSE', ' 0 ', ''])('ENABLE_DIRECT_CALL=%j leaves it to the local index, whatever addresses are known', (value) => {
  expect(load({ ...OWNERS, ENABLE_DIRECT_CALL: value }).owners).toBeUndefined();
  expect(load({ ENABLE_DIRECT_CALL: value }).owners).toBeUndefined();
});

test('without the addresses of all owning services ENABLE_DIRECT_CALL is a fault', () => {
  const { faults } = faultsOf(() => load({ ...OWNERS, MEDIA_SERVICE_URL: '', ENABLE_DIRECT_CALL: '1' }));
  expect(faults).toEqual([{ variable: 'MEDIA_SERVICE_URL', remedy: 'not set, and ENABLE_DIRECT_CALL needs it' }]);
});

test('no secret is repeated in a fault', () => {
  const { message } = faultsOf(() => load({ DATABASE_URL: 'mysql://root:hunter2@db/x', SUBJECT_PEPPER: 'hunter2' }));
  expect(message).toContain('DATABASE_URL');
  expect(message).toContain('SUBJECT_PEPPER');
  expect(message).not.toContain('hunter2');
});

describe('what a role needs', () => {
  test('is asked for only when the role runs', () => {
    expect(() => load({}, { roles: [] })).not.toThrow();
    expect(faultsOf(() => load({}, { roles: ['worker'] })).faults.map(({ variable }) => variable)).toEqual(['DATABASE_URL', 'SUBJECT_PEPPER']);
  });
  test('is a fault when it is read all the same', () => {
    const config = load({});
    expect(() => config.kafka.brokers).toThrow(ConfigFault);
    expect(() => config.database.url).toThrow(/DATABASE_URL: not set/);
    expect(() => config.airflow.apiUrl).toThrow(ConfigFault);
    expect(() => config.subjectPeppers).toThrow(ConfigFault);
  });
});

describe('peppers', () => {
  test('are read newest first', () => {
    expect(load({ SUBJECT_PEPPER: 'v2:bbbbbbbbbbbbbbbb,v1:aaaaaaaaaaaaaaaa' }).subjectPeppers.map(({ version }) => version)).toEqual([2, 1]);
  });
  test.each(['short', 'v1:aaaaaaaaaaaaaaaa,v2:bbbbbbbbbbbbbbbb', 'v2:bbbbbbbbbbbbbbbb,v2:aaaaaaaaaaaaaaaa', 'v2:bbbbbbbbbbbbbbbb,aaaaaaaaaaaaaaaaaaa', 'v2:short,v1:aaaaaaaaaaaaaaaa'])('%s is refused', (text) => {
    expect(faultsOf(() => load({ SUBJECT_PEPPER: text })).message).toContain('v2:secret,v1:secret');
  });
});

describe('variables that belong together', () => {
  test.each([
    [{ KAFKA_SASL_MECHANISM: 'plain' }, ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']],
    [{ KAFKA_SASL_USERNAME: 'me' }, ['KAFKA_SASL_MECHANISM']],
    [{ AIRFLOW_USERNAME: 'me' }, ['AIRFLOW_PASSWORD']],
    [{ API_JWKS_URL: 'https://issuer/jwks' }, ['API_JWT_ISSUER', 'API_JWT_AUDIENCE']],
    [{ API_JWKS_FILE: '/keys.json', API_JWT_ISSUER: 'i' }, ['API_JWT_AUDIENCE']],
    [{ API_JWT_ISSUER: 'i' }, ['API_JWT_ISSUER']],
    [{ API_JWKS_URL: 'https://issuer/jwks', API_JWKS_FILE: '/keys.json', API_JWT_ISSUER: 'i', API_JWT_AUDIENCE: 'a' }, ['API_JWKS_FILE']],
    [{ AIRFLOW_USERNAME: 'me', AIRFLOW_PASSWORD: 'x', AIRFLOW_TOKEN: 'y' }, ['AIRFLOW_TOKEN']],
    [{ WORKER_DEPLOYMENT: 'expunge' }, ['WORKER_BUILD_ID']],
    [{ WORKER_BUILD_ID: '1.0.0' }, ['WORKER_DEPLOYMENT']],
    [{ DATABASE_URL: 'postgresql://h/d?sslmode=verify-full&sslrootcert=/not/there.pem&sslkey=/not/there.key' }, ['DATABASE_URL', 'DATABASE_URL']],
    [{ KAFKA_TLS: 'true', KAFKA_TLS_CA: '/not/there.pem' }, ['KAFKA_TLS_CA']],
    [{ KAFKA_TLS_CA: '/not/there.pem' }, ['KAFKA_TLS', 'KAFKA_TLS_CA']],
  ] as const)('%o lacks %o', (env, wanted) => {
    expect(faultsOf(() => load(env)).faults.map(({ variable }) => variable)).toEqual(wanted);
  });

  test('a release of the workers is a name and a build', () => {
    expect(load({ WORKER_DEPLOYMENT: 'expunge', WORKER_BUILD_ID: '1.2.3' }).worker.version).toEqual({ deploymentName: 'expunge', buildId: '1.2.3' });
    expect(load({}).worker.version).toBeUndefined();
    expect(faultsOf(() => load({ WORKER_DEPLOYMENT: 'ex.punge', WORKER_BUILD_ID: 'a b' })).faults).toHaveLength(2);
  });

  test('SASL, TLS and Airflow credentials arrive together', () => {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, 'PEM');
    const config = load({ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'pw', KAFKA_TLS: 'true', KAFKA_TLS_CA: ca, AIRFLOW_TOKEN: 'tok' });
    expect(config.kafka.sasl).toEqual({ mechanism: 'scram-sha-512', username: 'me', password: 'pw' });
    expect(config.kafka.tls).toEqual({ ca: 'PEM' });
    expect(config.airflow.credentials).toEqual({ token: 'tok' });
  });
});

describe('the callers of the API', () => {
  const auth = { API_JWKS_URL: 'https://issuer.example/jwks', API_JWT_ISSUER: 'https://issuer.example', API_JWT_AUDIENCE: 'expunge' };
  test('are not asked for a token when nothing is set, and may come from no other origin', () => {
    expect(load({}).api).toEqual({ host: '127.0.0.1', port: 8080, requestsPerMinute: 6_000, corsOrigins: [] });
  });
  test('are known by the keys, the issuer and the audience that are set', () => {
    expect(load({ ...auth, API_JWT_ALGORITHMS: 'ES256, RS512', API_JWT_ROLES_CLAIM: 'realm_access.roles', API_CORS_ORIGINS: 'https://a.example, http://localhost:3000' }).api).toMatchObject({
      auth: { jwks: { url: 'https://issuer.example/jwks' }, issuer: 'https://issuer.example', audience: 'expunge', algorithms: ['ES256', 'RS512'], claims: { roles: 'realm_access.roles', tenant: 'tenant' } },
      corsOrigins: ['https://a.example', 'http://localhost:3000'],
    });
    expect(load({ ...auth, API_JWKS_URL: 'http://127.0.0.1:9000/jwks' }).api.auth?.jwks).toEqual({ url: 'http://127.0.0.1:9000/jwks' });
  });
  test.each([['API_JWKS_URL', 'http://issuer.example/jwks'], ['API_JWT_ALGORITHMS', 'none'], ['API_JWT_ALGORITHMS', 'RS256,HS256'], ['API_CORS_ORIGINS', '*'], ['API_RATE_LIMIT', '0']])('%s=%s is refused', (variable, value) => {
    expect(faultsOf(() => load({ ...auth, [variable]: value })).faults.map((fault) => fault.variable)).toEqual([variable]);
  });
});

describe('Temporal’s own variables', () => {
  test('are read by its library', () => {
    const { temporal } = load({ TEMPORAL_ADDRESS: 'temporal:7233', TEMPORAL_NAMESPACE: 'privacy', TEMPORAL_API_KEY: 'key', TEMPORAL_UI_URL: 'https://ui/' });
    expect(temporal).toEqual({ connection: { address: 'temporal:7233', apiKey: 'key', tls: true }, namespace: 'privacy', uiUrl: 'https://ui' });
  });
  test('are faults like others when they cannot be used', () => {
    const { faults } = faultsOf(() => load({ TEMPORAL_TLS_CLIENT_CERT_PATH: '/not/there', TEMPORAL_TLS_CLIENT_KEY_PATH: '/not/there', LOG_LEVEL: 'loud' }));
    expect(faults.map(({ variable }) => variable)).toEqual(['LOG_LEVEL', 'TEMPORAL_*']);
  });
});

describe('the table', () => {
  test('has a row with a description for every variable', () => {
    const rows = renderConfigTable().split('\n').slice(2);
    expect(rows).toHaveLength(Object.keys(VARIABLES).length);
    for (const row of rows) expect(row).toMatch(/^\| `[A-Z_]+` \| (`[^`]+`)? \| \S.+ \|$/);
    expect(rows.find((row) => row.includes('RESULT_TIMEOUT'))).toContain('| `24h` |');
  });

  const readme = new URL('../../../README.md', import.meta.url);
  test.runIf(existsSync(readme))('is the README’s', () => {
    const between = /<!-- config -->\n([\s\S]*?)\n<!-- \/config -->/.exec(readFileSync(readme, 'utf8'))?.[1];
    expect(between?.trim()).toBe(renderConfigTable());
  });
});

describe('tracing', () => {
  test('is off until a collector is named, and while the SDK is disabled', () => {
    expect(load({}).tracing).toBeUndefined();
    expect(load({ OTEL_TRACES_SAMPLER: 'always_on', OTEL_SERVICE_NAME: 'x' }).tracing).toBeUndefined();
    expect(load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' }).tracing).toBeUndefined();
  });

  test('takes OpenTelemetry’s own variables', () => {
    expect(load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }).tracing).toEqual({
      url: 'http://collector:4318/v1/traces', headers: {}, timeoutMs: 10_000, serviceName: 'expunge', resourceAttributes: {},
      sampler: { name: 'parentbased_always_on', ratio: 1 }, scheduleDelayMs: 5_000, maxQueueSize: 2_048,
    });
    expect(load({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://other/traces', OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b, x=1=2',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25',
    }).tracing).toMatchObject({ url: 'https://other/traces', headers: { 'api-key': 'a b', x: '1=2' }, resourceAttributes: { 'deployment.environment.name': 'test' }, sampler: { name: 'parentbased_traceidratio', ratio: 0.25 } });
  });

  test('names what it cannot do, and repeats no key', () => {
    const { message, faults } = faultsOf(() => load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_HEADERS: 'secret', OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_TRACES_SAMPLER_ARG: '10%' }));
    expect(faults.map(({ variable }) => variable)).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG']);
    expect(message).not.toContain('secret');
  });
});
