import { setTimeout as pause } from 'node:timers/promises';
import type { House } from '../support/house.js';
import type { ChaosLoad, ChaosRequest } from './load.js';
import type { Random } from './random.js';

/** Requests on their way to Kafka. */
export interface Sending {
  /** Sends what is left at once. */
  hurry(): void;
  /** All were taken by Kafka, each at least once. @throws Error when Kafka takes one not at all, for minutes */
  readonly done: Promise<void>;
}

const AT_ONCE = 4;
const AGAIN_AFTER_MS = 250;
const GIVE_UP_AFTER_MS = 180_000;

/** Sends the first share of a load at once and the rest bit by bit. What Kafka does not take is sent again, as a producer does. */
export function sendLoad(house: House, load: ChaosLoad, { firstShare, spreadMs, random }: { readonly firstShare: number; readonly spreadMs: number; readonly random: Random }): Sending {
  const left = [...load.sequence];
  const haste = new AbortController();

  const send = async (requests: readonly ChaosRequest[]): Promise<void> => {
    const givenUpAt = performance.now() + GIVE_UP_AFTER_MS;
    for (;;) {
      try {
        await house.send(...requests.map(({ message }) => message));
        return;
      } catch (error) {
        if (performance.now() > givenUpAt) throw error;
        await pause(AGAIN_AFTER_MS);
      }
    }
  };
  const run = async (): Promise<void> => {
    await send(left.splice(0, Math.ceil(left.length * firstShare)));
    const longestGapMs = (2 * spreadMs * AT_ONCE) / Math.max(left.length, 1);
    while (left.length > 0) {
      await send(left.splice(0, haste.signal.aborted ? left.length : AT_ONCE));
      if (!haste.signal.aborted) await pause(random.between(0, longestGapMs), undefined, { signal: haste.signal }).catch(() => undefined);
    }
  };
  const done = run();
  done.catch(() => undefined); // told by whoever waits for it
  return { done, hurry: () => haste.abort() };
}
