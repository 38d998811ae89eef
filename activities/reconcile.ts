import type { MendName, ReconcileReport } from '../contracts/names/index.js';
import type { Database } from '../store/database.js';
import { isAsItWas, liveRowsAfter, noteMend, type LiveRow } from '../store/ledger/live.js';
import type { ReconcileActivities, TakeOver } from './answers.js';
import { toApplicationFailure } from './failure.js';
import { mendFor, type RunSeen } from './reconcile.rules.js';

/** What the reconciler asks of Temporal. None of it lists. */
export interface Runs {
  /** The latest run of a workflow id; undefined when Temporal knows of none. */
  latest(workflowId: string): Promise<RunSeen | undefined>;
  /** Has a row carried out as the ingress does, or the relay: starts its workflow, or tells the one that runs. */
  startOrJoin(row: LiveRow): Promise<void>;
  /** Starts a run in the place of a lost one. @returns false when another has been started meanwhile */
  takeOver(row: LiveRow, lost: TakeOver): Promise<boolean>;
  /** Has the run of a workflow id look at the ledger. @returns false when none runs any more */
  reclaim(workflowId: string): Promise<boolean>;
}

/** What Temporal refuses for what it is: the one row is left, and the others go on. */
export class RunRefused extends Error {
  override readonly name = 'RunRefused';
}

export interface ReconcileDeps {
  readonly database: Database;
  readonly runs: Runs;
  /** Rows of which something was written since are left alone, and so are runs that are younger. */
  readonly quietMs: number;
  /** Waits until Temporal may be asked again. */
  readonly pace: () => Promise<void>;
  /** Told after each row; throws when the page is to be given up. */
  readonly alive: () => void;
  /** Makes sure that what Temporal is not found to know is not there; throws when that cannot be told. */
  readonly mustSee: () => Promise<void>;
  readonly events: ReconcileEvents;
}

export interface ReconcileEvents {
  looked(rows: number): void;
  mended(kind: string, mend: MendName, requestId: string, why: string): void;
  failed(requestId: string, error: Error): void;
  gaveUp(error: unknown): void;
}

const PAGE = 200;
const ABREAST = 8;

/** Makes the reconciler's activity. A page that runs twice finds the second time what is left to mend. */
export function createReconcileActivities(deps: ReconcileDeps): ReconcileActivities {
  return {
    reconcilePage: async ({ after, reclaim }) => {
      try {
        await deps.mustSee();
        const rows = await liveRowsAfter(deps.database, { after, quietMs: deps.quietMs, limit: PAGE });
        const report = await reconcileRows(deps, rows, reclaim);
        deps.events.looked(rows.length);
        const last = rows.at(-1);
        return { report, ...(last && rows.length === PAGE && { next: last.place }) };
      } catch (error) {
        deps.events.gaveUp(error);
        throw toApplicationFailure(error);
      }
    },
  };
}

async function reconcileRows(deps: ReconcileDeps, rows: readonly LiveRow[], reclaim: boolean): Promise<ReconcileReport> {
  const mended = { start: 0, join: 0, 'take-over': 0, reclaim: 0 };
  const requestIds: string[] = [];
  let failed = 0;
  const waiting = [...rows];
  const next = async (): Promise<void> => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      try {
        const done = await reconcileRow(deps, row, reclaim);
        if (done) {
          mended[done]++;
          requestIds.push(row.requestId);
        }
      } catch (error) {
        if (!(error instanceof RunRefused)) {
          waiting.splice(0); // nobody goes on while the page is given up
          throw error;
        }
        failed++;
        deps.events.failed(row.requestId, error);
      }
      deps.alive();
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, next));
  return { looked: rows.length, mended, requestIds, failed };
}

/** @returns how it was mended, when it was */
async function reconcileRow({ database, runs, quietMs, pace, events }: ReconcileDeps, row: LiveRow, reclaim: boolean): Promise<MendName | undefined> {
  await pace();
  const what = mendFor(row, await runs.latest(row.workflowId), { quietMs, reclaim });
  if (!what) return undefined;
  const { mend, why } = what;
  // Whoever ended or took it has written so before its run closed: what is as it was now will not be mended by itself.
  const done = mend === 'take-over' ? (await isAsItWas(database, row)) && (await takeOver(runs, row, why)) : (await noteMend(database, row, why)) && (await act(runs, mend, row));
  if (!done) return undefined;
  events.mended(row.kind, mend, row.requestId, why);
  return mend;
}

async function takeOver(runs: Runs, row: LiveRow, why: string): Promise<boolean> {
  return row.claimedRun !== null && runs.takeOver(row, { run: row.claimedRun, why });
}

async function act(runs: Runs, mend: Exclude<MendName, 'take-over'>, row: LiveRow): Promise<boolean> {
  if (mend === 'reclaim') return runs.reclaim(row.workflowId);
  await runs.startOrJoin(row);
  return true;
}
