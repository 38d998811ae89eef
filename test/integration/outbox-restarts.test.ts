import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createTopics } from '../../bus/admin.js';
import { createKafka, type KafkaClient } from '../../bus/kafka.js';
import { readTail, type StoredMessage } from '../../bus/read-topic.js';
import { headerText } from '../../contracts/topics/index.js';
import { createLog } from '../../platform/log.js';
import { createProcessKeeper, type ManagedProcess, type ProcessKeeper } from '../../stack/processes.js';
import { startStack, type RunningStack } from '../../stack/start.js';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { openStore, type TestStore } from '../support/store.js';
import { waitFor } from '../support/wait-for.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const TOPIC = 'nova.deletion.events';
const [ROWS, WRITERS, REQUESTS, MOST_AT_ONCE] = [10_000, 4, 400, 5];
/** Rows that are sent when Kafka goes, and up to how many are written before it has gone. */
const RESTARTS = [{ sent: 1_500, written: 5_000, how: 'stop' }, { sent: 5_500, written: 9_000, how: 'kill -9' }] as const;

let dir: string;
let store: TestStore;
let stack: RunningStack;
let kafka: KafkaClient;
let keeper: ProcessKeeper;
let relays: ManagedProcess[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'expunge-outbox-'));
  store = await openStore();
  keeper = await createProcessKeeper();
  // A Kafka of its own: the one of the other tests is not taken away from them.
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KAFKA')));
  stack = await startStack({ environment, dir, parts: ['kafka'], durability: 'temporary' });
  const log = createLog({ level: 'silent' });
  kafka = createKafka({ brokers: (stack.env['KAFKA_BROKERS'] ?? '').split(','), clientId: 'outbox-restarts', log });
  await createTopics(kafka, [{ topic: TOPIC, partitions: 6, configs: {} }], { log });
  relays = await Promise.all([1, 2].map((n) => keeper.start({
    name: `relay ${n}`, command: process.execPath, args: ['build/start.js', '--roles', 'relay'], cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...inject('stack'), ...stack.env, DATABASE_URL: store.databaseUrl, SUBJECT_PEPPER: 'pepper-of-this-test', HEALTH_PORT: 'off' },
    logFile: join(inject('stackDir'), 'logs', `relay-${n}-kafka-restarted.log`),
  })));
});
afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await keeper.close();
  await stack.stop();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const countOf = async (condition: string): Promise<number> => (await store.database.rows<{ n: number }>(`SELECT count(*)::int AS n FROM outbox WHERE ${condition}`))[0]?.n ?? 0;
const numberOf = (eventId: string): number => Number(eventId.split('/').at(-1));

/** Four write at once, also for one request, of which each transaction holds the lock, as those of deletions do. */
function startWriters(limit: () => number): { readonly written: () => number; readonly done: Promise<unknown> } {
  let begun = 0;
  let written = 0;
  const numbers = new Map<string, number>();
  const writer = async (n: number): Promise<void> => {
    for (let turn = n; begun < ROWS; turn += 7) {
      const count = Math.min(1 + (turn % MOST_AT_ONCE), ROWS - begun);
      begun += count;
      const requestId = `req-${(turn * 31) % REQUESTS}`;
      await waitFor('more may be written', () => written < limit(), 60_000);
      await store.database.transaction(async (tx) => {
        await tx.rows('SELECT pg_advisory_xact_lock(hashtext($1))', [requestId]);
        const first = (numbers.get(requestId) ?? 0) + 1;
        numbers.set(requestId, first + count - 1);
        writeMessages(tx, Array.from({ length: count }, (_, i): OutboxMessage => {
          const eventId = `${requestId}/test/${first + i}`;
          return { eventId, requestId, target: 'kafka', destination: TOPIC, key: requestId, headers: { event_id: eventId }, body: JSON.stringify({ eventId, writer: n }) };
        }));
      });
      written += count;
    }
  };
  return { written: () => written, done: Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n))) };
}

async function restart(how: (typeof RESTARTS)[number]['how']): Promise<void> {
  const broker = stack.part('kafka');
  await (how === 'stop' ? broker.stop() : broker.kill('SIGKILL'));
  await broker.start();
}

test('10,000 rows of 4 writers go out by two relays while Kafka is restarted twice: each arrives, in order per key, and what comes twice is the same', async () => {
  await waitFor('each relay has half of the lanes', async () => {
    const held = await store.database.rows<{ n: number }>('SELECT count(*)::int AS n FROM outbox_lanes WHERE held_until > now() GROUP BY holder');
    return held.map(({ n }) => n).join() === '8,8';
  }, 60_000);
  let limit: number = RESTARTS[0].written;
  const writers = startWriters(() => limit);
  for (const [n, { sent, how }] of RESTARTS.entries()) {
    await waitFor(`${sent} rows are sent`, async () => (await countOf('sent_at IS NOT NULL')) >= sent, 60_000);
    const restarting = restart(how);
    limit = RESTARTS[n + 1]?.written ?? ROWS;
    await restarting;
    expect(await countOf('sent_at IS NULL'), `rows that were left when Kafka came back (${how})`).toBeGreaterThan(0);
  }
  await writers.done;
  expect(writers.written()).toBe(ROWS);
  await waitFor('all rows are sent', async () => (await countOf('sent_at IS NULL')) === 0, 60_000);
  // An outage is no fault of the rows.
  expect(await countOf('refusals > 0 OR dead_at IS NOT NULL')).toBe(0);
  expect(relays.map((relay) => relay.hasExited())).toEqual([false, false]);

  const rows = await store.database.rows<OutboxMessage>('SELECT event_id, request_id, key, body FROM outbox ORDER BY id');
  expect(rows).toHaveLength(ROWS);
  const stored = await readTail(kafka, TOPIC, { limit: 10 * ROWS, timeoutMs: 60_000 });
  const byPlace = stored.toSorted((a, b) => a.partition - b.partition || Number(BigInt(a.offset) - BigInt(b.offset)));
  const eventIdOf = ({ headers }: StoredMessage): string => headerText(headers, 'event_id') ?? 'none';
  const came = new Map<string, string>();
  for (const message of byPlace) {
    const content = `${message.key?.toString() ?? ''} ${message.value?.toString() ?? ''}`;
    expect(came.get(eventIdOf(message)) ?? content, 'a repeat').toBe(content);
    came.set(eventIdOf(message), content);
  }
  expect(new Map(rows.map(({ eventId, key, body }) => [eventId, `${key} ${body}`]))).toEqual(came);

  const keys = new Map<string, string[]>();
  for (const message of byPlace) {
    const key = message.key?.toString() ?? '';
    keys.set(key, [...(keys.get(key) ?? []), eventIdOf(message)]);
  }
  for (const [key, ids] of keys) {
    const wanted = rows.filter(({ requestId }) => requestId === key).map(({ eventId }) => eventId);
    // In order, whether a reader takes the first of each, or the last.
    expect([...new Set(ids)], `first of each of ${key}`).toEqual(wanted);
    expect([...new Set(ids.toReversed())].toReversed(), `last of each of ${key}`).toEqual(wanted);
    expect(wanted.map(numberOf), `as they were written: ${key}`).toEqual(wanted.map((_, i) => i + 1));
  }
  expect(keys.size).toBe(REQUESTS);
});
