import { describe, expect, test } from 'vitest';
import { createFlow, rateAfter, restMs, type Gathering } from '../../../platform/gathering.rules.js';

const GATHERING: Gathering = { fromPerSecond: 40, together: 10, mostMs: 100 };

describe('what gathers', () => {
  /** The rate after `seconds` in which so many a second went, `each` at a time. */
  const rateAt = (perSecond: number, each: number, seconds = 5): number =>
    Array.from({ length: (perSecond * seconds) / each }).reduce<number>((rate) => rateAfter(rate, each, (1000 * each) / perSecond), 0);

  test('is known to be as many as went in the last second, whatever the size of the batches', () => {
    for (const perSecond of [5, 50, 500]) for (const each of [1, 5]) expect(rateAt(perSecond, each) / perSecond).toBeGreaterThan(0.99);
    for (const perSecond of [50, 500]) for (const each of [1, 5]) expect(rateAt(perSecond, each) / perSecond).toBeLessThan(1.06);
    expect(rateAfter(rateAt(500, 5), 0, 5_000)).toBeLessThan(5);
  });

  test('is kept waiting by nobody while few come', () => {
    expect(restMs(0, GATHERING)).toBe(0);
    expect(restMs(rateAt(30, 3), GATHERING)).toBe(0);
    expect(restMs(rateAfter(0, 20, 60_000), GATHERING)).toBe(0);
  });

  test('is waited for until ten have come where many do, and no longer than a tenth of a second', () => {
    expect(restMs(rateAt(80, 2), GATHERING)).toBe(100);
    expect(restMs(rateAt(500, 5), GATHERING)).toBeCloseTo(20, 0);
    expect(restMs(rateAt(10_000, 100), GATHERING)).toBeLessThan(1.01);
  });

  test('is forgotten when nothing more comes', () => {
    let nowMs = 0;
    const flow = createFlow(GATHERING, () => nowMs);
    for (let n = 0; n < 100; n++) {
      nowMs += 10;
      flow.went(1);
    }
    expect(flow.restMs()).toBe(100);
    nowMs += 5_000;
    expect(flow.restMs()).toBe(0);
    flow.went(1);
    expect(flow.restMs()).toBe(0);
  });
});
