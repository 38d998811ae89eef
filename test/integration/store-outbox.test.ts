import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SIGNALS } from '../../contracts/names/index.js';
import { writtenOf } from '../../bridges/relay/wake-up.js';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { leaseLanes, releaseLanes } from '../../store/outbox-leases.js';
import { laneOf, OUTBOX_LANES } from '../../store/outbox-lanes.js';
import { listDead, markRefused, markSent, nextUnsent, OUTBOX_CHANNEL, outboxStats, purgeSent, requeueDead } from '../../store/outbox.js';
import { freshId } from '../support/deletions.js';
import { atOnce, openStore, type TestStore } from '../support/store.js';
import { waitFor } from '../support/wait-for.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.database.script(`TRUNCATE outbox, outbox_relays; UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity'`));
afterAll(() => store.close());

const LANES = Array.from({ length: OUTBOX_LANES }, (_, lane) => lane);
const row = (requestId: string, what: string, target: OutboxMessage['target'] = 'kafka'): OutboxMessage => ({
  eventId: `${requestId}/${what}`, requestId, target, destination: target === 'kafka' ? 'nova.deletion.events' : SIGNALS.recheck, key: requestId, headers: {}, body: '{}',
});
const write = (...rows: OutboxMessage[]) =>
  store.database.transaction((tx) => {
    writeMessages(tx, rows);
    return Promise.resolve();
  });
const next = async (target: OutboxMessage['target'] = 'kafka', limit = 100, lanes = LANES, without: string[] = []) =>
  (await nextUnsent(store.database, { target, lanes, limit, without })).map(({ eventId }) => eventId);
const idsOf = async (...eventIds: string[]) =>
  (await store.database.rows<{ id: number }>('SELECT id FROM outbox WHERE event_id = ANY($1) ORDER BY id', [eventIds])).map(({ id }) => id);
const kill = async (eventId: string) => {
  for (const id of await idsOf(eventId)) expect(await markRefused(store.database, id, 'too large', 0)).toBe(true);
};

describe('what is sent next', () => {
  test('is the oldest of all lanes, and all rows of a request are in one lane', async () => {
    const requests = Array.from({ length: 30 }, () => freshId('req'));
    const rows = ['first', 'second'].flatMap((what) => requests.map((requestId) => row(requestId, what)));
    await write(...rows);
    expect(await next()).toEqual(rows.map(({ eventId }) => eventId));
    expect(await next('kafka', 7)).toEqual(rows.slice(0, 7).map(({ eventId }) => eventId));
    const byLane = await Promise.all(LANES.map((lane) => next('kafka', 100, [lane])));
    expect(byLane.flat().sort()).toEqual(rows.map(({ eventId }) => eventId).sort());
    byLane.forEach((eventIds, lane) => {
      for (const eventId of eventIds) expect(laneOf(eventId.split('/')[0]!, OUTBOX_LANES)).toBe(lane);
    });
  });

  test('is written once for each event id', async () => {
    await atOnce(10, () => write(row('req-same', 'a'), row('req-same', 'b')));
    expect(await next()).toEqual(['req-same/a', 'req-same/b']);
  });

  test('is never behind a dead row of its own request, and goes on with all others', async () => {
    await write(row('bad', '1'), row('bad', '2'), row('good', '1'), row('bad', '3'), row('good', '2'));
    const [first] = await idsOf('bad/1');
    await markSent(store.database, [first!]);
    await kill('bad/2');
    expect(await next()).toEqual(['good/1', 'good/2']);
    expect(await outboxStats(store.database)).toMatchObject({ unsent: 3, dead: 1 });
    expect(await listDead(store.database)).toMatchObject([{ eventId: 'bad/2', refusals: 1, lastError: 'too large' }]);
    expect(await requeueDead(store.database, 'all')).toEqual(await idsOf('bad/2'));
    expect(await next()).toEqual(['bad/2', 'good/1', 'bad/3', 'good/2']);
    expect(await listDead(store.database)).toEqual([]);
  });

  test('is never before an earlier row of its own request that goes to the other kind of target', async () => {
    await write(row('req', '1'), row('req', '2', 'signal'), row('req', '3'), row('other', '1', 'signal'));
    expect(await next('kafka')).toEqual(['req/1']);
    expect(await next('signal')).toEqual(['other/1']);
    await markSent(store.database, await idsOf('req/1'));
    expect(await next('kafka')).toEqual([]);
    expect(await next('signal')).toEqual(['req/2', 'other/1']);
    await markSent(store.database, await idsOf('req/2'));
    expect(await next('kafka')).toEqual(['req/3']);
  });

  test('leaves out the requests that are said', async () => {
    await write(row('a', '1'), row('b', '1'), row('a', '2'));
    expect(await next('kafka', 100, LANES, ['a'])).toEqual(['b/1']);
  });

  test('dies only when it is refused after as many retries as are given, each counted', async () => {
    await write(row('req', '1'));
    const [id] = await idsOf('req/1');
    const dead: boolean[] = [];
    for (let count = 0; count < 3; count++) dead.push(await markRefused(store.database, id!, 'not allowed', 2));
    expect(dead).toEqual([false, false, true]);
  });

  test('is not what was purged: of the rows only those that were sent long ago go', async () => {
    await write(row('old', '1'), row('new', '1'), row('waits', '1'), row('dead', '1'));
    await markSent(store.database, await idsOf('old/1', 'new/1'));
    await kill('dead/1');
    await store.database.rows(`UPDATE outbox SET sent_at = now() - interval '2 days' WHERE event_id = 'old/1'`);
    expect(await purgeSent(store.database, 24 * 3_600_000)).toBe(1);
    expect((await store.database.rows<{ eventId: string }>('SELECT event_id FROM outbox ORDER BY id')).map(({ eventId }) => eventId)).toEqual(['new/1', 'waits/1', 'dead/1']);
  });

  test('is called out as it is written, and as it is requeued, but not before its transaction is over', async () => {
    const calls: string[] = [];
    const stop = await store.database.listen(OUTBOX_CHANNEL, (payload) => calls.push(payload), () => undefined);
    try {
      await expect(store.database.transaction((tx) => {
        writeMessages(tx, [row('req', '0')]);
        throw new Error('rolled back');
      })).rejects.toThrow('rolled back');
      await write(row('req', '1'), row('req', '2'));
      await waitFor('the rows are called out', () => calls.length > 0);
      expect(calls.map(writtenOf)).toEqual([{ target: 'kafka', lane: laneOf('req', OUTBOX_LANES) }]);
      await kill('req/1');
      await requeueDead(store.database, 'all');
      await waitFor('the requeued row is called out', () => calls.length > 1);
      expect(calls.slice(1).map(writtenOf)).toEqual([undefined]);
    } finally {
      await stop();
    }
  });
});

describe('leases', () => {
  const lease = (holder: string, more: { ttlMs?: number; mayShrink?: boolean } = {}) => leaseLanes(store.database, holder, { ttlMs: 60_000, mayShrink: true, ...more });
  const held = async () =>
    (await store.database.rows<{ holder: string; count: number }>('SELECT holder, count(*)::int AS count FROM outbox_lanes WHERE held_until > now() GROUP BY holder ORDER BY holder')).map(({ holder, count }) => [holder, count]);

  test('of one relay are all lanes; each that comes gets its share when the others give theirs up', async () => {
    expect((await lease('a')).lanes).toEqual(LANES);
    expect(await lease('b')).toEqual({ lanes: [], share: 8 });
    expect((await lease('a', { mayShrink: false })).lanes).toEqual(LANES);
    expect((await lease('a')).lanes).toHaveLength(8);
    expect((await lease('b')).lanes).toHaveLength(8);
    expect(await lease('c')).toEqual({ lanes: [], share: 6 });
    for (const holder of ['a', 'b', 'c']) await lease(holder);
    expect(await held()).toEqual([['a', 6], ['b', 6], ['c', 4]]);
    await releaseLanes(store.database, 'a');
    for (const holder of ['b', 'c']) await lease(holder);
    expect(await held()).toEqual([['b', 8], ['c', 8]]);
  });

  test('of a relay that has gone without a word fall to the others', async () => {
    await lease('gone', { ttlMs: 1 });
    await waitFor('its leases are over', async () => (await held()).length === 0);
    expect((await lease('a')).lanes).toEqual(LANES);
  });

  test('of twenty relays that ask at once, again and again, never overlap, and leave no lane out in the end', async () => {
    const holders = Array.from({ length: 20 }, (_, index) => `relay-${String(index).padStart(2, '0')}`);
    for (let round = 0; round < 5; round++) {
      await Promise.all(holders.map((holder) => lease(holder)));
      const rows = await held();
      expect(rows.reduce((sum, [, count]) => sum + Number(count), 0)).toBeLessThanOrEqual(OUTBOX_LANES);
    }
    for (const holder of holders) await lease(holder);
    const counts = (await held()).map(([, count]) => count);
    expect(counts).toEqual(Array.from({ length: OUTBOX_LANES }, () => 1));
    const lanes = await Promise.all(holders.map(async (holder) => (await lease(holder)).lanes));
    expect(lanes.flat().sort((a, b) => a - b)).toEqual(LANES);
  });
});
