import { setTimeout as sleep } from 'node:timers/promises';
import { createFlow, type Gathering } from './gathering.rules.js';
import { underNoSpan } from './tracing/spans.js';

export interface BatchingOptions {
  /** Items of one batch at the most. */
  readonly mostItems: number;
  /** Whether one of the items may be to blame for the failure of a batch: each is then tried on its own. */
  readonly mayBeOfOne?: (error: unknown) => boolean;
  /** When to let more gather before a batch; never when left out. */
  readonly gathering?: Gathering;
}

/** For what is asked once or twice for a deletion, and may be answered a little later where there are many. */
export const WHERE_THERE_ARE_MANY: Gathering = { fromPerSecond: 15, together: 10, mostMs: 100 };

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Does together what is asked for while an earlier batch is under way: one round trip for many. What is asked for alone is
 * done at once.
 * @param work gives one result for each item, in their order; an Error fails that item alone
 * @returns does one item, in a batch with others
 */
export function inBatches<Item, Result>(work: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>, { mostItems, mayBeOfOne = () => false, gathering }: BatchingOptions): (item: Item) => Promise<Result> {
  const flow = gathering && createFlow(gathering);
  const waiting: Waiting<Item, Result>[] = [];
  let running: Promise<void> | undefined;

  const doTogether = async (batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await work(batch.map(({ item }) => item));
      for (const [i, { resolve, reject }] of batch.entries()) {
        const result = results[i];
        if (result instanceof Error || result === undefined) reject(result ?? new Error('a batch gave no result for one of its items'));
        else resolve(result);
      }
    } catch (error) {
      if (batch.length > 1 && mayBeOfOne(error)) await Promise.all(batch.map((one) => doTogether([one])));
      else for (const { reject } of batch) reject(error);
    }
  };

  const run = async (): Promise<void> => {
    // What is asked for in the same turn of the event loop goes together.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const rest = waiting.length < mostItems ? flow?.restMs() : 0;
      if (rest) await sleep(rest);
      const batch = waiting.splice(0, mostItems);
      flow?.went(batch.length);
      await doTogether(batch);
    }
    running = undefined;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      running ??= underNoSpan(run);
    });
}
