import { describe, expect, test } from 'vitest';
import { createPace } from '../../../platform/pace.js';

describe('a pace', () => {
  test('lets callers through evenly, however many come at once', async () => {
    let now = 0;
    const waits: number[] = [];
    const pace = createPace(50, () => now, (ms) => Promise.resolve(waits.push(ms)));
    await Promise.all(Array.from({ length: 5 }, pace));
    expect(waits).toEqual([20, 40, 60, 80]);
    now = 1_000;
    await pace();
    expect(waits).toHaveLength(4);
  });

  test('gathers no credit while nobody comes', async () => {
    let now = 0;
    const waits: number[] = [];
    const pace = createPace(10, () => now, (ms) => Promise.resolve(waits.push(ms)));
    now = 60_000;
    await Promise.all([pace(), pace(), pace()]);
    expect(waits).toEqual([100, 200]);
  });
});
