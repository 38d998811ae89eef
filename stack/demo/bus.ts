import { randomUUID } from 'node:crypto';
import { groupLag } from '../../bus/admin.js';
import { createConsumer } from '../../bus/consumer.js';
import { createDeadLetters, DEAD_LETTER_HEADERS } from '../../bus/dead-letters.js';
import { createKafka } from '../../bus/kafka.js';
import type { IncomingMessage, MessageHandler, OutgoingRecord } from '../../bus/messages.js';
import { createProducer } from '../../bus/producer.js';
import { READ_TOPICS } from '../../bus/topics.js';
import { consumerGroup, deadLetterTopic, TOPICS } from '../../contracts/names/index.js';
import { airflowTriggers, headerText, notifications, tenantLifecycleEvents, type AirflowTrigger, type Notification, type TenantLifecycleEvent } from '../../contracts/topics/index.js';
import type { Config } from '../../platform/config.js';
import type { Log } from '../../platform/log.js';
import { serviceOwner, tenantOwner, userOwner } from './cast.js';

/** A message that could not be handled, as it lies in its dead letter topic. */
export interface SeenDeadLetter {
  readonly topic: string;
  readonly code: string;
  readonly reason: string;
  readonly value: Buffer;
}

/** What has come out of Expunge since the demo began, by Kafka. */
export interface SeenMessages {
  readonly notifications: readonly Notification[];
  readonly lifecycle: readonly TenantLifecycleEvent[];
  readonly triggers: readonly AirflowTrigger[];
  readonly deadLetters: readonly SeenDeadLetter[];
  /** Messages that could not be read, and why: Expunge broke its own contract. */
  readonly faults: readonly string[];
}

/** The demo's side of Kafka: it sends what upstream services would, and reads what downstream services would. */
export interface DemoBus {
  readonly seen: SeenMessages;
  send(...records: readonly OutgoingRecord[]): Promise<void>;
  /** Whether Expunge has read all that was sent to it, and the demo all that came out. */
  isDrained(): Promise<boolean>;
  close(): Promise<void>;
}

/** What came out, as it comes. */
export type OnMessage = (topic: string, about: string, text: string) => void;

/** Connects, and reads what comes out from now on. */
export async function openDemoBus({ kafka: config }: Pick<Config, 'kafka'>, log: Log, onMessage: OnMessage): Promise<DemoBus> {
  const startedAtMs = Date.now();
  const kafka = createKafka({ brokers: config.brokers, clientId: 'expunge-demo', ssl: config.tls, sasl: config.sasl, log });
  const producer = createProducer({ kafka, log });
  const seen = { notifications: [] as Notification[], lifecycle: [] as TenantLifecycleEvent[], triggers: [] as AirflowTrigger[], deadLetters: [] as SeenDeadLetter[], faults: [] as string[] };

  const routes: Record<string, MessageHandler> = {
    [TOPICS.notifications]: since((message) => {
      const one = notifications.notification.parse(jsonOf(message));
      seen.notifications.push(one);
      onMessage(message.topic, ownerOf(one), `${one.status}${one.failureCode === null ? '' : ` ${one.failureCode}`}: ${one.message}`);
    }),
    [TOPICS.tenantLifecycle]: since((message) => {
      const one = tenantLifecycleEvents.tenantLifecycleEvent.parse(jsonOf(message));
      seen.lifecycle.push(one);
      onMessage(message.topic, tenantOwner(one.tenantId), `${one.eventType}${one.gdprMode ? ', all of it in gdprMode' : ''}`);
    }),
    [TOPICS.airflowTrigger]: since((message) => {
      seen.triggers.push(airflowTriggers.airflowTrigger.parse(jsonOf(message)));
    }),
    ...Object.fromEntries(READ_TOPICS.map((topic): [string, MessageHandler] => [deadLetterTopic(topic), since((message) => {
      const one = { topic: message.topic, code: headerText(message.headers, DEAD_LETTER_HEADERS.errorClass) ?? '', reason: headerText(message.headers, DEAD_LETTER_HEADERS.errorMessage) ?? '', value: message.value ?? Buffer.alloc(0) };
      seen.deadLetters.push(one);
      onMessage(message.topic, one.code, one.reason);
    })])),
  };

  /** Leaves out what was there before: a Kafka that the person brought along remembers. */
  function since(handle: (message: IncomingMessage) => void): MessageHandler {
    return (message) => {
      try {
        if (message.timestampMs >= startedAtMs) handle(message);
      } catch (error) {
        seen.faults.push(`${message.topic}: ${error instanceof Error ? error.message : String(error)}`);
      }
      return Promise.resolve();
    };
  }

  const groupId = `expunge-demo-${randomUUID()}`;
  const consumer = createConsumer({ kafka, groupId, routes, deadLetters: createDeadLetters({ producer }), log, commitIntervalMs: 200 });
  await consumer.start();
  return {
    seen,
    send: async (...records) => {
      for (const result of await producer.send(records)) if (!result.ok) throw result.error;
    },
    isDrained: async () => {
      const lags = await Promise.all([
        groupLag(kafka, groupId, Object.keys(routes)),
        groupLag(kafka, consumerGroup('ingress'), [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.serviceEvents]),
        groupLag(kafka, consumerGroup('trigger'), [TOPICS.airflowTrigger]),
        groupLag(kafka, consumerGroup('result'), [TOPICS.airflowResult]),
      ]);
      return lags.flat().every(({ lag }) => lag === 0);
    },
    close: async () => {
      await consumer.stop(2_000);
      await producer.close();
    },
  };
}

/** Whose data a notification is about. */
export function ownerOf(one: Notification): string {
  switch (one.kind) {
    case 'user':
      return userOwner(one.userId);
    case 'service':
      return serviceOwner(one.tenantId, one.serviceInstanceId);
    case 'tenant':
      return tenantOwner(one.tenantId);
  }
}

const jsonOf = ({ value }: IncomingMessage): unknown => JSON.parse(value?.toString('utf8') ?? '');
