/** How waits between tries grow. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Milliseconds to wait after the given failed try (1 for the first): doubling, and between half and all of it by chance, so that
 * many processes that lost the same server do not come back in step.
 */
export function backoffDelayMs(failedTries: number, { firstMs, maxMs }: Backoff, random: () => number = Math.random): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(failedTries - 1, 30));
  return Math.round(fullMs * (0.5 + random() / 2));
}
