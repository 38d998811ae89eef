import { withAdmin } from '../../bus/admin.js';
import type { KafkaClient } from '../../bus/kafka.js';
import { headerText, type MessageHeaders } from '../../contracts/topics/index.js';
import { waitFor } from './wait-for.js';

/** A message as it was read from its topic. */
export interface Recorded {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: MessageHeaders;
}

/** Keeps what is written to topics from its opening on. */
export interface Recorder {
  readonly messages: (topic: string) => readonly Recorded[];
  /** The values of a topic that are JSON, those that the filter takes. */
  values(topic: string, takes?: (value: Json) => boolean): Json[];
  /** Hears of every message at once. */
  onMessage(listener: (message: Recorded) => void): () => void;
  close(): Promise<void>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into messages of every form
export type Json = Record<string, any>;

function jsonOf({ value }: Recorded): Json | undefined {
  try {
    return JSON.parse(value?.toString() ?? '') as Json;
  } catch {
    return undefined; // tests send what is none
  }
}

export const header = (message: Recorded, name: string): string | undefined => headerText(message.headers, name);

/** Where topics end; of one that was made a moment ago the leader may not know yet that it is. */
export function endsOf(kafka: KafkaClient, topics: readonly string[]): Promise<(readonly [string, { partition: number; high: string }[]])[]> {
  return waitFor('the topics have leaders', async () => {
    try {
      return await withAdmin(kafka, (admin) => Promise.all(topics.map(async (topic) => [topic, await admin.fetchTopicOffsets(topic)] as const)));
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable === true) return undefined;
      throw error;
    }
  });
}

function notRecorded(topic: string): never {
  throw new Error(`${topic} is not recorded`);
}

/** Starts to record; resolves once nothing that is written from now on can be missed. */
export async function openRecorder(kafka: KafkaClient, topics: readonly string[]): Promise<Recorder> {
  const seen = new Map<string, Recorded[]>(topics.map((topic) => [topic, []]));
  const listeners = new Set<(message: Recorded) => void>();
  if (topics.length === 0) return { messages: notRecorded, values: notRecorded, onMessage: () => () => undefined, close: () => Promise.resolve() };
  const ends = await endsOf(kafka, topics);
  const consumer = kafka.consumer({ groupId: `recorder-${crypto.randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  const firsts = new Map(ends.flatMap(([topic, partitions]) => partitions.map(({ partition, high }) => [`${topic}/${partition}`, BigInt(high)] as const)));
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ topic, partition, message }) => {
      if (BigInt(message.offset) < (firsts.get(`${topic}/${partition}`) ?? 0n)) return Promise.resolve();
      const recorded: Recorded = { topic, key: message.key, value: message.value, headers: message.headers ?? {} };
      seen.get(topic)?.push(recorded);
      for (const listener of listeners) listener(recorded);
      return Promise.resolve();
    },
  });
  await joined;
  for (const [topic, partitions] of ends) for (const { partition, high } of partitions) consumer.seek({ topic, partition, offset: high });

  const messages = (topic: string): readonly Recorded[] => {
    return seen.get(topic) ?? notRecorded(topic);
  };
  return {
    messages,
    values: (topic, takes = () => true) => messages(topic).map(jsonOf).filter((value): value is Json => value !== undefined && takes(value)),
    onMessage: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => consumer.disconnect(),
  };
}
