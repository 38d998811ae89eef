import type { ConnectionOptions } from 'node:tls';
import kafkajs, { type Kafka, type LogEntry, type SASLOptions } from 'kafkajs';
import { registerCodecs } from './codecs.js';
import { quietenIdleConnections } from './idle-connections.js';
import type { BusLog } from './messages.js';

export interface KafkaOptions {
  readonly brokers: readonly string[];
  /** Names this process in the broker's logs and quotas. */
  readonly clientId: string;
  /** `true` or an empty object: TLS with the system's authorities. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string } | undefined;
  readonly log: BusLog;
}

/** A way to the brokers; connects to nothing yet. */
export type KafkaClient = Kafka;

/** Makes the client that consumers, producers and the admin functions are built on. */
export function createKafka({ brokers, clientId, ssl, sasl, log }: KafkaOptions): KafkaClient {
  registerCodecs();
  quietenIdleConnections();
  const { Kafka: Client, logLevel: levels } = kafkajs;
  return new Client({
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined || ssl === false ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
    connectionTimeout: 5000,
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    retry: { initialRetryTime: 100, maxRetryTime: 3000, retries: 5 },
    logLevel: levels.INFO,
    logCreator: () => (entry) => logEntry(log, entry),
  });
}

/** kafkajs reports every try that failed as an error; whether one matters is known, and logged, by its caller. */
function logEntry(log: BusLog, { namespace, log: { message, error, groupId, topic, partition } }: LogEntry): void {
  log.debug({ kafkajs: namespace, groupId: groupId as unknown, topic: topic as unknown, partition: partition as unknown, cause: typeof error === 'string' ? error : undefined }, message);
}

/** The first cause of a kafkajs error: it wraps what it gave up on. */
export function rootCause(error: unknown): Error & { readonly type?: string } {
  let found = error;
  while (found instanceof Error && found.cause instanceof Error && found.cause !== found) found = found.cause;
  return found instanceof Error ? found : new Error(String(found));
}
