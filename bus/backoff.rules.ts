/** Longest wait that whoever is out may ask for, in ms: it comes back sooner more often than it says. */
const LONGEST_ASKED_MS = 5 * 60_000;

/**
 * The wait that a failure asks for by its `retryAfterMs`, as far as it is a sensible one; 0 when it asks for none.
 */
export function askedWaitMs(error: Error): number {
  const asked: unknown = 'retryAfterMs' in error ? error.retryAfterMs : undefined;
  return typeof asked === 'number' && asked > 0 ? Math.min(asked, LONGEST_ASKED_MS) : 0;
}

/**
 * The wait before a next try: doubles from `baseMs` up to `capMs`, and half of it is left to chance, so that what
 * failed together does not come back together.
 * @param attempt of what failed, from 1
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, baseMs: number, capMs: number, random: number): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}
