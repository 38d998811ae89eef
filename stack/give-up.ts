import type { Tell } from './acquire.js';
import { GivenUpError, messageOf, MissingToolError, PartFailedError } from './errors.js';

/** Within it, every part knows whether what it needs is there. */
const LOOKING_MS = 3_000;

/** What came of a step that all parts took side by side. */
export interface Outcome<T> {
  readonly values: readonly T[];
  /** One error for all of them. */
  readonly failure: Error | undefined;
}

/** One error for all that is missing, so that a person installs once. */
export function summarise(failures: readonly unknown[]): Error {
  const own = failures.filter((failure) => !(failure instanceof GivenUpError));
  const telling = own.length > 0 ? own : failures;
  const missing = telling.filter((failure) => failure instanceof MissingToolError);
  if (missing.length > 0) return new MissingToolError(missing.map(({ message }) => message).join('\n'));
  const [first] = telling;
  return telling.length === 1 && first instanceof Error ? first : new PartFailedError(telling.map(messageOf).join('\n'));
}

/** Parts that start side by side and are given up together: when one fails, or the caller says so. */
export function givingUpTogether(outer: AbortSignal | undefined): {
  readonly signal: AbortSignal;
  all<I, T>(items: readonly I[], tell: (item: I) => Tell, step: (item: I) => Promise<T>): Promise<Outcome<T>>;
  /** The start is done: the caller's signal has no say any more. */
  over(): void;
} {
  const abort = new AbortController();
  const giveUp = (): void => {
    abort.abort(new GivenUpError());
  };
  outer?.addEventListener('abort', giveUp);
  if (outer?.aborted === true) giveUp();
  return {
    signal: abort.signal,
    async all(items, tell, step) {
      let lateGiveUp: NodeJS.Timeout | undefined;
      const settled = await Promise.allSettled(
        items.map(async (item) => {
          try {
            return await step(item);
          } catch (thrown) {
            // What a part meets after the start was given up is a consequence: timers and requests that were cut short.
            const error = abort.signal.aborted && !(thrown instanceof PartFailedError) ? new GivenUpError() : thrown;
            tell(item)('failed', messageOf(error).split('\n')[0]);
            // A missing tool leaves the others time to look too: all that is missing is told at once.
            if (error instanceof MissingToolError) lateGiveUp ??= setTimeout(giveUp, LOOKING_MS);
            else giveUp();
            throw error;
          }
        }),
      );
      clearTimeout(lateGiveUp);
      const values = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const failures = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      return { values, failure: failures.length > 0 ? summarise(failures) : undefined };
    },
    over: () => {
      outer?.removeEventListener('abort', giveUp);
    },
  };
}
