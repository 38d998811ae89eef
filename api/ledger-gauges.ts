import { DELETION_KINDS, DELETION_STATUSES, FAILURE_CODES, isFinal, SUBJECT_KINDS } from '../contracts/names/index.js';
import { within } from '../platform/deadline.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { LedgerStats } from '../store/ledger/stats.js';

export interface LedgerGauges {
  readonly metrics: Pick<Metrics, (typeof WITH_LABELS)[number] | (typeof WITHOUT_LABELS)[number]>;
  readonly readStats: () => Promise<LedgerStats>;
  /** Scrapes nearer to one another than this are answered from one count. */
  readonly maxAgeMs: number;
  /** A scrape waits no longer than this for the count: the other metrics must come through while the ledger hangs. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly now?: () => number;
}

const WITH_LABELS = ['inFlight', 'parkedNow', 'verdictsRecent', 'resurrectedRecent'] as const;
const WITHOUT_LABELS = ['overdue', 'dueSoon', 'noProgress', 'tenantsUnknown'] as const;
/** The verdicts that somebody has to look at. */
const VERDICTS_TO_LOOK_AT = ['RESIDUAL', 'UNVERIFIABLE'] as const;

/**
 * What the ledger says of itself, counted when it is asked for: it outlives every process that might have counted.
 * While the ledger cannot be read the gauges are absent: an old number would say that all is well.
 * @returns what to call before each scrape; it does not throw.
 */
export function createLedgerGauges({ metrics, readStats, maxAgeMs, timeoutMs, log, now = Date.now }: LedgerGauges): () => Promise<void> {
  let countedAt = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;

  const count = async (): Promise<void> => {
    try {
      const stats = readStats();
      if (!(await within(stats, timeoutMs))) throw new Error(`no answer within ${timeoutMs} ms`);
      tell(metrics, await stats);
      countedAt = now();
    } catch (error) {
      log.warn({ err: error }, 'the ledger cannot be counted; its gauges are left out');
      forget(metrics);
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

/** What there is none of is told as 0, so that an alert sees the first. */
function tell(metrics: LedgerGauges['metrics'], stats: LedgerStats): void {
  for (const kind of DELETION_KINDS) {
    for (const status of DELETION_STATUSES.filter((known) => !isFinal(known))) metrics.inFlight.set({ kind, status }, 0);
    for (const code of FAILURE_CODES) metrics.parkedNow.set({ kind, code }, 0);
  }
  for (const { kind, status, count } of stats.inFlight) metrics.inFlight.set({ kind, status }, count);
  for (const { kind, code, count } of stats.parked) metrics.parkedNow.set({ kind, code }, count);
  metrics.overdue.set(stats.overdue);
  metrics.dueSoon.set(stats.dueSoon);
  metrics.noProgress.set(stats.noProgressSeconds);
  metrics.tenantsUnknown.set(stats.tenantsUnknown);
  for (const verdict of VERDICTS_TO_LOOK_AT) metrics.verdictsRecent.set({ verdict }, stats.verdicts[verdict] ?? 0);
  for (const kind of SUBJECT_KINDS) metrics.resurrectedRecent.set({ kind }, stats.resurrected[kind] ?? 0);
}

function forget(metrics: LedgerGauges['metrics']): void {
  for (const name of WITH_LABELS) metrics[name].reset();
  // reset() would leave a 0 in these.
  for (const name of WITHOUT_LABELS) metrics[name].remove();
}
