import { backoffDelayMs, type Backoff } from '../platform/backoff.rules.js';
import type { Log } from '../platform/log.js';

export interface PeriodicOptions {
  /** What it does, in the log. */
  readonly name: string;
  readonly everyMs: number;
  readonly log: Log;
  /** Waits after failures; from a quarter second to 15 s when left out. */
  readonly backoff?: Backoff;
}

export interface Periodic {
  /** Has the work done now, or once more when it is being done; a wait after a failure is not cut short. */
  wake(): void;
  /** Whether the work was last done without a failure. */
  healthy(): boolean;
  /** Waits for what is being done, and ends. */
  stop(): Promise<void>;
}

const USUAL: Backoff = { firstMs: 250, maxMs: 15_000 };

/**
 * Does work at once, and then again and again. A failure is an outage: logged on the 1st, 2nd, 4th, 8th… time, and waited out.
 * @param work may give a number: in how many milliseconds it wants to be called again, if that is sooner than usual.
 */
export function periodically(work: (signal: AbortSignal) => Promise<unknown>, { name, everyMs, log, backoff = USUAL }: PeriodicOptions): Periodic {
  const stopping = new AbortController();
  const stopped = (): boolean => stopping.signal.aborted;
  let wakings = 0;
  let failures = 0;
  let endWait: (() => void) | undefined;
  let deaf = false;

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        endWait = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      endWait = end;
    });

  const run = async (): Promise<void> => {
    while (!stopped()) {
      const wakingsBefore = wakings;
      try {
        const againInMs = await work(stopping.signal);
        if (failures > 0) log.info({ failures }, `${name}: goes on`);
        failures = 0;
        if (stopped()) return;
        if (wakings === wakingsBefore) await wait(typeof againInMs === 'number' ? Math.min(againInMs, everyMs) : everyMs);
      } catch (error) {
        if (stopped()) return;
        failures += 1;
        const delayMs = backoffDelayMs(failures, backoff);
        if (Number.isInteger(Math.log2(failures))) log.warn({ err: error, failures, delayMs }, `${name}: failed; trying again`);
        deaf = true;
        await wait(delayMs);
        deaf = false;
      }
    }
  };
  const running = run();

  return {
    wake: () => {
      wakings++;
      if (!deaf) endWait?.();
    },
    healthy: () => failures === 0,
    stop: async () => {
      stopping.abort();
      endWait?.();
      await running;
    },
  };
}
