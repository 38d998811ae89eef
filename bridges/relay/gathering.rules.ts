/** From so many rows a second on, a sender lets them gather. */
const FROM_PER_SECOND = 40;
/** So many are to go together. */
const TOGETHER = 10;
const MOST_MS = 100;

/** How many rows a second are being sent, by the last second or so: `rows` more, `elapsedMs` after `rate` was found. */
export const rateAfter = (rate: number, rows: number, elapsedMs: number): number => rate * Math.exp(-elapsedMs / 1000) + rows;

/**
 * How long a sender rests before it looks again, in ms. Each batch costs a statement and a request to the broker, and wakes its readers,
 * however few rows it has; a row that comes alone is never kept waiting.
 */
export const restMs = (rate: number): number => (rate < FROM_PER_SECOND ? 0 : Math.min(MOST_MS, (1000 * TOGETHER) / rate));
