import { describe, expect, test } from 'vitest';
import { inBatches } from '../../../platform/batching.js';

const doubling = (batches: number[][]) => (items: readonly number[]): Promise<number[]> => {
  batches.push([...items]);
  return Promise.resolve(items.map((item) => item * 2));
};

describe('what is done in batches', () => {
  test('goes together when it is asked for at once, and gets its own result', async () => {
    const batches: number[][] = [];
    const double = inBatches(doubling(batches), { mostItems: 10 });
    expect(await Promise.all([1, 2, 3].map(double))).toEqual([2, 4, 6]);
    expect(await double(4)).toBe(8);
    expect(batches).toEqual([[1, 2, 3], [4]]);
  });

  test('waits for the batch before it, and is gathered meanwhile', async () => {
    const batches: number[][] = [];
    const gates: (() => void)[] = [];
    const double = inBatches(async (items: readonly number[]) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return doubling(batches)(items);
    }, { mostItems: 2 });
    const first = double(1);
    await expect.poll(() => gates.length).toBe(1);
    const others = [2, 3, 4].map(double);
    gates.shift()?.();
    expect(await first).toBe(2);
    await expect.poll(() => gates.length).toBe(1);
    gates.shift()?.();
    await expect.poll(() => gates.length).toBe(1);
    gates.shift()?.();
    expect(await Promise.all(others)).toEqual([4, 6, 8]);
    expect(batches).toEqual([[1], [2, 3], [4]]);
  });

  test('gathers where there are many, and what comes alone is done at once', async () => {
    const batches: number[][] = [];
    const double = inBatches(doubling(batches), { mostItems: 100, gathering: { fromPerSecond: 5, together: 10, mostMs: 50 } });
    await Promise.all(Array.from({ length: 10 }, (_, n) => double(n)));
    // By now they are known to be many: what comes in several turns goes together.
    const second = [double(10)];
    await new Promise(setImmediate);
    second.push(double(11));
    await Promise.all(second);
    expect(batches.map((batch) => batch.length)).toEqual([10, 2]);
  });

  test('fails alone when an Error stands in the place of its result', async () => {
    const act = inBatches((items: readonly string[]) => Promise.resolve(items.map((item) => (item === 'bad' ? new Error('no') : item))), { mostItems: 10 });
    const settled = await Promise.allSettled(['a', 'bad', 'c'].map(act));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('is tried one by one when one of the batch may be to blame, and fails as one when it is an outage', async () => {
    const tries: string[][] = [];
    const act = (fault: string) =>
      inBatches(
        (items: readonly string[]) => {
          tries.push([...items]);
          return items.includes('bad') ? Promise.reject(new Error(fault)) : Promise.resolve(items);
        },
        { mostItems: 10, mayBeOfOne: (error) => error instanceof Error && error.message === 'refused' },
      );
    expect((await Promise.allSettled(['a', 'bad'].map(act('refused')))).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(tries).toEqual([['a', 'bad'], ['a'], ['bad']]);
    tries.length = 0;
    expect((await Promise.allSettled(['a', 'bad'].map(act('down')))).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(tries).toEqual([['a', 'bad']]);
  });

  test('fails when the batch gives too few results', async () => {
    const act = inBatches(() => Promise.resolve([1]), { mostItems: 10 });
    expect((await Promise.allSettled([act(1), act(2)])).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });
});
