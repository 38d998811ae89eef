import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MissingToolError } from './errors.js';
import { onPath, runCommand } from './fetch/commands.js';
import { findJava, mavenClassPath } from './fetch/maven.js';
import type { FetchContext, Part, PartContext, Program } from './parts.js';
import { kafkaAnswers } from './probes.js';
import { hostAndPort } from './addresses.js';

export const KAFKA_VERSION = '4.1.1';
const SCALA_VERSION = '2.13';
const JAVA_MINIMUM = 17;
const REMEDY = 'install Java 17 or newer and Maven (Debian: openjdk-17-jre-headless and maven), or set KAFKA_BROKERS to a Kafka that runs.';

/** The broker's properties: one node that is broker and controller (KRaft), on loopback. */
export function brokerProperties(context: Pick<PartContext, 'ports' | 'dataDir' | 'kafka'>): Record<string, string> {
  const broker = `127.0.0.1:${context.ports['kafka']}`;
  const controller = `127.0.0.1:${context.ports['kafkaController']}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://${broker},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(context.dataDir, 'log'),
    'auto.create.topics.enable': 'false',
    'num.partitions': String(context.kafka.defaultPartitions ?? 4),
    // A broker that was killed may come back only when its old session is over (9 s by default).
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    ...context.kafka.properties,
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** A Kafka distribution on this machine: KAFKA_HOME, or its scripts on PATH. */
async function findDistribution(context: FetchContext): Promise<Program | undefined> {
  const home = context.environment['KAFKA_HOME'];
  const script =
    (home ? await onPath(['kafka-server-start.sh'], { PATH: join(home, 'bin') }) : undefined) ??
    (await onPath(['kafka-server-start.sh', 'kafka-server-start'], context.environment));
  if (script === undefined) return undefined;
  const libs = join(dirname(dirname(script)), 'libs');
  if (!(await exists(libs))) return undefined;
  const java = await findJava(JAVA_MINIMUM, context.environment, REMEDY);
  return { label: dirname(dirname(script)), command: java, extra: { classPath: join(libs, '*') } };
}

/** A Kafka UUID (22 characters of base64url); one that began with a dash would be taken for an option. */
export function newClusterId(random: (size: number) => Buffer = randomBytes): string {
  const bytes = random(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString('base64url');
}

async function fetchKafka(context: FetchContext): Promise<Program> {
  const java = await findJava(JAVA_MINIMUM, context.environment, REMEDY).catch((error: unknown) => {
    if (error instanceof MissingToolError) throw new MissingToolError(`Kafka cannot be started: ${error.message}`);
    throw error;
  });
  const classPath = await mavenClassPath({
    cacheDir: context.cacheDir,
    key: `kafka-${SCALA_VERSION}-${KAFKA_VERSION}`,
    artifacts: [
      { group: 'org.apache.kafka', artifact: `kafka_${SCALA_VERSION}`, version: KAFKA_VERSION },
      { group: 'org.slf4j', artifact: 'slf4j-simple', version: '1.7.36' },
    ],
    env: context.environment,
    remedy: REMEDY,
    signal: context.signal,
    onFetching: context.onFetching,
  });
  return { label: `Kafka ${KAFKA_VERSION}`, command: java, extra: { classPath } };
}

const FAST_START = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
const LOGGING = ['-Dorg.slf4j.simpleLogger.showDateTime=true', '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

export const kafka: Part = {
  name: 'kafka',
  title: 'Kafka',
  addressVariable: 'KAFKA_BROKERS',
  variablePrefixes: ['KAFKA_'],
  ports: [
    { key: 'kafka', variable: 'STACK_KAFKA_PORT', usual: 9092 },
    { key: 'kafkaController', variable: 'STACK_KAFKA_CONTROLLER_PORT', usual: 9093 },
  ],
  composeServices: ['kafka'],
  hostAndPort: (brokers) => hostAndPort(brokers.split(',')[0] ?? '', 9092),
  env: (ports) => ({ KAFKA_BROKERS: `127.0.0.1:${ports['kafka']}` }),
  findOnMachine: findDistribution,
  fetch: fetchKafka,
  fetchNote: 'fetching Kafka with Maven (once, about 10 s)',
  async launch(program, context) {
    await mkdir(context.dataDir, { recursive: true });
    const propertiesFile = join(context.dataDir, 'server.properties');
    const properties = brokerProperties(context);
    await writeFile(propertiesFile, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''));
    const classPath = program.extra?.['classPath'] ?? '';
    if (!(await exists(join(context.dataDir, 'log', 'meta.properties')))) {
      const format = [...FAST_START, ...LOGGING, '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', newClusterId(), '-c', propertiesFile];
      await runCommand(program.command, format, { env: context.environment, signal: context.signal });
    }
    return {
      command: program.command,
      args: ['-Xmx512m', ...FAST_START, ...LOGGING, '-cp', classPath, 'kafka.Kafka', propertiesFile],
      env: context.environment,
      cwd: context.dataDir,
      stopGraceMs: 8_000,
    };
  },
  isHealthy: (env) => {
    const { host, port } = hostAndPort((env['KAFKA_BROKERS'] ?? '').split(',')[0] ?? '', 9092);
    return kafkaAnswers(host, port);
  },
  startTimeoutMs: 60_000,
};
