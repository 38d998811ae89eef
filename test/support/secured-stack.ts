import { chmod, chown, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheDir } from '../../stack/fetch/cache.js';
import { runCommand } from '../../stack/fetch/commands.js';
import { kafka } from '../../stack/kafka.js';
import { startStack } from '../../stack/start.js';
import { unprivilegedUser } from '../../stack/unprivileged.js';
import { makeCertificates, type Certificates } from './certificates.js';
import { queryRows } from './databases.js';

/** A Kafka and a PostgreSQL of a test's own that take nobody in who does not show what they demand. */
export interface SecuredStack {
  readonly certificates: Certificates;
  /** Of a listener that demands SASL (PLAIN, SCRAM-SHA-512) over TLS, and of one that demands a client's certificate. */
  readonly kafka: { readonly sasl: string; readonly mutual: string };
  /** The user of all of them. */
  readonly login: { readonly username: string; readonly password: string };
  /** A database that is reached over TLS only, and one that wants a client's certificate besides. */
  readonly databaseUrls: { readonly tls: string; readonly mutual: string };
  close(): Promise<void>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      resolve(server);
    });
  })));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const LOGIN = { username: 'expunge', password: 'p4ss-of-the-test' } as const;

/** PostgreSQL's users see these files, whoever that is; its key nobody else. */
async function forPostgres(folder: string, { ca, serverCert, serverKey }: Certificates): Promise<Record<string, string>> {
  const file = (name: string): string => join(folder, `postgres-${name}`);
  await Promise.all([copyFile(ca, file('ca.crt')), copyFile(serverCert, file('server.crt')), copyFile(serverKey, file('server.key'))]);
  const hba = [
    'hostssl secure all 127.0.0.1/32 scram-sha-256',
    'hostssl secure_mutual all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
    'host secure,secure_mutual all all reject',
    'host all all 127.0.0.1/32 scram-sha-256',
  ];
  await writeFile(file('hba.conf'), `${hba.join('\n')}\n`);
  await chmod(file('server.key'), 0o600);
  if (process.getuid?.() === 0) {
    const { uid, gid } = await unprivilegedUser(process.env);
    await chown(file('server.key'), uid, gid);
  }
  return { ssl: 'on', ssl_ca_file: file('ca.crt'), ssl_cert_file: file('server.crt'), ssl_key_file: file('server.key'), hba_file: file('hba.conf') };
}

async function forKafka(folder: string, { ca, serverCert, serverKey }: Certificates, [plain, controller, sasl, mutual]: readonly number[]): Promise<Record<string, string>> {
  const store = join(folder, 'kafka.pem');
  await writeFile(store, `${await readFile(serverKey, 'utf8')}${await readFile(serverCert, 'utf8')}`);
  const listeners = `PLAINTEXT://127.0.0.1:${plain},SASL://127.0.0.1:${sasl},MUTUAL://127.0.0.1:${mutual}`;
  return {
    listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,MUTUAL:SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': store,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'listener.name.sasl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${LOGIN.username}="${LOGIN.password}";`,
    'listener.name.sasl.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  };
}

/** SCRAM's users are kept by the brokers: made by Kafka's own tool, over the listener that demands nothing. */
async function addScramUser(brokers: string): Promise<void> {
  const context = { cacheDir: defaultCacheDir(process.env), environment: process.env, signal: new AbortController().signal, onFetching: () => undefined };
  const { command, extra } = (await kafka.findOnMachine(context)) ?? (await kafka.fetch(context));
  await runCommand(command, ['-cp', extra?.['classPath'] ?? '', 'kafka.admin.ConfigCommand', '--bootstrap-server', brokers, '--alter', '--entity-type', 'users', '--entity-name', LOGIN.username, '--add-config', `SCRAM-SHA-512=[password=${LOGIN.password}]`], { env: process.env, timeoutMs: 60_000 });
}

export async function startSecuredStack(): Promise<SecuredStack> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-secured-'));
  await chmod(folder, 0o755);
  const certificates = await makeCertificates(folder);
  const ports = await freePorts(4);
  const { PATH, HOME, EXPUNGE_CACHE_DIR, STACK_SOURCES } = process.env;
  const stack = await startStack({
    // A broker or database of the person's own would not demand what is tried here.
    environment: { PATH, HOME, EXPUNGE_CACHE_DIR, STACK_SOURCES: STACK_SOURCES ?? 'machine,registry', STACK_KAFKA_PORT: String(ports[0]), STACK_KAFKA_CONTROLLER_PORT: String(ports[1]) },
    parts: ['kafka', 'postgres'],
    durability: 'throwaway',
    dir: folder,
    kafka: { properties: await forKafka(folder, certificates, ports) },
    postgres: { settings: await forPostgres(folder, certificates) },
  });
  const { DATABASE_URL = '', KAFKA_BROKERS = '' } = stack.env;
  await queryRows(DATABASE_URL, 'CREATE DATABASE secure');
  await queryRows(DATABASE_URL, 'CREATE DATABASE secure_mutual');
  await addScramUser(KAFKA_BROKERS);
  const urlOf = (database: string): string => Object.assign(new URL(DATABASE_URL), { pathname: `/${database}` }).href;
  return {
    certificates,
    kafka: { sasl: `127.0.0.1:${ports[2]}`, mutual: `127.0.0.1:${ports[3]}` },
    login: LOGIN,
    databaseUrls: { tls: urlOf('secure'), mutual: urlOf('secure_mutual') },
    close: async () => {
      await stack.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
