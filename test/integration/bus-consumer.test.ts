import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, inject, it, vi } from 'vitest';
import { committedOffsets, createTopics, watermarks, withAdmin } from '../../bus/admin.js';
import { readTail } from '../../bus/read-topic.js';
import { MessageFault } from '../../contracts/topics/index.js';
import { busFixture, numberOf, sendNumbered } from '../support/bus-fixture.js';

const brokers = inject('stack')['KAFKA_BROKERS'] ?? '';
const bus = busFixture(brokers);
afterAll(() => bus.close());

const until = (check: () => void | Promise<void>, timeout = 30_000) => vi.waitFor(check, { timeout, interval: 50 });
const allOf = (count: number) => Array.from({ length: count }, (_, n) => n);
const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function committedSum(topic: string): Promise<bigint> {
  return [...(await committedOffsets(bus.kafka, `group-${topic}`, topic)).values()].reduce((sum, offset) => sum + offset, 0n);
}

/** Something that is waited for until it is let go. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

describe('reading', () => {
  it('keeps the order of each key with many keys at once, handles each message once and commits the end', async () => {
    const topic = await bus.topic(4);
    await sendNumbered(bus.producer, topic, 2000, (n) => `key-${n % 40}`);
    const byKey = new Map<string, number[]>();
    let running = 0;
    let most = 0;
    const consumer = bus.consumer(topic, async (message) => {
      most = Math.max(most, ++running);
      await sleep(Math.random() * 4);
      running--;
      const key = message.key?.toString() ?? '';
      byKey.set(key, [...(byKey.get(key) ?? []), numberOf(message)]);
    });
    await consumer.start();
    await until(async () => expect(await committedSum(topic)).toBe(2000n));
    for (const numbers of byKey.values()) expect(numbers).toEqual(sorted(numbers));
    expect(sorted([...byKey.values()].flat())).toEqual(allOf(2000));
    expect(most).toBeGreaterThan(20);
    expect((await consumer.lag()).reduce((sum, { lag }) => sum + lag, 0)).toBe(0);
    expect(consumer.healthy()).toBe(true);
  });

  it('goes on past a slow message, far beyond what may be in flight, and commits nothing behind it until it is done', async () => {
    const topic = await bus.topic(1);
    await sendNumbered(bus.producer, topic, 1000, (n) => `key-${n}`);
    const slow = gate();
    const done = new Set<number>();
    const consumer = bus.consumer(topic, async (message) => {
      if (numberOf(message) === 3) await slow.passed;
      done.add(numberOf(message));
    }, { maxInFlight: 50, commitIntervalMs: 50 });
    await consumer.start();
    await until(() => expect(done.size).toBe(999));
    await until(async () => expect(await committedSum(topic)).toBe(3n));
    await sleep(300);
    expect(await committedSum(topic)).toBe(3n);
    slow.open();
    await until(async () => expect(await committedSum(topic)).toBe(1000n));
  });

  it('stops fetching when too much waits behind a slow message, and goes on afterwards', async () => {
    const topic = await bus.topic(1);
    await sendNumbered(bus.producer, topic, 100, (n) => `key-${n}`);
    const slow = gate();
    const done = new Set<number>();
    const consumer = bus.consumer(topic, async (message) => {
      if (numberOf(message) === 0) await slow.passed;
      done.add(numberOf(message));
    }, { maxInFlight: 1000, maxAhead: 100 });
    await consumer.start();
    await until(() => expect(done.size).toBe(99));
    await sendNumbered(bus.producer, topic, 100, (n) => `key-${n}`, 100);
    await sleep(1000);
    expect(done.size).toBe(99);
    slow.open();
    await until(() => expect(sorted(done)).toEqual(allOf(200)));
  });

  it('waits out an outage without losing, skipping or burying the message, while other keys go on', async () => {
    const topic = await bus.topic(1);
    await sendNumbered(bus.producer, topic, 60, (n) => `key-${n % 3}`);
    const seen: number[] = [];
    let over = false;
    const outages: number[] = [];
    const consumer = bus.consumer(topic, (message) => {
      if (message.key?.toString() === 'key-1' && !over) return Promise.reject(new Error('PostgreSQL is away'));
      seen.push(numberOf(message));
      return Promise.resolve();
    }, { onOutage: ({ attempt }) => outages.push(attempt) });
    await consumer.start();
    await until(() => expect(seen).toHaveLength(40));
    await until(() => expect(outages.length).toBeGreaterThan(3));
    expect(new Set(outages).size).toBe(outages.length);
    over = true;
    await until(() => expect(sorted(seen)).toEqual(allOf(60)));
    expect(seen.filter((n) => n % 3 === 1)).toEqual(allOf(60).filter((n) => n % 3 === 1));
    expect((await watermarks(bus.kafka, `${topic}.dlq`))[0]?.high).toBe(0n);
  });
});

describe('a message that cannot be handled', () => {
  it('is kept as it came, between good ones that are handled', async () => {
    const topic = await bus.topic(1);
    const poison = Buffer.from([0xff, 0x00, 0x7b]);
    const headers = { event_type: 'x', twice: [Buffer.from('1'), Buffer.from([0xfe])] };
    const sent = await bus.producer.send([
      { topic, key: 'a', value: '0' },
      { topic, key: Buffer.from([0xfd]), value: poison, headers },
      { topic, key: null, value: null },
      { topic, key: 'a', value: '3' },
    ]);
    expect(sent.every(({ ok }) => ok)).toBe(true);
    const seen: number[] = [];
    const consumer = bus.consumer(topic, (message) => {
      if (message.value === null) throw new MessageFault('NULL_VALUE', 'The message has no value.');
      if (message.value.equals(poison)) return Promise.reject(new MessageFault('INVALID_UTF8', 'The value is not UTF-8.'));
      seen.push(numberOf(message));
      return Promise.resolve();
    });
    await consumer.start();
    await until(async () => expect(await committedSum(topic)).toBe(4n));
    expect(seen).toEqual([0, 3]);
    const kept = (await readTail(bus.kafka, `${topic}.dlq`)).toSorted((a, b) => Number(a.headers['dlq-offset']?.toString()) - Number(b.headers['dlq-offset']?.toString()));
    expect(kept).toHaveLength(2);
    expect(kept[0]).toMatchObject({ key: Buffer.from([0xfd]), value: poison, headers: { event_type: Buffer.from('x'), twice: headers.twice, 'dlq-error-class': Buffer.from('INVALID_UTF8'), 'dlq-offset': Buffer.from('1'), 'dlq-partition': Buffer.from('0'), 'dlq-topic': Buffer.from(topic), 'dlq-replays': Buffer.from('0') } });
    expect(kept[1]).toMatchObject({ key: null, value: null, headers: { 'dlq-error-class': Buffer.from('NULL_VALUE'), 'dlq-offset': Buffer.from('2') } });
  });

  it('is kept even if it is as large as the broker takes', async () => {
    const topic = await bus.topic(1);
    const value = Buffer.alloc(1_048_400, 'x');
    expect(await bus.producer.send([{ topic, key: 'k', value }])).toEqual([{ ok: true }]);
    const consumer = bus.consumer(topic, () => Promise.reject(new MessageFault('NOT_JSON', 'y'.repeat(1500))));
    await consumer.start();
    await until(async () => expect(await committedSum(topic)).toBe(1n));
    expect((await readTail(bus.kafka, `${topic}.dlq`))[0]?.value?.equals(value)).toBe(true);
  });

  it('holds its commit until there is a place to keep it', async () => {
    const topic = await bus.topic(1);
    await withAdmin(bus.kafka, (admin) => admin.deleteTopics({ topics: [`${topic}.dlq`] }));
    await sendNumbered(bus.producer, topic, 3, (n) => `key-${n}`);
    const seen: number[] = [];
    const consumer = bus.consumer(topic, (message) => {
      if (numberOf(message) === 1) throw new MessageFault('NOT_JSON', 'no');
      seen.push(numberOf(message));
      return Promise.resolve();
    });
    await consumer.start();
    await until(() => expect(bus.log.lines.some(({ message, fields }) => message.includes('outage') && (fields as { topic?: string }).topic === topic)).toBe(true));
    expect(seen).toEqual([0, 2]);
    expect(await committedSum(topic)).toBe(1n);
    await createTopics(bus.kafka, [{ topic: `${topic}.dlq`, partitions: 1, configs: {} }], { log: bus.log });
    await until(async () => expect(await committedSum(topic)).toBe(3n));
    expect(await readTail(bus.kafka, `${topic}.dlq`)).toHaveLength(1);
  });
});

describe('members that come and go', () => {
  it('skip nothing, and within one process never work on a message twice at once', async () => {
    const topic = await bus.topic(6);
    const total = 3000;
    const handled = new Map<number, number>();
    const running = new Map<string, Set<number>>();
    const overlaps: number[] = [];
    const lastOf = new Map<string, number>();
    const disorder: number[] = [];
    const member = (name: string) => {
      running.set(name, new Set());
      return bus.consumer(topic, async (message) => {
        const n = numberOf(message);
        const mine = running.get(name)!;
        if (mine.has(n)) overlaps.push(n);
        mine.add(n);
        await sleep(Math.random() * 30);
        mine.delete(n);
        if (!handled.has(n)) {
          const key = message.key?.toString() ?? '';
          if ((lastOf.get(key) ?? -1) > n) disorder.push(n);
          lastOf.set(key, n);
        }
        handled.set(n, (handled.get(n) ?? 0) + 1);
      }, { sessionTimeoutMs: 6000 });
    };
    const sending = (async () => {
      for (let from = 0; from < total; from += 100) {
        await sendNumbered(bus.producer, topic, 100, (n) => `key-${n % 100}`, from);
        await sleep(100);
      }
    })();
    const [first, second, third] = [member('first'), member('second'), member('third')];
    await first.start();
    await sleep(500);
    await second.start();
    await sleep(700);
    await third.start();
    await sleep(700);
    await first.stop(5000);
    await sending;
    await until(() => expect(sorted(handled.keys())).toEqual(allOf(total)), 60_000);
    await until(async () => expect(await committedSum(topic)).toBe(BigInt(total)));
    expect(overlaps).toEqual([]);
    expect(disorder).toEqual([]);
    expect([...handled.values()].filter((times) => times > 1).length).toBeLessThan(total / 4);
  });

  it('get what a member that was killed had not finished', async () => {
    const topic = await bus.topic(2);
    await sendNumbered(bus.producer, topic, 400, (n) => `key-${n % 10}`);
    const doomed = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('../support/bus-member.ts', import.meta.url)), brokers, topic, '30'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const byDoomed = new Set<number>();
    createInterface({ input: doomed.stdout }).on('line', (line) => byDoomed.add(Number(line)));
    await until(() => expect(byDoomed.size).toBeGreaterThan(50));
    doomed.kill('SIGKILL');
    const byHeir = new Set<number>();
    const heir = bus.consumer(topic, (message) => {
      byHeir.add(numberOf(message));
      return Promise.resolve();
    });
    await heir.start();
    await until(() => expect(sorted(new Set([...byDoomed, ...byHeir]))).toEqual(allOf(400)), 40_000);
    await until(async () => expect(await committedSum(topic)).toBe(400n));
  });

  it('finish what runs when they stop, commit it, and leave the rest for the next', async () => {
    const topic = await bus.topic(1);
    await sendNumbered(bus.producer, topic, 100, () => 'one-key');
    const seen: number[] = [];
    const handler = async (message: Parameters<typeof numberOf>[0]) => {
      await sleep(20);
      seen.push(numberOf(message));
    };
    const first = bus.consumer(topic, handler);
    await first.start();
    await until(() => expect(seen.length).toBeGreaterThan(10));
    await first.stop(5000);
    const atStop = seen.length;
    expect(await committedSum(topic)).toBe(BigInt(atStop));
    const second = bus.consumer(topic, handler);
    await second.start();
    await until(() => expect(seen).toHaveLength(100));
    expect(seen).toEqual(allOf(100));
  });

  it('do not wait for a handler longer than they were told', async () => {
    const topic = await bus.topic(1);
    await sendNumbered(bus.producer, topic, 1, () => 'k');
    const begun = gate();
    let aborted = false;
    const consumer = bus.consumer(topic, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      begun.open();
      return new Promise(() => undefined);
    });
    await consumer.start();
    await begun.passed;
    const startedAt = Date.now();
    await consumer.stop(300);
    expect(Date.now() - startedAt).toBeLessThan(5000);
    expect(aborted).toBe(true);
    expect(await committedSum(topic)).toBe(0n);
  });
});

describe('topics that come and go', () => {
  it('are waited for, and the others are read meanwhile', async () => {
    const [present, missing] = [await bus.topic(1), `bus-test-later-${Date.now()}`];
    const seen: string[] = [];
    const note = (message: { readonly topic: string }) => {
      seen.push(message.topic);
      return Promise.resolve();
    };
    await sendNumbered(bus.producer, present, 1, () => 'k');
    const consumer = bus.consumer(present, note, { routes: { [present]: note, [missing]: note } });
    await consumer.start();
    await until(() => expect(seen).toEqual([present]));
    expect(bus.log.lines.some(({ fields }) => JSON.stringify(fields).includes(missing))).toBe(true);
    expect((await withAdmin(bus.kafka, (admin) => admin.listTopics())).includes(missing)).toBe(false);
    await createTopics(bus.kafka, [{ topic: missing, partitions: 2, configs: {} }], { log: bus.log });
    await sendNumbered(bus.producer, missing, 4, (n) => `k${n}`);
    await until(() => expect(seen.filter((topic) => topic === missing)).toHaveLength(4));
    expect(seen.filter((topic) => topic === present)).toHaveLength(1);
  });

  it('are read from the beginning when they were made anew, by a consumer that rose from its crash', async () => {
    const topic = await bus.topic(1);
    const seen: number[] = [];
    const consumer = bus.consumer(topic, (message) => {
      seen.push(numberOf(message));
      return Promise.resolve();
    });
    await sendNumbered(bus.producer, topic, 50, () => 'k');
    await consumer.start();
    await until(async () => expect(await committedSum(topic)).toBe(50n));
    await withAdmin(bus.kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
    await until(() => expect(bus.log.lines.some(({ message, fields }) => message.includes('missing') && JSON.stringify(fields).includes(topic))).toBe(true), 50_000);
    await createTopics(bus.kafka, [{ topic, partitions: 1, configs: {} }], { log: bus.log });
    await sendNumbered(bus.producer, topic, 5, () => 'k', 50);
    await until(() => expect(seen).toEqual(allOf(55)), 50_000);
  }, 120_000);

  it('are read in the partitions that they grow', async () => {
    const topic = await bus.topic(1);
    const seen = new Set<number>();
    const consumer = bus.consumer(topic, (message) => {
      seen.add(message.partition);
      return Promise.resolve();
    }, { sessionTimeoutMs: 6000 });
    await consumer.start();
    await createTopics(bus.kafka, [{ topic, partitions: 3, configs: {} }], { log: bus.log });
    const fresh = busFixture(brokers);
    await sendNumbered(fresh.producer, topic, 60, (n) => `key-${n}`);
    await until(() => expect(sorted(seen)).toEqual([0, 1, 2]), 90_000);
    await fresh.close();
  }, 120_000);
});
