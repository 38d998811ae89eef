/** Least, middle and greatest of some figures. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly values: readonly number[];
}

/** Latencies of one run, in ms. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The value that `share` of the values do not exceed, by nearest rank: always one that was measured.
 * @param share in (0, 1]
 * @throws RangeError without values, or with a share outside its range
 */
export function percentile(values: readonly number[], share: number): number {
  if (!(share > 0 && share <= 1)) throw new RangeError(`A share lies above 0 and is at most 1; this one is ${share}.`);
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.ceil(share * sorted.length) - 1];
  if (found === undefined) throw new RangeError('There is no percentile of no values.');
  return found;
}

/** @throws RangeError without values */
export const latenciesOf = (values: readonly number[]): Latencies => ({
  count: values.length,
  p50: percentile(values, 0.5),
  p95: percentile(values, 0.95),
  p99: percentile(values, 0.99),
  max: percentile(values, 1),
});

/** The middle value; of an even number the mean of the two in the middle. @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('There is no median of no values.');
  return (lower + upper) / 2;
}

/** @throws RangeError without values */
export const spreadOf = (values: readonly number[]): Spread => ({ min: percentile(values, Number.MIN_VALUE), median: median(values), max: percentile(values, 1), values });

/** The order of the contestants in a repetition: each comes first, second, … as often as the others. @param repetition from 0 */
export const rotated = <T>(items: readonly T[], repetition: number): readonly T[] => items.map((_, i) => items[(i + repetition) % items.length] as T);
