import { expect, test } from 'vitest';
import { indexFigures } from '../../../bench/measure/index-times.rules.js';

test('the lag is what was produced and not yet indexed, at the end of each step and at its most', () => {
  const events = [
    { producedAtMs: 1_000, indexedAtMs: 1_010 },
    { producedAtMs: 1_100, indexedAtMs: 2_600 },
    { producedAtMs: 1_200, indexedAtMs: 1_300 },
    { producedAtMs: 2_500, indexedAtMs: 2_550 },
  ];
  const found = indexFigures(events, 1_000);
  expect(found.lagOverTime).toEqual([{ second: 1, produced: 3, indexed: 2, lag: 1 }, { second: 2, produced: 4, indexed: 4, lag: 0 }]);
  expect(found).toMatchObject({ events: 4, mostLag: 2, perSecond: 2.5, latencyMs: { count: 4, p50: 50, max: 1_500 } });
});

test('what is indexed out of order is waited for', () => {
  const found = indexFigures([{ producedAtMs: 0, indexedAtMs: 5_000 }, { producedAtMs: 10, indexedAtMs: 20 }], 1_000);
  expect(found.lagOverTime.map(({ lag }) => lag)).toEqual([1, 1, 1, 1, 0]);
  expect(found.perSecond).toBe(0.4);
});

test('no events have no figures', () => {
  expect(() => indexFigures([], 1_000)).toThrow(RangeError);
});
