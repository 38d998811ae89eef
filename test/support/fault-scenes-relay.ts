import { createSender } from '../../bridges/relay/sender.js';
import type { Transport } from '../../bridges/relay/transports.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import { forgetProcessedEvents, markCaughtUp } from '../../store/inventory/feed.js';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { markPosted, markRevokedRunOver } from '../../store/ledger/jobs.js';
import { leaseLanes, releaseLanes } from '../../store/outbox-leases.js';
import { listDead, markRefused, purgeSent, requeueDead, type UnsentRow } from '../../store/outbox.js';
import { jobIdFor } from '../../contracts/names/index.js';
import type { Ledger, Scene, World } from './fault-runs.js';
import { sent, userOf } from './prepared-deletions.js';

const ALL_LANES = Array.from({ length: 16 }, (_, lane) => lane);
const metrics = createMetrics();
const log = createLog({ level: 'silent' });

const rowsOf = (world: World, request: string, count: number): OutboxMessage[] =>
  Array.from({ length: count }, (_, n) => {
    const requestId = world.id(request);
    const eventId = `${requestId}/test/${n + 1}`;
    return { eventId, requestId, target: 'kafka', destination: 'nova.deletion.events', key: requestId, headers: { event_id: eventId }, body: '{}' };
  });

/** Everything else that waits is sent, so that only what is written next is looked at. */
const alone = async (world: World, ...rows: OutboxMessage[]): Promise<void> => {
  await world.database.rows('UPDATE outbox SET sent_at = coalesce(sent_at, now()), dead_at = NULL');
  await world.database.transaction((tx) => {
    writeMessages(tx, rows);
    return Promise.resolve();
  });
};

/** Whether whoever takes the first of each row's repeats, or the last, has the rows of each request in order. */
function inOrder(eventIds: readonly string[]): boolean {
  const latest = new Map<string, number>();
  const ascends = (ids: readonly string[]): boolean => ids.every((eventId) => {
    const [, requestId = '', n = ''] = /^(.*)\/test\/(\d+)$/.exec(eventId) ?? [];
    const fine = Number(n) > (latest.get(requestId) ?? 0);
    latest.set(requestId, Number(n));
    return fine;
  });
  const [firsts, lasts] = [[...new Set(eventIds)], [...new Set([...eventIds].reverse())].reverse()];
  if (!ascends(firsts)) return false;
  latest.clear();
  return ascends(lasts);
}

/** A relay's sender, over a bus that takes all but the rows that are refused. */
function relay(isRefused: (row: UnsentRow) => boolean = () => false) {
  const sentIds: string[] = [];
  const transport: Transport = (rows) => Promise.resolve(rows.map((row) => {
    if (isRefused(row)) return { outcome: 'refused', why: 'too large' };
    sentIds.push(row.eventId);
    return { outcome: 'sent' };
  }));
  return async ({ database }: Ledger) => {
    const send = createSender({
      database, transport, metrics, log, target: 'kafka', batch: 3, mostRetries: 0, refusalBackoffMs: 0,
      leases: { using: (work) => work(ALL_LANES), holds: () => true },
      onSent: () => undefined,
    });
    await send(new AbortController().signal);
    return { inOrder: inOrder(sentIds), sent: [...new Set(sentIds)].sort() };
  };
}

const noLeases = async (world: World): Promise<void> => {
  await world.database.rows('DELETE FROM outbox_relays');
  await world.database.rows("UPDATE outbox_lanes SET holder = NULL, held_until = '-infinity'");
};

type Make = (world: World) => Promise<(ledger: Ledger) => Promise<unknown>>;
const SCENES: Readonly<Record<string, Make>> = {
  'the relay sends and marks': async (world) => {
    await alone(world, ...rowsOf(world, 'a', 3), ...rowsOf(world, 'b', 2));
    return relay();
  },
  'the relay meets a row that is refused until it is dead': async (world) => {
    await alone(world, ...rowsOf(world, 'a', 2), ...rowsOf(world, 'b', 2));
    return relay(({ eventId }) => eventId === `${world.id('a')}/test/1`);
  },
  'a dead row is requeued': async (world) => {
    const [row] = rowsOf(world, 'a', 1);
    await alone(world, row!);
    const [written] = await world.database.rows<{ id: number }>('SELECT id FROM outbox WHERE event_id = $1', [row!.eventId]);
    await markRefused(world.database, written!.id, 'too large', 0);
    return async ({ database }) => {
      await requeueDead(database, [written!.id]);
      return listDead(database);
    };
  },
  'sent rows are purged': async (world) => {
    await alone(world, ...rowsOf(world, 'a', 2));
    await world.database.rows("UPDATE outbox SET sent_at = now() - interval '1 day'");
    return async ({ database }) => {
      await purgeSent(database, 60_000);
    };
  },
  'a relay takes its lanes, beside one that holds some': async (world) => {
    await noLeases(world);
    await leaseLanes(world.database, world.id('other'), { ttlMs: 60_000, mayShrink: false });
    await leaseLanes(world.database, world.id('late'), { ttlMs: 60_000, mayShrink: false });
    await leaseLanes(world.database, world.id('other'), { ttlMs: 60_000, mayShrink: true });
    return ({ database }) => leaseLanes(database, world.id('late'), { ttlMs: 60_000, mayShrink: true });
  },
  'a relay gives its lanes back': async (world) => {
    await noLeases(world);
    await leaseLanes(world.database, world.id('relay'), { ttlMs: 60_000, mayShrink: false });
    return ({ database }) => releaseLanes(database, world.id('relay'));
  },
  'a job is marked as posted': async (world) => {
    const { requestId } = await sent(world, userOf(world));
    return ({ database }) => markPosted(database, [jobIdFor(requestId, 1)]);
  },
  'the run of a revoked job is marked as over': async (world) => {
    const { requestId } = await sent(world, userOf(world));
    await world.database.rows(`UPDATE attempts SET revoked_at = now(), revoked_why = 'withdrawn' WHERE request_id = $1`, [requestId]);
    return ({ database }) => markRevokedRunOver(database, jobIdFor(requestId, 1));
  },
  'the inventory is marked as caught up': (world) => Promise.resolve(({ database }) => markCaughtUp(database, world.id('feed'), 0)),
  'old events are forgotten': async (world) => {
    await world.database.rows("INSERT INTO processed_events (consumer_group, event_id, at) VALUES ('test', $1, now() - interval '9 days'), ('test', $2, now())", [world.id('old'), world.id('young')]);
    return async ({ database }) => {
      await forgetProcessedEvents(database, 7 * 24 * 3_600_000);
    };
  },
};

/** What the relay and the upkeep write. */
export const RELAY_SCENES: readonly Scene[] = Object.entries(SCENES).map(([name, prepare]) => ({ name, prepare }));
