import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { startRelay } from '../../bridges/relay/role.js';
import { createProcessKeeper, type ProcessKeeper } from '../../stack/processes.js';
import type { RunningRole } from '../../platform/roles.js';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { OUTBOX_LANES } from '../../store/outbox-lanes.js';
import { openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { freshId } from '../support/deletions.js';
import { openFaultyWire, type FaultyWire } from '../support/statement-faults.js';

const EVENTS = 'nova.deletion.events';
const MARK = /UPDATE outbox SET sent_at/;
const root = fileURLToPath(new URL('../../', import.meta.url));

let house: BridgeHouse;
let watched: Watched;
let wire: FaultyWire;
let keeper: ProcessKeeper;
const relays: RunningRole[] = [];
beforeAll(async () => {
  house = await openBridgeHouse(['relay']);
  watched = await house.watch(EVENTS);
  wire = await openFaultyWire(house.config.database.url);
  keeper = await createProcessKeeper();
});
beforeEach(async () => {
  await house.database.rows('TRUNCATE outbox');
  wire.disarm();
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});
afterAll(async () => {
  await keeper.close();
  await wire.close();
  await house.close();
});

const write = async (requests: readonly string[], each: number): Promise<void> => {
  const rows = requests.flatMap((requestId) =>
    Array.from({ length: each }, (_, n): OutboxMessage => {
      const eventId = `${requestId}/test/${n + 1}`;
      return { eventId, requestId, target: 'kafka', destination: EVENTS, key: requestId, headers: { event_id: eventId }, body: '{}' };
    }));
  await house.database.transaction((tx) => {
    writeMessages(tx, rows);
    return Promise.resolve();
  });
};
const requestsOf = (count: number): string[] => Array.from({ length: count }, () => freshId('req'));
/** The numbers of a request's rows, as they came on Kafka. */
const cameOf = (requestId: string): number[] => watched.seen.filter(({ key }) => key === requestId).map(({ headers }) => Number(headers['event_id']?.split('/').at(-1)));
const unsent = async (): Promise<number> => (await house.database.rows('SELECT FROM outbox WHERE sent_at IS NULL')).length;
const lanesHeld = async (): Promise<number[]> =>
  (await house.database.rows<{ n: number }>('SELECT count(*)::int AS n FROM outbox_lanes WHERE held_until > now() GROUP BY holder ORDER BY n')).map(({ n }) => n);
const relayHere = async (url: string): Promise<void> => {
  const relay = await startRelay(house.deps({ config: { ...house.config, database: { ...house.config.database, url } } }));
  relays.push(relay);
};
const relayApart = () => keeper.start({
  name: 'relay', command: process.execPath, args: ['build/start.js', '--roles', 'relay'], cwd: root,
  env: { PATH: process.env['PATH'] ?? '', ...inject('stack'), DATABASE_URL: wire.url, SUBJECT_PEPPER: 'pepper-of-this-test', HEALTH_PORT: 'off' },
  logFile: join(inject('stackDir'), 'logs', 'relay-that-is-killed.log'),
});

/** Every row came, and each repeat is known by its event id: whoever takes the first of each, or the last, has them in order. */
async function expectAllInOrder(requests: readonly string[], each: number): Promise<number> {
  await until('all are marked as sent', async () => (await unsent()) === 0);
  const wanted = Array.from({ length: each }, (_, n) => n + 1);
  await until('all have come', () => requests.every((requestId) => new Set(cameOf(requestId)).size === each));
  for (const requestId of requests) {
    const came = cameOf(requestId);
    expect([...new Set(came)]).toEqual(wanted);
    await until('the repeats have come in order', () => [...new Set(cameOf(requestId).reverse())].reverse().join() === wanted.join());
  }
  return requests.reduce((sum, requestId) => sum + cameOf(requestId).length - each, 0);
}

describe('between its send and its mark', () => {
  test('a relay loses its connection: what it sent goes out again, under the same event ids and in order', async () => {
    const requests = requestsOf(10);
    wire.armFor(MARK, 'cut before');
    await relayHere(wire.url);
    await write(requests, 3);
    expect(await expectAllInOrder(requests, 3)).toBeGreaterThanOrEqual(1);
    expect(wire.fired()).toBe(true);
  });

  test('a relay loses the answer to its mark only: what was marked does not go out again', async () => {
    const requests = requestsOf(10);
    wire.armFor(MARK, 'cut after');
    await relayHere(wire.url);
    await write(requests, 3);
    await expectAllInOrder(requests, 3);
    for (const requestId of requests) expect(cameOf(requestId).filter((n) => n === 1)).toHaveLength(1);
    expect(wire.fired()).toBe(true);
  });

  test('one of two relays is killed with -9, with its leases: the other sends its lanes again once they have run out, and its own at once', async () => {
    await relayHere(house.config.database.url);
    const doomed = await relayApart();
    await until('each has half of the lanes', async () => (await lanesHeld()).join() === [OUTBOX_LANES / 2, OUTBOX_LANES / 2].join(), 30_000);
    const requests = requestsOf(40);
    wire.armFor(MARK, 'held');
    await write(requests, 3);
    await until('the rows are sent, and not marked', () => wire.fired());
    doomed.kill('SIGKILL');
    expect(await doomed.exited).toBe('signal SIGKILL');
    const killed = performance.now();
    await until('the other has sent its own', async () => {
      const left = await unsent();
      return left > 0 && left < 120;
    });
    const repeats = await expectAllInOrder(requests, 3);
    expect(repeats).toBeGreaterThanOrEqual(1);
    // The lease of a relay that has died is 6 s long.
    expect(performance.now() - killed).toBeLessThan(15_000);
    expect(await lanesHeld()).toEqual([OUTBOX_LANES]);
  });
});
