import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { latenciesOf, median, percentile, rotated, spreadOf } from '../../../bench/measure/statistics.rules.js';

const figures = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 300 });

describe('a percentile', () => {
  test('is by nearest rank, whatever the order', () => {
    const values = [50, 15, 40, 20, 35]; // https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method
    expect([0.05, 0.3, 0.4, 0.5, 1].map((share) => percentile(values, share))).toEqual([15, 20, 20, 35, 50]);
  });

  test('is always a value that was measured, and at most the asked share lies under it', () => {
    fc.assert(fc.property(figures, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, share) => {
      const found = percentile(values, share);
      expect(values).toContain(found);
      expect(values.filter((value) => value < found).length).toBeLessThan(share * values.length);
      expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(share * values.length - 1e-9);
    }));
  });

  test('leaves the values as they are', () => {
    const values = [3, 1, 2];
    percentile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });

  test('is refused without values, and for a share that is none', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    for (const share of [0, -1, 1.01, Number.NaN]) expect(() => percentile([1], share)).toThrow(RangeError);
  });
});

describe('latencies', () => {
  test('of a hundred values are the fiftieth, ninety-fifth, ninety-ninth and last', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(latenciesOf(values)).toEqual({ count: 100, p50: 50, p95: 95, p99: 99, max: 100 });
  });

  test('are in rising order', () => {
    fc.assert(fc.property(figures, (values) => {
      const { p50, p95, p99, max } = latenciesOf(values);
      expect([p50, p95, p99, max]).toEqual([p50, p95, p99, max].toSorted((a, b) => a - b));
    }));
  });
});

describe('a spread', () => {
  test('has least, middle and greatest', () => {
    expect(spreadOf([7, 3, 5])).toEqual({ min: 3, median: 5, max: 7, values: [7, 3, 5] });
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });
});

test('contestants take turns in going first', () => {
  const orders = [0, 1, 2, 3].map((repetition) => rotated(['a', 'b', 'c'], repetition).join(''));
  expect(orders).toEqual(['abc', 'bca', 'cab', 'abc']);
});
