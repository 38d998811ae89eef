import type { TimelineEntry } from '../store/ledger/rows.js';

/** What a workflow must know of the attempts so far, when it takes a deletion up in the middle. */
export interface RetriesSoFar {
  /** Automatic retries since someone last moved the deletion. */
  readonly retriesUsed: number;
  /** Why the next attempt is made; null when the latest one was sent already, or nothing says. */
  readonly cause: string | null;
  /** How often it was moved again after it had been parked. */
  readonly reopened: number;
}

/** The cause of an automatic retry, in words. */
export const automaticRetry = (n: number, failureCode: string): string => `automatic retry ${n} after ${failureCode}`;

/** Counts the automatic retries of a deletion by its timeline. @param timeline in order; lines of other kinds do not matter */
export function retriesSoFar(timeline: readonly Pick<TimelineEntry, 'what' | 'cause'>[], failureCode: string | null): RetriesSoFar {
  let retriesUsed = 0;
  let cause: string | null = null;
  let reopened = 0;
  for (const line of timeline) {
    if (line.what === 'sent to Airflow') cause = null;
    if (line.what === 'parked' || line.what === 'retry') retriesUsed = 0;
    if (line.what === 'retry') {
      cause = line.cause;
      reopened++;
    }
    if (line.what === 'attempt failed') cause = automaticRetry(++retriesUsed, failureCode ?? 'DAG_FAILED');
  }
  return { retriesUsed, cause, reopened };
}
