import { randomUUID } from 'node:crypto';
import type { EachMessagePayload } from 'kafkajs';
import type { MessageHeaders } from '../contracts/topics/index.js';
import { watermarks, withAdmin } from './admin.js';
import { within } from '../platform/deadline.js';
import type { KafkaClient } from './kafka.js';

/** A message as it lies in its topic. */
export interface StoredMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: MessageHeaders;
}

export interface ReadOptions {
  /** At most this many, the newest; default 500. */
  readonly limit?: number;
  /** Gives what was read by then; default 15 s. */
  readonly timeoutMs?: number;
}

interface Range {
  readonly partition: number;
  readonly from: bigint;
  /** Behind the last. */
  readonly to: bigint;
}

/**
 * The newest messages of a topic, newest first, up to what it held when asked. For dead letters, which are read from
 * their topic whenever someone looks: no second copy.
 */
export async function readTail(kafka: KafkaClient, topic: string, { limit = 500, timeoutMs = 15_000 }: ReadOptions = {}): Promise<readonly StoredMessage[]> {
  const ends = await watermarks(kafka, topic);
  const ranges = ends.map(({ partition, low, high }) => ({ partition, from: high - low > BigInt(limit) ? high - BigInt(limit) : low, to: high }));
  const found = await readRanges(kafka, topic, ranges, timeoutMs);
  return found.sort((a, b) => b.timestampMs - a.timestampMs || b.partition - a.partition || Number(BigInt(b.offset) - BigInt(a.offset))).slice(0, limit);
}

/** One message by its place; undefined if it is not there any more, or not yet. */
export async function readOne(kafka: KafkaClient, topic: string, partition: number, offset: bigint, timeoutMs = 15_000): Promise<StoredMessage | undefined> {
  const end = (await watermarks(kafka, topic)).find((one) => one.partition === partition);
  if (!end || offset < end.low || offset >= end.high) return undefined;
  const [found] = await readRanges(kafka, topic, [{ partition, from: offset, to: offset + 1n }], timeoutMs);
  return found;
}

/** kafkajs reads in a group only: this one is used once, commits nothing and is deleted. */
async function readRanges(kafka: KafkaClient, topic: string, wanted: readonly Range[], timeoutMs: number): Promise<StoredMessage[]> {
  const open = new Map(wanted.filter(({ from, to }) => from < to).map((range) => [range.partition, range]));
  if (open.size === 0) return [];
  const groupId = `expunge-read-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, allowAutoTopicCreation: false });
  /** By their places: whoever joins anew reads from the beginning. */
  const found = new Map<string, StoredMessage>();
  let crash: Error | undefined;
  let finish: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const reached = (partition: number, offset: bigint): void => {
    const range = open.get(partition);
    if (range && offset >= range.to - 1n) open.delete(partition);
    if (open.size === 0) finish();
  };
  const onMessage = ({ partition, message }: EachMessagePayload): void => {
    const range = open.get(partition);
    const offset = BigInt(message.offset);
    if (range && offset >= range.from && offset < range.to) {
      found.set(`${partition}/${message.offset}`, { topic, partition, offset: message.offset, timestampMs: Number(message.timestamp), key: message.key, value: message.value, headers: message.headers ?? {} });
    }
    reached(partition, offset);
  };
  consumer.on(consumer.events.GROUP_JOIN, () => {
    crash = undefined;
    for (const { partition, from } of open.values()) consumer.seek({ topic, partition, offset: String(from) });
  });
  // The last offsets may be control records, which no message comes for.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    reached(payload.partition, BigInt(payload.lastOffset));
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    // kafkajs begins anew by itself where that can help: a broker that has just started looks for its groups first.
    if (payload.restart) crash = payload.error;
    else fail(payload.error);
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: (payload) => {
        onMessage(payload);
        return Promise.resolve();
      },
    });
    // What was read by then is given, but not for an outage: nothing found would pass for nothing there.
    if (!(await within(finished, timeoutMs)) && crash) throw crash;
    return [...found.values()];
  } finally {
    await consumer.disconnect().catch(() => undefined);
    // An empty group vanishes by itself; deleting it only tidies up at once.
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId])).catch(() => undefined);
  }
}
