import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs } from './backoff.rules.js';
import type { Backoff } from './backoff.rules.js';
import type { Log } from './log.js';

export interface Patience {
  /** What is waited for, in the log: "Temporal at localhost:7233". */
  readonly what: string;
  readonly log: Log;
  /** Ends the wait, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it can help to try again; anything else is thrown at once. Yes when left out. */
  readonly worthRetrying?: (error: unknown) => boolean;
  readonly backoff?: Backoff;
}

const USUAL: Backoff = { firstMs: 250, maxMs: 15_000 };

/**
 * Does what may fail because something else is down, until it succeeds. The 1st, 2nd, 4th, 8th… failure is logged, so that a long
 * outage leaves a short log.
 * @throws what is not worth retrying, and the signal's reason.
 */
export async function untilReachable<T>(act: () => Promise<T>, { what, log, signal, worthRetrying = () => true, backoff = USUAL }: Patience): Promise<T> {
  for (let failedTries = 0; ; ) {
    signal?.throwIfAborted();
    try {
      const result = await act();
      if (failedTries > 0) log.info({ failedTries }, `${what} can be reached again`);
      return result;
    } catch (error) {
      if (!worthRetrying(error)) throw error;
      failedTries += 1;
      const delayMs = backoffDelayMs(failedTries, backoff);
      if (Number.isInteger(Math.log2(failedTries))) log.warn({ err: error, failedTries, delayMs }, `${what} cannot be reached; trying again`);
      await sleep(delayMs, undefined, signal ? { signal } : {});
    }
  }
}
