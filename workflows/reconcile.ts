import { continueAsNew, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { MENDS, type ReconcileInput, type ReconcileReport } from '../contracts/names/index.js';
import type { ReconcileActivities } from '../activities/answers.js';

/** Where a pass is that goes on as a new run. */
interface UnderWay {
  readonly after: string;
  readonly report: ReconcileReport;
}

// A page waits for whatever is out; the next pass is not begun meanwhile, because the schedule skips it.
const { reconcilePage } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

const NOTHING_YET: ReconcileReport = { looked: 0, mended: { start: 0, join: 0, 'take-over': 0, reclaim: 0 }, requestIds: [], failed: 0 };
const REQUEST_IDS_KEPT = 100;

/** Compares every live row of the ledger with Temporal, a page after another, and mends what does not agree. */
export async function reconcile(input?: ReconcileInput, underWay?: UnderWay): Promise<ReconcileReport> {
  let report = underWay?.report ?? NOTHING_YET;
  let after = underWay?.after;
  for (;;) {
    const page = await reconcilePage({ reclaim: input?.reclaim === true, ...(after !== undefined && { after }) });
    report = sumOf(report, page.report);
    if (page.next === undefined) break;
    after = page.next;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof reconcile>(input ?? {}, { after, report });
  }
  setCurrentDetails(`${report.looked} live deletions looked at, ${MENDS.map((name) => `${name}: ${report.mended[name]}`).join(', ')}.`);
  return report;
}

const sumOf = (one: ReconcileReport, other: ReconcileReport): ReconcileReport => ({
  looked: one.looked + other.looked,
  mended: Object.fromEntries(MENDS.map((name) => [name, one.mended[name] + other.mended[name]])) as ReconcileReport['mended'],
  requestIds: [...one.requestIds, ...other.requestIds].slice(0, REQUEST_IDS_KEPT),
  failed: one.failed + other.failed,
});
