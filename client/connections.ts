import { Client, Connection } from '@temporalio/client';
import { createKafka } from '../bus/kafka.js';
import { createProducer, type Producer } from '../bus/producer.js';
import type { Config } from '../platform/config.js';
import type { Log } from '../platform/log.js';
import { temporalCalls } from '../platform/temporal-calls.js';
import { causeOf, ClientFault } from './faults.js';

/** Connections that are made when they are first needed. */
export interface Connections {
  /** @throws ClientFault unreachable */
  temporal(): Promise<Client>;
  /** @throws ConfigFault when KAFKA_BROKERS is not set */
  kafka(): Producer;
  close(): Promise<void>;
}

/** A person waits: a part that is not there is told soon. */
const CONNECT_TIMEOUT_MS = 5_000;

export function createConnections(config: () => Config, log: Log): Connections {
  let connection: Promise<Connection> | undefined;
  let producer: Producer | undefined;
  return {
    temporal: async () => {
      const { temporal } = config();
      connection ??= Connection.connect({ ...temporal.connection, interceptors: temporalCalls(), connectTimeout: CONNECT_TIMEOUT_MS });
      try {
        return new Client({ connection: await connection, namespace: temporal.namespace });
      } catch (error) {
        connection = undefined;
        throw new ClientFault('unreachable', `Temporal cannot be reached at ${temporal.connection.address ?? 'localhost:7233'} (${causeOf(error)}): start it, or set TEMPORAL_ADDRESS to where it is.`, { cause: error });
      }
    },
    kafka: () => {
      const { kafka } = config();
      return (producer ??= createProducer({ kafka: createKafka({ brokers: kafka.brokers, clientId: 'expunge-client', ssl: kafka.tls, sasl: kafka.sasl, log }), log }));
    },
    close: async () => {
      await producer?.close();
      await (await connection)?.close();
    },
  };
}
