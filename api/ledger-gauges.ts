import { DELETION_KINDS, DELETION_STATUSES, isFinal } from '../contracts/names/index.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { LedgerStats } from '../store/ledger/read.js';

export interface LedgerGauges {
  readonly metrics: Pick<Metrics, 'inFlight' | 'overdue' | 'dueSoon'>;
  readonly readStats: () => Promise<LedgerStats>;
  /** Scrapes nearer to one another than this are answered from one count. */
  readonly maxAgeMs: number;
  /** A scrape waits no longer than this for the count: the other metrics must come through while the ledger hangs. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly now?: () => number;
}

/**
 * Counts for the gauges in flight, overdue and due soon, made when they are asked for.
 * While the ledger cannot be read the gauges are absent: an old number would say that all is well.
 * @returns what to call before each scrape; it does not throw.
 */
export function createLedgerGauges({ metrics, readStats, maxAgeMs, timeoutMs, log, now = Date.now }: LedgerGauges): () => Promise<void> {
  let countedAt = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;

  const count = async (): Promise<void> => {
    try {
      const { inFlight, overdue, dueSoon } = await within(timeoutMs, readStats());
      for (const kind of DELETION_KINDS) {
        for (const status of DELETION_STATUSES.filter((known) => !isFinal(known))) metrics.inFlight.set({ kind, status }, 0);
      }
      for (const { kind, status, count: found } of inFlight) metrics.inFlight.set({ kind, status }, found);
      metrics.overdue.set(overdue);
      metrics.dueSoon.set(dueSoon);
      countedAt = now();
    } catch (error) {
      log.warn({ err: error }, 'the ledger cannot be counted; its gauges are left out');
      // reset() alone would leave a 0 in gauges without labels.
      metrics.inFlight.reset();
      metrics.overdue.remove();
      metrics.dueSoon.remove();
      countedAt = Number.NEGATIVE_INFINITY;
    } finally {
      counting = undefined;
    }
  };
  return () => {
    if (now() - countedAt < maxAgeMs) return Promise.resolve();
    return (counting ??= count());
  };
}

async function within<T>(timeoutMs: number, result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${timeoutMs} ms`)); }, timeoutMs);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
