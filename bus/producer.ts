import kafkajs, { type Message, type Producer as KafkaProducer } from 'kafkajs';
import { within } from '../platform/deadline.js';
import { type KafkaClient, rootCause } from './kafka.js';
import type { BusLog, OutgoingRecord } from './messages.js';
import { BusOutage, RecordRefused, refusalCode } from './producer-errors.js';

/** What became of one record. */
export type SendResult = { readonly ok: true } | { readonly ok: false; readonly error: RecordRefused | BusOutage };

export interface Producer {
  /**
   * Sends the records, in order per key, acknowledged by all replicas; resolves with one result per record and never
   * rejects. A refused record does not hold back those behind it. A record may arrive twice if an outage hid its
   * acknowledgement; none is reported as sent that was not.
   */
  send(records: readonly OutgoingRecord[]): Promise<readonly SendResult[]>;
  /** Waits for what is being sent, then disconnects. */
  close(): Promise<void>;
}

/** Stays under the broker's default max.message.bytes (1,048,588): a batch of small records must not be refused for its sum. */
const MAX_BATCH_BYTES = 900_000;
const MAX_BATCH_RECORDS = 500;
/** Longer than all tries of kafkajs together; a send that hangs beyond it is given up with its connection. */
const SEND_DEADLINE_MS = 60_000;

interface Waiting {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  readonly settle: (result: SendResult) => void;
}

/**
 * An idempotent producer that mends itself. One batch is in flight at a time, and after any failure the producer id is
 * thrown away: kafkajs rolls its sequence numbers back on failure, and a next batch under the numbers of one that did
 * arrive would be dropped by the broker as its repetition, without an error.
 */
export function createProducer({ kafka, log }: { readonly kafka: KafkaClient; readonly log: BusLog }): Producer {
  const queue: Waiting[] = [];
  let connected: Promise<KafkaProducer> | undefined;
  let pumping: Promise<void> | undefined;
  let closed = false;

  const connect = async (): Promise<KafkaProducer> => {
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 4 },
      createPartitioner: stablePartitioner,
    });
    await producer.connect();
    return producer;
  };

  const discard = async (): Promise<void> => {
    const old = connected;
    connected = undefined;
    try {
      await (await old)?.disconnect();
    } catch (error) {
      log.debug({ cause: rootCause(error).message }, 'a failed producer did not disconnect cleanly');
    }
  };

  /** @returns undefined if all are acknowledged */
  const attempt = async (batch: readonly Waiting[]): Promise<Error | undefined> => {
    try {
      connected ??= connect();
      const producer = await connected;
      const sent = producer.sendBatch({ acks: -1, timeout: 15_000, topicMessages: byTopic(batch) });
      if (await within(sent, SEND_DEADLINE_MS)) return undefined;
      throw new Error(`no answer within ${SEND_DEADLINE_MS} ms`);
    } catch (error) {
      await discard();
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  const deliver = async (batch: readonly Waiting[]): Promise<void> => {
    const error = await attempt(batch);
    const settleAll = (result: SendResult): void => batch.forEach(({ settle }) => settle(result));
    if (error === undefined) {
      settleAll({ ok: true });
      return;
    }
    const code = refusalCode(error);
    if (code === undefined) {
      const outage = new BusOutage(rootCause(error));
      log.warn({ cause: outage.message, records: batch.length }, 'records could not be sent');
      settleAll({ ok: false, error: outage });
      return;
    }
    const [only] = batch;
    if (batch.length === 1 && only) {
      log.warn({ topic: only.record.topic, code }, 'a record was refused');
      settleAll({ ok: false, error: new RecordRefused(code, only.record.topic) });
      return;
    }
    for (const one of batch) await deliver([one]);
  };

  const pump = async (): Promise<void> => {
    for (let batch = nextBatch(queue); batch.length > 0; batch = nextBatch(queue)) await deliver(batch);
    pumping = undefined;
  };

  return {
    send: (records) => {
      if (records.length === 0) return Promise.resolve([]);
      if (closed) return Promise.resolve(records.map(() => ({ ok: false, error: new BusOutage(new Error('the producer is closed')) })));
      const results = records.map((record) => new Promise<SendResult>((settle) => queue.push({ record, bytes: sizeOf(record), settle })));
      pumping ??= pump();
      return Promise.all(results);
    },
    close: async () => {
      closed = true;
      await pumping;
      await discard();
    },
  };
}

/** Takes the front of the queue: whole, unless it is too much for one batch. A large record goes alone. */
function nextBatch(queue: Waiting[]): Waiting[] {
  let bytes = 0;
  let length = 0;
  while (length < queue.length && length < MAX_BATCH_RECORDS) {
    bytes += queue[length]?.bytes ?? 0;
    if (length > 0 && bytes > MAX_BATCH_BYTES) break;
    length++;
  }
  return queue.splice(0, length);
}

function sizeOf({ key, value, headers = {} }: OutgoingRecord): number {
  const sizes = Object.entries(headers).map(([name, given]) => name.length + [given].flat().reduce((sum, one) => sum + Buffer.byteLength(one ?? '') + 8, 0));
  return 64 + Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '') + sizes.reduce((sum, size) => sum + size, 0);
}

function byTopic(batch: readonly Waiting[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { record: { topic, key, value, headers } } of batch) {
    const messages = topics.get(topic) ?? [];
    messages.push({ key, value, headers: sendable(headers) });
    topics.set(topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

/** kafkajs cannot write a header without a value: it goes out empty. */
function sendable(headers: OutgoingRecord['headers']): NonNullable<Message['headers']> {
  const entries = Object.entries(headers ?? {}).filter(([, given]) => given !== undefined);
  return Object.fromEntries(entries.map(([name, given]) => [name, Array.isArray(given) ? given.map((one: Buffer | string | null) => one ?? '') : ((given ?? '') as Buffer | string)]));
}

/** As Java's producer, but a record without a key goes to the same partition when it is tried again. */
function stablePartitioner(): ReturnType<typeof kafkajs.Partitioners.DefaultPartitioner> {
  const byKey = kafkajs.Partitioners.DefaultPartitioner();
  return (args) => {
    const { key, value } = args.message;
    if (key !== null && key !== undefined) return byKey(args);
    return byKey({ ...args, message: { ...args.message, key: value ?? '' } });
  };
}
