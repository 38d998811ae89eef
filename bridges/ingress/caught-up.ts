import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../../store/database.js';
import { markCaughtUp, SERVICE_FEED } from '../../store/inventory/feed.js';
import { hasReached, type PartitionEnds } from './caught-up.rules.js';

export interface CaughtUpDeps {
  readonly database: Queryable;
  /** Both ends of each partition of tenant.service.events. */
  readonly ends: () => Promise<readonly PartitionEnds[]>;
  /** What the ingress group has committed of it, by partition. */
  readonly committed: () => Promise<ReadonlyMap<number, bigint>>;
  /** No mark is waited for longer than this. */
  readonly patienceMs: number;
}

const POLL_MS = 200;

/**
 * Marks the service inventory as caught up with everything that was written before now, once the group has committed all of it.
 * A group that is still behind after the patience leaves the mark as it is: decisions then wait.
 * @returns whether the mark was set
 */
export async function markWhenCaughtUp({ database, ends, committed, patienceMs }: CaughtUpDeps, signal: AbortSignal): Promise<boolean> {
  const askedAt = performance.now();
  const goal = await ends();
  while (!hasReached(goal, await committed())) {
    if (performance.now() - askedAt > patienceMs) return false;
    await sleep(POLL_MS, undefined, { signal });
  }
  await markCaughtUp(database, SERVICE_FEED, performance.now() - askedAt);
  return true;
}
