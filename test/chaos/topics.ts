import { withAdmin } from '../../bus/admin.js';
import type { KafkaClient } from '../../bus/kafka.js';
import { headerText, type MessageHeaders } from '../../contracts/topics/index.js';
import { waitFor } from '../support/wait-for.js';

/** A message where it lies. */
export interface TopicMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  /** The `event_id` header. */
  readonly eventId: string | undefined;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: MessageHeaders;
}

/** An offset of each partition, by `topic/partition`. */
export type Marks = ReadonlyMap<string, bigint>;

const at = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Where topics end now. A broker that came back a moment ago may not lead its partitions yet: waited for. */
export function endsOf(kafka: KafkaClient, topics: readonly string[]): Promise<Marks> {
  return waitFor('the topics tell their ends', async () => {
    try {
      return await withAdmin(kafka, async (admin) => {
        const all = await Promise.all(topics.map(async (topic) => (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [at(topic, partition), BigInt(high)] as const)));
        return new Map(all.flat());
      });
    } catch {
      return undefined; // asked again, until the time is up
    }
  }, 60_000);
}

/** What a group has committed of topics; partitions without a commit are left out. */
export const committedOf = (kafka: KafkaClient, groupId: string, topics: readonly string[]): Promise<Marks> =>
  withAdmin(kafka, async (admin) => {
    const found = await admin.fetchOffsets({ groupId, topics: [...topics] });
    return new Map(found.flatMap(({ topic, partitions }) => partitions.map(({ partition, offset }) => [at(topic, partition), BigInt(offset)] as const)).filter(([, offset]) => offset >= 0n));
  });

/** Every message from `from` (a partition that is not in it: from its beginning) to before `to`, in order per partition. */
export async function readTopics(kafka: KafkaClient, topics: readonly string[], from: Marks, to: Marks): Promise<TopicMessage[]> {
  const open = new Map([...to].filter(([key, end]) => end > (from.get(key) ?? 0n) && topics.includes(key.slice(0, key.lastIndexOf('/')))));
  const found: TopicMessage[] = [];
  if (open.size === 0) return found;
  const groupId = `chaos-reader-${crypto.randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, metadataMaxAge: 1_000 });
  const reached = (key: string, offset: bigint): void => {
    const end = open.get(key);
    if (end !== undefined && offset >= end - 1n) open.delete(key);
  };
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...new Set([...open.keys()].map((key) => key.slice(0, key.lastIndexOf('/'))))], fromBeginning: true });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) consumer.seek({ topic, partition, offset: String(from.get(at(topic, partition)) ?? 0n) });
      }
    });
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => reached(at(payload.topic, payload.partition), BigInt(payload.lastOffset)));
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ topic, partition, message }) => {
        const offset = BigInt(message.offset);
        const key = at(topic, partition);
        if (offset >= (from.get(key) ?? 0n) && offset < (to.get(key) ?? 0n)) {
          found.push({ topic, partition, offset, timestampMs: Number(message.timestamp), eventId: headerText(message.headers ?? {}, 'event_id'), key: message.key, value: message.value, headers: message.headers ?? {} });
        }
        reached(key, offset);
        return Promise.resolve();
      },
    });
    await waitFor('the topics are read to their ends', () => open.size === 0, 60_000, () => [...open]);
  } finally {
    await consumer.disconnect();
    // An empty group vanishes by itself; deleting it only tidies up at once.
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId])).catch(() => undefined);
  }
  // Read twice after a rebalance of the reader: once each.
  const once = new Map(found.map((message) => [`${at(message.topic, message.partition)}/${message.offset}`, message]));
  return [...once.values()].sort((a, b) => (a.topic === b.topic && a.partition === b.partition ? Number(a.offset - b.offset) : 0));
}

/** The value as JSON; undefined for what is none, which tests send as well. */
export function jsonOf({ value }: Pick<TopicMessage, 'value'>): Record<string, unknown> | undefined {
  try {
    return JSON.parse(value?.toString() ?? '') as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
