import kafkajs, { type Admin } from 'kafkajs';
import { type KafkaClient, rootCause } from './kafka.js';
import type { BusLog } from './messages.js';
import type { PartitionPosition } from './start-position.rules.js';
import type { TopicSpec } from './topics.js';

/** Runs `work` on an admin connection of its own, which is closed afterwards. */
export async function withAdmin<T>(kafka: KafkaClient, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    // What there was to learn is learnt; a connection that does not close cleanly changes nothing about it.
    await admin.disconnect().catch(() => undefined);
  }
}

/** What createTopics did. */
export interface TopicChanges {
  readonly created: readonly string[];
  readonly grown: readonly string[];
}

/**
 * Makes the topics that are missing and adds partitions where there are fewer, but for topics of others; running it again
 * changes nothing. An existing topic keeps its configuration and any partitions it has beyond.
 * @param replicationFactor the broker's default if left out
 */
export const createTopics = (kafka: KafkaClient, specs: readonly TopicSpec[], { log, replicationFactor = -1 }: { readonly log: BusLog; readonly replicationFactor?: number }): Promise<TopicChanges> =>
  withAdmin(kafka, async (admin) => {
    const known = new Set(await admin.listTopics());
    const missing = specs.filter(({ topic }) => !known.has(topic));
    if (missing.length > 0) {
      await createMissing(admin, missing, replicationFactor);
    }
    const existing = specs.filter(({ topic, ofOthers }) => known.has(topic) && ofOthers !== true);
    const grown: string[] = [];
    if (existing.length > 0) {
      const { topics } = await admin.fetchTopicMetadata({ topics: existing.map(({ topic }) => topic) });
      for (const { topic, partitions } of existing) {
        const has = topics.find(({ name }) => name === topic)?.partitions.length ?? partitions;
        if (has < partitions) {
          await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
          grown.push(topic);
        } else if (has > partitions) log.warn({ topic, has, wanted: partitions }, 'the topic has more partitions than asked for; Kafka cannot take any away');
      }
    }
    return { created: missing.map(({ topic }) => topic), grown };
  });

async function createMissing(admin: Admin, missing: readonly TopicSpec[], replicationFactor: number): Promise<void> {
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions, configs }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
      })),
    });
  } catch (error) {
    // Another process may have been faster: that is what was asked for.
    const faults = error instanceof kafkajs.KafkaJSAggregateError ? error.errors : [error];
    const others = faults.filter((fault) => rootCause(fault).type !== 'TOPIC_ALREADY_EXISTS');
    if (others.length > 0) throw rootCause(others[0]);
  }
}

/** Names of the topics that exist and that we may see. */
export const existingTopics = (kafka: KafkaClient): Promise<ReadonlySet<string>> => withAdmin(kafka, async (admin) => new Set(await admin.listTopics()));

export interface Watermarks {
  readonly partition: number;
  /** The oldest offset that is still kept. */
  readonly low: bigint;
  /** The offset that the next message will get. */
  readonly high: bigint;
}

/** Both ends of each partition. */
export const watermarks = (kafka: KafkaClient, topic: string): Promise<readonly Watermarks[]> =>
  withAdmin(kafka, async (admin) => (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) })));

/** How many messages topics hold, and how many they were ever given. Topics that do not exist are left out. */
export const topicSizes = (kafka: KafkaClient, topics: readonly string[]): Promise<ReadonlyMap<string, { readonly kept: number; readonly end: number }>> =>
  withAdmin(kafka, async (admin) => {
    const known = new Set(await admin.listTopics());
    const sizes = await Promise.all(topics.filter((topic) => known.has(topic)).map(async (topic) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const sum = (field: 'low' | 'high'): number => ends.reduce((total, partition) => total + Number(partition[field]), 0);
      return [topic, { kept: sum('high') - sum('low'), end: sum('high') }] as const;
    }));
    return new Map(sizes);
  });

/** What a group has committed of a topic, by partition; a partition without a commit is left out. */
export const committedOffsets = (kafka: KafkaClient, groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> =>
  withAdmin(kafka, async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)] as const).filter(([, offset]) => offset >= 0n));
  });

/** Where a group stands in each partition of the topics. */
export const groupPositions = (kafka: KafkaClient, groupId: string, topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<number, PartitionPosition>>> =>
  withAdmin(kafka, async (admin) => {
    const offsets = await admin.fetchOffsets({ groupId, topics: [...topics] });
    const positions = await Promise.all(
      topics.map(async (topic) => {
        const committed = new Map(offsets.find((one) => one.topic === topic)?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
        const ends = await admin.fetchTopicOffsets(topic);
        return [topic, new Map(ends.map(({ partition, low, high }) => [partition, { committed: nonNegative(committed.get(partition)), low: BigInt(low), high: BigInt(high) }]))] as const;
      }),
    );
    return new Map(positions);
  });

const nonNegative = (offset: bigint | undefined): bigint | undefined => (offset === undefined || offset < 0n ? undefined : offset);

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Messages that are not committed as done. */
  readonly lag: number;
}

/** How far a group is behind in each partition of the topics; a group that has committed nothing is behind by all there is. */
export async function groupLag(kafka: KafkaClient, groupId: string, topics: readonly string[]): Promise<readonly PartitionLag[]> {
  const positions = await groupPositions(kafka, groupId, topics);
  return [...positions].flatMap(([topic, partitions]) =>
    [...partitions].map(([partition, { committed, low, high }]) => ({ topic, partition, lag: Number(high - (committed !== undefined && committed > low ? committed : low)) })),
  );
}
