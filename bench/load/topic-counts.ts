import { randomUUID } from 'node:crypto';
import { watermarks } from '../../bus/admin.js';
import { createConsumer } from '../../bus/consumer.js';
import { createDeadLetters } from '../../bus/dead-letters.js';
import { createProducer } from '../../bus/producer.js';
import { topicSpecs } from '../../bus/topics.js';
import { TOPICS } from '../../contracts/names/index.js';
import type { Rig } from '../rig.js';
import { fromTheEnd } from './driver.js';

/** How many messages have ever been written to each topic. */
export async function messageCounts(rig: Rig): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { topic } of topicSpecs(rig.config.kafka)) {
    counts[topic] = (await watermarks(rig.kafka, topic)).reduce((sum, { high }) => sum + Number(high), 0);
  }
  return counts;
}

/** Counts how often each trigger and each notification comes, from now on. */
export interface RepeatCounts {
  readonly triggers: ReadonlyMap<string, number>;
  readonly notifications: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function countRepeats({ kafka, log }: Rig): Promise<RepeatCounts> {
  const triggers = new Map<string, number>();
  const notifications = new Map<string, number>();
  const counting = (into: Map<string, number>, field: string) => ({ value }: { readonly value: Buffer | null }): Promise<void> => {
    const id = String((JSON.parse(value?.toString('utf8') ?? '') as Record<string, unknown>)[field]);
    into.set(id, (into.get(id) ?? 0) + 1);
    return Promise.resolve();
  };
  const producer = createProducer({ kafka, log });
  const groupId = `expunge-bench-${randomUUID()}`;
  const routes = { [TOPICS.airflowTrigger]: counting(triggers, 'jobId'), [TOPICS.notifications]: counting(notifications, 'notificationId') };
  for (const topic of Object.keys(routes)) await fromTheEnd(kafka, groupId, topic);
  const consumer = createConsumer({ kafka, groupId, routes, deadLetters: createDeadLetters({ producer }), log });
  await consumer.start();
  return {
    triggers, notifications,
    close: async () => {
      await consumer.stop(2_000);
      await producer.close();
    },
  };
}
