import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, inject, it, vi } from 'vitest';
import { createTopics, watermarks } from '../../bus/admin.js';
import { createKafka } from '../../bus/kafka.js';
import { BusOutage, RecordRefused } from '../../bus/producer-errors.js';
import { createProducer } from '../../bus/producer.js';
import { readOne, readTail } from '../../bus/read-topic.js';
import { topicSpecs, type TopicSpec } from '../../bus/topics.js';
import { loadConfig } from '../../platform/config.js';
import { busFixture, linesLog, sendCompressed, sendNumbered } from '../support/bus-fixture.js';

const brokers = inject('stack')['KAFKA_BROKERS'] ?? '';
const bus = busFixture(brokers);
afterAll(() => bus.close());
const specsFor = (topicPrefix: string): readonly TopicSpec[] => topicSpecs({ topicPrefix, novaTopics: { ...loadConfig({}).kafka.novaTopics, content: `${topicPrefix}.content.events` } });

const heldBy = async (topic: string) => (await watermarks(bus.kafka, topic)).reduce((sum, { high, low }) => sum + Number(high - low), 0);

describe('the producer', () => {
  it('sends in order per key, each once', async () => {
    const topic = await bus.topic(3);
    await Promise.all([0, 1, 2, 3].map((lane) => sendNumbered(bus.producer, topic, 300, () => `key-${lane}`, lane * 1000)));
    const stored = (await readTail(bus.kafka, topic, { limit: 5000 })).toReversed();
    expect(stored).toHaveLength(1200);
    for (const lane of [0, 1, 2, 3]) {
      const numbers = stored.filter(({ key }) => key?.toString() === `key-${lane}`).toSorted((a, b) => Number(a.offset) - Number(b.offset)).map(({ value }) => Number(value?.toString()));
      expect(numbers).toEqual(Array.from({ length: 300 }, (_, n) => lane * 1000 + n));
    }
  });

  it('is not refused by topics of ours on a machine whose clock is wrong; elsewhere its records wait, and are no fault of their own', async () => {
    const topicOfOurs = { ...specsFor('any')[0]!, topic: `bus-test-${crypto.randomUUID()}`, partitions: 1 };
    await createTopics(bus.kafka, [topicOfOurs], { log: bus.log });
    const elsewhere = await bus.topic(1);
    const producer = createProducer({ kafka: bus.kafka, log: bus.log });
    const startedAt = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: startedAt + 5 * 3_600_000 });
    try {
      const [ours] = await producer.send([{ topic: topicOfOurs.topic, key: 'a', value: '1' }]);
      const [other] = await producer.send([{ topic: elsewhere, key: 'a', value: '1' }]);
      expect(ours).toEqual({ ok: true });
      expect(other?.ok === false && other.error).toBeInstanceOf(BusOutage);
    } finally {
      vi.useRealTimers();
      await producer.close();
    }
    const [stored] = await vi.waitFor(() => readTail(bus.kafka, topicOfOurs.topic), { timeout: 20_000, interval: 500 });
    expect(Math.abs((stored?.timestampMs ?? 0) - startedAt)).toBeLessThan(60_000);
  });

  it('has a connection that does nothing while there is nothing to send', async () => {
    const topic = await bus.topic(1);
    const producer = createProducer({ kafka: bus.kafka, log: bus.log });
    await producer.send([{ topic, key: 'a', value: '1' }]);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    try {
      await pause(1000);
      // kafkajs as it comes sets some 900.
      expect(timers.mock.calls.length).toBeLessThan(50);
    } finally {
      timers.mockRestore();
      await producer.close();
    }
  });

  it('reports what is too large, or has no topic, alone; the rest arrives', async () => {
    const topic = await bus.topic(2);
    const results = await bus.producer.send([
      { topic, key: 'a', value: '1' },
      { topic, key: 'b', value: Buffer.alloc(2_000_000) },
      { topic: 'bus-test-no-such-topic', key: 'c', value: '3' },
      { topic: 'not a topic name', key: 'd', value: '4' },
      { topic, key: 'e', value: '5' },
    ]);
    expect(results.map((result) => (result.ok ? 'sent' : result.error instanceof RecordRefused ? result.error.code : result.error.name))).toEqual(['sent', 'MESSAGE_TOO_LARGE', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'sent']);
    expect((await readTail(bus.kafka, topic)).map(({ value }) => value?.toString()).toSorted()).toEqual(['1', '5']);
  });

  it('does not let a sum of small records become too large', async () => {
    const topic = await bus.topic(1);
    const results = await bus.producer.send(Array.from({ length: 60 }, (_, n) => ({ topic, key: 'k', value: Buffer.alloc(50_000, String(n % 10)) })));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(await heldBy(topic)).toBe(60);
  });

  it('sends keys, values and headers as they are, empty ones too', async () => {
    const topic = await bus.topic(1);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await bus.producer.send([{ topic, key: null, value: bytes, headers: { a: bytes, list: ['x', Buffer.from('y')], none: null, absent: undefined } }, { topic, key: Buffer.alloc(0), value: null }])).toEqual([{ ok: true }, { ok: true }]);
    expect(await readOne(bus.kafka, topic, 0, 0n)).toMatchObject({ key: null, value: bytes, headers: { a: bytes, list: [Buffer.from('x'), Buffer.from('y')], none: Buffer.alloc(0) } });
    expect(await readOne(bus.kafka, topic, 0, 1n)).toMatchObject({ key: Buffer.alloc(0), value: null, headers: {} });
    expect(await readOne(bus.kafka, topic, 0, 2n)).toBeUndefined();
  });

  it('calls it an outage when nobody answers, and an empty send is nothing', async () => {
    const nowhere = createProducer({ kafka: createKafka({ brokers: ['127.0.0.1:1'], clientId: 'bus-test', log: linesLog() }), log: linesLog() });
    expect(await nowhere.send([])).toEqual([]);
    const [result] = await nowhere.send([{ topic: 't', key: 'k', value: 'v' }]);
    expect(result?.ok === false && result.error).toBeInstanceOf(BusOutage);
    await nowhere.close();
  });
});

