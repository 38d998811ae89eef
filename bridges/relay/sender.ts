import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../platform/log.js';
import { createFlow, type Gathering } from '../../platform/gathering.rules.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Queryable } from '../../store/database.js';
import { anyUnsent, markRefused, markSent, nextUnsent, type UnsentRow } from '../../store/outbox.js';
import type { LaneLeases } from './lane-leases.js';
import { rounds } from './rounds.rules.js';
import type { Transport } from './transports.js';

export interface SenderOptions {
  readonly target: UnsentRow['target'];
  readonly database: Queryable;
  readonly leases: Pick<LaneLeases, 'using' | 'holds'>;
  readonly transport: Transport;
  readonly batch: number;
  /** A row that was refused, and then again at each of so many retries, is dead. */
  readonly mostRetries: number;
  /** Wait before a refused row is tried again; doubles each time. */
  readonly refusalBackoffMs: number;
  /** Called when rows were sent: what waited for them may go now. */
  readonly onSent: () => void;
  /** Told at the end, if anybody wants to know it, whether rows are left that wait for others to go first. */
  readonly onLeft?: (waits: boolean) => void;
  readonly metrics: Pick<Metrics, 'outboxSent'>;
  readonly log: Log;
}

/** The other side is out: nothing is counted against any row. */
export class RelayOutage extends Error {
  override readonly name = 'RelayOutage';
}

/** A batch costs a statement and a request to the broker, and wakes its readers. */
const GATHERING: Gathering = { fromPerSecond: 40, together: 10, mostMs: 100 };
/** Batches in a row before lanes may be given up for another relay's sake. */
const MOST_BATCHES = 8;

/**
 * A sender of rows to one kind of target. Called, it sends what there is to send in the lanes that are held, in order per request,
 * and tells in how many ms it wants to be called again, if there is a reason.
 * @throws RelayOutage, and PostgreSQL's errors when that is out.
 */
export function createSender(options: SenderOptions): (signal: AbortSignal) => Promise<number | undefined> {
  const { target, database, leases, batch, onLeft } = options;
  /** Requests with a refused row, and when that is tried again. */
  const resting = new Map<string, number>();
  const flow = createFlow(GATHERING);

  /** The next rows, those that were sent being marked in the same breath. */
  const look = (lanes: readonly number[], sent: readonly number[]): Promise<UnsentRow[]> => {
    const now = performance.now();
    for (const [requestId, at] of resting) if (at <= now) resting.delete(requestId);
    return nextUnsent(database, { target, lanes, limit: batch, without: [...resting.keys()] }, sent);
  };

  /** @returns whether there may be more */
  const sendSome = async (lanes: readonly number[], signal: AbortSignal): Promise<boolean> => {
    if (lanes.length === 0) return false;
    let rows = await look(lanes, []);
    for (let batches = 1; rows.length > 0; batches++) {
      const { arrived, outage } = await sendInRounds(options, rows, resting, signal);
      flow.went(arrived.length);
      // Where nothing of a few rows could go, they are another relay's by now, or rest.
      const hasMore = arrived.length > 0 || rows.length === batch;
      if (!hasMore || outage || signal.aborted || batches === MOST_BATCHES) {
        if (arrived.length > 0) await markSent(database, arrived);
        if (arrived.length > 0) options.onSent();
        if (outage) throw new RelayOutage(`Rows to ${target} could not be sent`, { cause: outage });
        return hasMore;
      }
      // Where many are being written, more gather meanwhile, and go together.
      const rest = flow.restMs();
      if (rest > 0 && rows.length < batch) await sleep(rest);
      rows = await look(lanes, arrived);
      if (arrived.length > 0) options.onSent();
    }
    onLeft?.(await anyUnsent(database, target, lanes));
    return false;
  };

  return async (signal) => {
    while (!signal.aborted && (await leases.using((lanes) => sendSome(lanes, signal))));
    return resting.size === 0 ? undefined : Math.max(0, Math.min(...resting.values()) - performance.now());
  };
}

interface Round {
  readonly arrived: readonly number[];
  readonly outage: Error | undefined;
}

async function sendInRounds(options: SenderOptions, rows: readonly UnsentRow[], resting: Map<string, number>, signal: AbortSignal): Promise<Round> {
  const { leases, transport, metrics } = options;
  const heldBack = new Set<string>();
  const arrived: number[] = [];
  let outage: Error | undefined;
  for (const round of rounds(rows)) {
    if (signal.aborted) break;
    const sendable = round.filter((row) => !heldBack.has(row.requestId) && leases.holds(row.lane));
    // A lane that was lost may be another's by now: nothing of it is sent any more.
    for (const row of round) if (!sendable.includes(row)) heldBack.add(row.requestId);
    if (sendable.length === 0) break;
    const results = await transport(sendable);
    const sent = sendable.filter((_, i) => results[i]?.outcome === 'sent');
    arrived.push(...sent.map(({ id }) => id));
    for (const { destination } of sent) metrics.outboxSent.inc({ target: destination });
    for (const [i, row] of sendable.entries()) {
      const result = results[i];
      if (result?.outcome === 'sent') continue;
      heldBack.add(row.requestId);
      if (result?.outcome === 'refused') resting.set(row.requestId, await refused(options, row, result.why));
      else outage = result?.error ?? new Error('no answer');
    }
  }
  // They are marked all at once: should the mark be lost, all go out again, each request's rows in their order.
  return { arrived, outage };
}

/** Counts a refusal. @returns when the request is looked at again. */
async function refused({ database, mostRetries, refusalBackoffMs, log }: SenderOptions, row: UnsentRow, why: string): Promise<number> {
  const dead = await markRefused(database, row.id, why, mostRetries);
  if (dead) log.error({ outboxId: row.id, requestId: row.requestId, destination: row.destination, reason: why }, 'an outbox row was refused too often and is dead: mend its cause, then requeue it; later rows of its request wait');
  return performance.now() + refusalBackoffMs * 2 ** row.refusals;
}
