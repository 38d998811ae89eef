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
