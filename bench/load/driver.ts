import { randomUUID } from 'node:crypto';
import { watermarks, withAdmin } from '../../bus/admin.js';
import { createConsumer } from '../../bus/consumer.js';
import { createDeadLetters } from '../../bus/dead-letters.js';
import type { KafkaClient } from '../../bus/kafka.js';
import type { IncomingMessage, OutgoingRecord } from '../../bus/messages.js';
import { createProducer } from '../../bus/producer.js';
import { TOPICS } from '../../contracts/names/index.js';
import type { Log } from '../../platform/log.js';
import { untilReachable } from '../../platform/patience.js';

/** The outside world: sends requests, and sees when each was told of. */
export interface Driver {
  /** @throws the first refusal or outage */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  /** When the first notification of a request was seen (performance.now, ms); undefined while there is none. */
  seenAt(requestId: string): number | undefined;
  /** Resolves when all of them have been told of. @throws Error when nothing has come for `patienceMs` */
  allSeen(requestIds: readonly string[], patienceMs: number): Promise<void>;
  /** The distinct notification ids of a request, COMPLETED or not. */
  notificationIds(requestId: string): ReadonlySet<string>;
  forget(): void;
  close(): Promise<void>;
}

interface Seen {
  readonly atMs: number;
  readonly ids: Set<string>;
}

/** Connects, and reads notifications from now on. */
export async function openDriver(kafka: KafkaClient, log: Log): Promise<Driver> {
  const producer = createProducer({ kafka, log });
  const seen = new Map<string, Seen>();
  let lastSeenMs = performance.now();
  let waiting: { readonly missing: Set<string>; readonly done: () => void } | undefined;

  const onNotification = ({ value }: IncomingMessage): Promise<void> => {
    const { requestId, notificationId } = JSON.parse(value?.toString('utf8') ?? '') as { requestId: string; notificationId: string };
    lastSeenMs = performance.now();
    const known = seen.get(requestId);
    if (known) known.ids.add(notificationId);
    else seen.set(requestId, { atMs: lastSeenMs, ids: new Set([notificationId]) });
    waiting?.missing.delete(requestId);
    if (waiting?.missing.size === 0) waiting.done();
    return Promise.resolve();
  };

  const groupId = `expunge-bench-${randomUUID()}`;
  // Right after a topic was made its leader may not know of it yet.
  await untilReachable(() => fromTheEnd(kafka, groupId, TOPICS.notifications), { what: 'Kafka', log });
  const consumer = createConsumer({ kafka, groupId, routes: { [TOPICS.notifications]: onNotification }, deadLetters: createDeadLetters({ producer }), log });
  await consumer.start();
  return {
    send: async (records) => {
      for (const result of await producer.send(records)) if (!result.ok) throw result.error;
    },
    seenAt: (requestId) => seen.get(requestId)?.atMs,
    notificationIds: (requestId) => seen.get(requestId)?.ids ?? new Set(),
    allSeen: async (requestIds, patienceMs) => {
      const missing = new Set(requestIds.filter((requestId) => !seen.has(requestId)));
      if (missing.size === 0) return;
      lastSeenMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        const watch = setInterval(() => {
          if (performance.now() - lastSeenMs < patienceMs) return;
          finish(() => {
            reject(new Error(`${missing.size} of ${requestIds.length} requests were not told of, and nothing came for ${patienceMs / 1000} s; the first is ${[...missing][0] ?? ''}`));
          });
        }, 500);
        const finish = (settle: () => void): void => {
          clearInterval(watch);
          waiting = undefined;
          settle();
        };
        waiting = { missing, done: () => {
          finish(resolve);
        } };
      });
    },
    forget: () => {
      seen.clear();
    },
    close: async () => {
      await consumer.stop(2_000);
      await producer.close();
    },
  };
}

/** Puts a group that has no member yet behind all there is. */
export async function fromTheEnd(kafka: KafkaClient, groupId: string, topic: string): Promise<void> {
  const ends = await watermarks(kafka, topic);
  await withAdmin(kafka, (admin) => admin.setOffsets({ groupId, topic, partitions: ends.map(({ partition, high }) => ({ partition, offset: String(high) })) }));
}
