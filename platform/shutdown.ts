import { within } from './deadline.js';
import type { Log } from './log.js';

/** One thing to stop. */
export interface Stoppable {
  readonly name: string;
  stop: () => Promise<void>;
}

/** Groups stop one after another; what is in a group stops together. */
export type StopOrder = readonly (readonly Stoppable[])[];

export type StopOutcome = 'stopped' | 'late' | 'failed';

/**
 * Stops all of it within the deadline. One that fails to stop does not keep the others from being asked.
 * @returns `late` when the deadline passed first, `failed` when one threw.
 */
export async function stopAll(order: StopOrder, { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Log }): Promise<StopOutcome> {
  const pending = new Set(order.flat().map(({ name }) => name));
  let failed = false;
  const inOrder = async (): Promise<StopOutcome> => {
    for (const group of order) {
      await Promise.all(group.map(async ({ name, stop }) => {
        try {
          await stop();
        } catch (error) {
          failed = true;
          log.error({ err: error, part: name }, 'did not stop cleanly');
        }
        pending.delete(name);
      }));
    }
    return failed ? 'failed' : 'stopped';
  };
  const stopped = inOrder();
  if (await within(stopped, timeoutMs)) return stopped;
  log.error({ parts: [...pending], timeoutMs }, 'did not stop in time; left behind');
  return 'late';
}

/** The part of `process` that shutting down needs. */
export interface ProcessSignals {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  exit(code: number): void;
}

/**
 * On the first SIGTERM or SIGINT aborts `stopping` (so that waiting parts give up), stops in order and exits: 0 when all stopped,
 * 1 otherwise. The second signal exits at once with 130.
 * @param order asked when the signal comes, so that what was started by then is stopped.
 */
export function stopOnSignals(order: () => StopOrder, { timeoutMs, log, stopping, signals = process }: {
  readonly timeoutMs: number; readonly log: Log; readonly stopping: AbortController; readonly signals?: ProcessSignals;
}): void {
  let asked = false;
  const onSignal = (signal: string) => () => {
    if (asked) {
      log.warn({ signal }, 'asked a second time; exiting at once');
      signals.exit(130);
      return;
    }
    asked = true;
    log.info({ signal }, 'stopping');
    stopping.abort(new Error(`stopped by ${signal}`));
    void stopAll(order(), { timeoutMs, log }).then((outcome) => {
      log.info({ outcome }, 'stopped');
      signals.exit(outcome === 'stopped' ? 0 : 1);
    });
  };
  signals.on('SIGTERM', onSignal('SIGTERM'));
  signals.on('SIGINT', onSignal('SIGINT'));
}
