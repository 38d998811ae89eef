// @ts-check

const FIRST_MS = 1_500;
const LAST_MS = 30_000;
const GROWS_BY = 1.5;

/**
 * How long to wait before the next look, in ms: soon after something moved, and ever longer while nothing does.
 * @param {number | undefined} beforeMs the wait before; undefined to begin with
 * @param {boolean} moved
 */
export function nextWaitMs(beforeMs, moved) {
  if (beforeMs === undefined || moved) return FIRST_MS;
  return Math.min(LAST_MS, Math.round(beforeMs * GROWS_BY));
}
