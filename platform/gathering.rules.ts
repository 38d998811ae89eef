/** When to let more gather before what has come is dealt with. */
export interface Gathering {
  /** From so many a second on. */
  readonly fromPerSecond: number;
  /** So many are to go together. */
  readonly together: number;
  /** How long they are waited for at the most. */
  readonly mostMs: number;
}

/** The rate by the last second or so: `count` more, `elapsedMs` after `rate` was found. */
export const rateAfter = (rate: number, count: number, elapsedMs: number): number => rate * Math.exp(-elapsedMs / 1000) + count;

/**
 * How long to rest before what has come is dealt with, in ms. Each batch costs a round trip and wakes others, however little is in it; what
 * comes alone is never kept waiting.
 */
export const restMs = (rate: number, { fromPerSecond, together, mostMs }: Gathering): number => (rate < fromPerSecond ? 0 : Math.min(mostMs, (1000 * together) / rate));

/** Keeps the rate of what goes by. */
export interface Flow {
  /** So many have gone by now. */
  went(count: number): void;
  /** How long to rest now, in ms. */
  restMs(): number;
}

/** @param nowMs a clock that never goes back, in ms */
export function createFlow(gathering: Gathering, nowMs: () => number = () => performance.now()): Flow {
  let rate = 0;
  let ratedAtMs = nowMs();
  const rateNow = (count: number): number => rateAfter(rate, count, nowMs() - ratedAtMs);
  return {
    went: (count) => {
      rate = rateNow(count);
      ratedAtMs = nowMs();
    },
    restMs: () => restMs(rateNow(0), gathering),
  };
}
