import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { createTopics } from '../../bus/admin.js';
import { createConsumer, type Consumer, type ConsumerOptions } from '../../bus/consumer.js';
import { createDeadLetters } from '../../bus/dead-letters.js';
import { createKafka, type KafkaClient } from '../../bus/kafka.js';
import type { BusLog, IncomingMessage, MessageHandler } from '../../bus/messages.js';
import { createProducer, type Producer } from '../../bus/producer.js';
import { deadLetterSpec } from '../../bus/topics.js';

/** What was logged, for tests that look. */
export interface Lines extends BusLog {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[];
}

export function linesLog(): Lines {
  const lines: Lines['lines'] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { lines, debug: () => undefined, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A Kafka of its own for a test file: clients, topics with their dead letters, and consumers that end with it. */
export interface BusFixture {
  readonly kafka: KafkaClient;
  readonly producer: Producer;
  readonly log: Lines;
  topic(partitions: number): Promise<string>;
  consumer(topic: string, handler: MessageHandler, options?: Partial<ConsumerOptions>): Consumer;
  close(): Promise<void>;
}

export function busFixture(brokers: string): BusFixture {
  const log = linesLog();
  const kafka = createKafka({ brokers: brokers.split(','), clientId: 'bus-test', log });
  const producer = createProducer({ kafka, log });
  const consumers: Consumer[] = [];
  return {
    kafka,
    producer,
    log,
    topic: async (partitions) => {
      const topic = `bus-test-${randomUUID()}`;
      await createTopics(kafka, [{ topic, partitions, configs: {} }, deadLetterSpec(topic)], { log });
      return topic;
    },
    consumer: (topic, handler, options = {}) => {
      const consumer = createConsumer({
        kafka, log, groupId: `group-${topic}`, routes: { [topic]: handler }, deadLetters: createDeadLetters({ producer }),
        commitIntervalMs: 100, retryBaseMs: 20, retryCapMs: 200, ...options,
      });
      consumers.push(consumer);
      return consumer;
    },
    close: async () => {
      await Promise.all(consumers.map((consumer) => consumer.stop(2000)));
      await producer.close();
    },
  };
}

/** Sends numbered messages, `n` and key as the value; throws if any was not taken. */
export async function sendNumbered(producer: Producer, topic: string, count: number, keyOf: (n: number) => string | null, from = 0): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({ topic, key: keyOf(from + i), value: String(from + i) }));
  for (const result of await producer.send(records)) if (!result.ok) throw result.error;
}

export const numberOf = ({ value }: IncomingMessage): number => Number(value?.toString());

/** A zstd frame whose blocks are not compressed: Node 20 has no zstd to make a better one. */
function zstdFrame(data: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])];
  for (let at = 0; at < data.length; at += 100_000) {
    const block = data.subarray(at, at + 100_000);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + 100_000 >= data.length ? 1 : 0), 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
}

/** Sends one batch in a compression that our own producer does not use. */
export async function sendCompressed(kafka: KafkaClient, compression: 'None' | 'GZIP' | 'Snappy' | 'LZ4' | 'ZSTD', topic: string, messages: { readonly key: string; readonly value: string }[]): Promise<void> {
  const { CompressionTypes, CompressionCodecs, Partitioners } = kafkajs;
  const codecs = CompressionCodecs as unknown as Record<number, () => { compress: (encoder: { buffer: Buffer }) => Promise<Buffer>; decompress: (data: Buffer) => Promise<Buffer> }>;
  const ours = codecs[CompressionTypes.ZSTD]?.();
  if (!ours) throw new Error('no zstd codec is registered');
  codecs[CompressionTypes.ZSTD] = () => ({ ...ours, compress: ({ buffer }) => Promise.resolve(zstdFrame(buffer)) });
  const raw = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  try {
    await raw.connect();
    await raw.send({ topic, compression: CompressionTypes[compression], messages });
  } finally {
    await raw.disconnect();
    codecs[CompressionTypes.ZSTD] = () => ours;
  }
}
