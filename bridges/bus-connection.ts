import { hostname } from 'node:os';
import { createConsumer, type ConsumerOptions } from '../bus/consumer.js';
import { createDeadLetters } from '../bus/dead-letters.js';
import { createKafka, type KafkaClient } from '../bus/kafka.js';
import type { MessageHandler } from '../bus/messages.js';
import { createProducer, type Producer } from '../bus/producer.js';
import { consumerGroup } from '../contracts/names/index.js';
import type { KafkaConfig } from '../platform/config.js';
import type { Role, RoleDeps } from '../platform/roles.js';
import { createLagReporter } from './consumer-lag.js';
import { periodically } from './periodically.js';

const LAG_EVERY_MS = 10_000;
/** What is in hand when a role stops has this long to finish. */
export const DRAIN_MS = 5_000;

/** The client of a role. */
export function kafkaFor(role: Role, { kafka }: { readonly kafka: KafkaConfig }, log: RoleDeps['log']): KafkaClient {
  return createKafka({ brokers: kafka.brokers, clientId: `expunge-${role}-${hostname()}`, ssl: kafka.tls, sasl: kafka.sasl, log });
}

/** A consumer that runs, with its producer for dead letters. */
export interface RunningConsumer {
  readonly producer: Producer;
  healthy(): boolean;
  /** Lets what is in hand finish, commits, leaves the group and closes the producer. */
  stop(): Promise<void>;
}

/** Reads topics in the group of a role, counts what comes of it and how far it is behind. The producer is there for other uses of the role. */
export function consumeAs(role: Role, kafka: KafkaClient, makeRoutes: (producer: Producer) => Readonly<Record<string, MessageHandler>>, { log, metrics }: Pick<RoleDeps, 'log' | 'metrics'>, options: Partial<ConsumerOptions> = {}): RunningConsumer {
  const groupId = consumerGroup(role);
  const producer = createProducer({ kafka, log });
  const consumer = createConsumer({
    kafka,
    groupId,
    routes: makeRoutes(producer),
    deadLetters: createDeadLetters({ producer }),
    log,
    metrics: {
      messageDone: (topic) => metrics.messages.inc({ group: groupId, topic, outcome: 'done' }),
      messageDeadLettered: (topic, code) => {
        metrics.messages.inc({ group: groupId, topic, outcome: 'dead-lettered' });
        metrics.deadLetters.inc({ topic, class: code });
      },
      messageWaiting: (topic) => metrics.messages.inc({ group: groupId, topic, outcome: 'waiting' }),
    },
    ...options,
  });
  void consumer.start();
  const lag = periodically(createLagReporter(consumer, groupId, metrics), { name: 'consumer lag', everyMs: LAG_EVERY_MS, log });
  return {
    producer,
    healthy: () => consumer.healthy(),
    stop: async () => {
      await Promise.all([consumer.stop(DRAIN_MS), lag.stop()]);
      await producer.close();
    },
  };
}
