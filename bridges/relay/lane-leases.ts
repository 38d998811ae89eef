import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../platform/log.js';
import type { Database } from '../../store/database.js';
import { leaseLanes, releaseLanes } from '../../store/outbox-leases.js';
import { periodically } from '../periodically.js';

export interface LaneLeasesOptions {
  readonly database: Database;
  /** Names this relay; no other may have the name. */
  readonly holder: string;
  readonly ttlMs: number;
  readonly log: Log;
  /** Called when lanes were gained. */
  readonly onGain: () => void;
}

export interface LaneLeases {
  /**
   * Works with the lanes that are held. None is given up for another relay's sake meanwhile; one may still be lost, when
   * PostgreSQL cannot be reached: ask `holds` before each act.
   */
  using<T>(work: (lanes: readonly number[]) => Promise<T>): Promise<T>;
  /** Whether the lane is surely still this relay's. */
  holds(lane: number): boolean;
  /** Whether the leases were renewed in time. */
  healthy(): boolean;
  /** Gives them all back. */
  stop(): Promise<void>;
}

/** A lease that ends sooner than this share of its time is not relied upon: an act takes time as well. */
const MARGIN = 1 / 4;

/** Takes leases on lanes and keeps them, until it is stopped or they are lost. */
export function keepLaneLeases({ database, holder, ttlMs, log, onGain }: LaneLeasesOptions): LaneLeases {
  let lanes: readonly number[] = [];
  let validUntil = 0;
  let users = 0;
  let shrinking: Promise<unknown> | undefined;
  let resume: (() => void) | undefined;

  const isValid = (): boolean => performance.now() < validUntil - ttlMs * MARGIN;

  const renew = async (mayShrink: boolean): Promise<number> => {
    const askedAt = performance.now();
    const wasValid = isValid();
    const leases = await leaseLanes(database, holder, { ttlMs, mayShrink });
    const gained = leases.lanes.length > 0 && (!wasValid || leases.lanes.some((lane) => !lanes.includes(lane)));
    if (leases.lanes.join() !== lanes.join()) log.info({ lanes: leases.lanes.length }, 'outbox lanes held');
    lanes = leases.lanes;
    validUntil = askedAt + ttlMs;
    if (gained) onGain();
    return leases.share;
  };

  /** Waits until nobody works with the lanes, and keeps others from beginning. */
  const alone = async (work: () => Promise<unknown>): Promise<void> => {
    let done: () => void = () => undefined;
    shrinking = new Promise<void>((resolve) => (done = resolve));
    try {
      const end = performance.now() + ttlMs / 3;
      if (users > 0) await Promise.race([new Promise<void>((resolve) => (resume = resolve)), sleep(Math.max(0, end - performance.now()), undefined, { ref: false })]);
      // Somebody takes long: the next renewal tries again.
      if (users === 0) await work();
    } finally {
      shrinking = undefined;
      resume = undefined;
      done();
    }
  };

  const keeper = periodically(
    async () => {
      const share = await renew(false);
      if (lanes.length > share) await alone(() => renew(true));
    },
    { name: 'outbox leases', everyMs: ttlMs / 3, log, backoff: { firstMs: 100, maxMs: ttlMs / 3 } },
  );

  return {
    using: async (work) => {
      while (shrinking) await shrinking;
      users++;
      try {
        return await work(isValid() ? lanes : []);
      } finally {
        users--;
        if (users === 0) resume?.();
      }
    },
    holds: (lane) => isValid() && lanes.includes(lane),
    healthy: () => isValid(),
    stop: async () => {
      await keeper.stop();
      lanes = [];
      await releaseLanes(database, holder);
    },
  };
}