describe('every compression', () => {
  it.each(['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)('is read: %s', async (name) => {
    const topic = await bus.topic(1);
    await sendCompressed(bus.kafka, name, topic, Array.from({ length: 500 }, (_, n) => ({ key: `key-${n}`, value: `${n} ${'x'.repeat(n)}` })));
    const seen: string[] = [];
    const consumer = bus.consumer(topic, ({ value }) => {
      seen.push(value?.toString() ?? '');
      return Promise.resolve();
    });
    await consumer.start();
    await vi.waitFor(() => expect(seen).toHaveLength(500), { timeout: 20_000 });
    expect(new Set(seen)).toEqual(new Set(Array.from({ length: 500 }, (_, n) => `${n} ${'x'.repeat(n)}`)));
  });
});

describe('setting up topics', () => {
  it('makes what is missing, grows what is small, warns of what is large, and changes nothing the second time', async () => {
    const specs = specsFor(`bus-test-${Date.now()}`).filter(({ topic }) => topic.startsWith('bus-test') && topic.endsWith('.deletion.events'));
    const [spec] = specs;
    if (!spec) throw new Error('no topic with the prefix');
    const log = linesLog();
    expect(await createTopics(bus.kafka, specs, { log })).toEqual({ created: [spec.topic], grown: [] });
    expect(await createTopics(bus.kafka, specs, { log })).toEqual({ created: [], grown: [] });
    expect(await createTopics(bus.kafka, [{ ...spec, partitions: spec.partitions + 1 }], { log })).toEqual({ created: [], grown: [spec.topic] });
    expect(await watermarks(bus.kafka, spec.topic)).toHaveLength(spec.partitions + 1);
    expect(log.lines).toEqual([]);
    await createTopics(bus.kafka, [spec], { log });
    expect(log.lines).toHaveLength(1);
  });
  it('makes those of others as they have them, and leaves them alone once they are there', async () => {
    const specs = specsFor(`bus-test-${crypto.randomUUID()}`).filter(({ topic, ofOthers }) => topic.startsWith('bus-test') && ofOthers);
    expect(specs).toMatchObject([{ partitions: 6 }]);
    const [spec] = specs as [TopicSpec];
    expect(await createTopics(bus.kafka, [{ ...spec, partitions: 2 }], { log: bus.log })).toEqual({ created: [spec.topic], grown: [] });
    expect(await createTopics(bus.kafka, [spec], { log: bus.log })).toEqual({ created: [], grown: [] });
    expect(await watermarks(bus.kafka, spec.topic)).toHaveLength(2);
  });
  it('may be done by two at once', async () => {
    const specs = [{ topic: `bus-test-race-${Date.now()}`, partitions: 1, configs: {} }];
    const both = await Promise.all([createTopics(bus.kafka, specs, { log: bus.log }), createTopics(bus.kafka, specs, { log: bus.log })]);
    expect(both.every(({ grown }) => grown.length === 0)).toBe(true);
  });
});
