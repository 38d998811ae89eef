import { setTimeout as delay } from 'node:timers/promises';

/** Lets callers through evenly, so many a second at the most. @returns what each of them awaits */
export function createPace(perSecond: number, now: () => number = () => performance.now(), wait: (ms: number) => Promise<unknown> = (ms) => delay(ms)): () => Promise<void> {
  const everyMs = 1_000 / perSecond;
  let free = -Infinity;
  return async () => {
    const turn = Math.max(free, now());
    free = turn + everyMs;
    const ms = turn - now();
    if (ms > 0) await wait(ms);
  };
}
