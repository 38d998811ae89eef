import type { MendName } from '../contracts/names/index.js';
import type { Deletion } from '../store/ledger/rows.js';

/** What Temporal says of the latest run of a workflow id. */
export interface RunSeen {
  /** How it closed, in words that follow "its workflow"; undefined while it runs. */
  readonly closed?: string;
  /** The first run of its chain; servers before 1.25 do not say. */
  readonly firstRunId?: string | undefined;
  /** The request that it was last known to work for. */
  readonly requestId?: string | undefined;
  readonly startedMsAgo: number;
  /** A task or an activity of it is under way: it is about to find out by itself. */
  readonly busy: boolean;
}

/** What is to be done about a live row, and why, in words for its timeline. */
export type Mend = { readonly mend: MendName; readonly why: string } | undefined;

/**
 * How a live row of the ledger and the latest run of its workflow id are brought together; undefined when nothing is to be done.
 * @param run undefined when Temporal knows of none
 */
export function mendFor(
  row: Pick<Deletion, 'requestId' | 'kind' | 'claimedRun'>,
  run: RunSeen | undefined,
  { quietMs, reclaim }: { readonly quietMs: number; readonly reclaim: boolean },
): Mend {
  if (run === undefined || run.closed !== undefined) {
    if (row.claimedRun === null) return { mend: 'start', why: 'nothing carried it out: its workflow is started' };
    return { mend: 'take-over', why: lossOf(row.claimedRun, run) };
  }
  if (run.busy || run.startedMsAgo < quietMs) return undefined;
  if (row.claimedRun === null) {
    const waitsForClaim = row.kind === 'tenant' || run.requestId === row.requestId;
    return waitsForClaim
      ? { mend: 'reclaim', why: 'its workflow runs, and the ledger does not know: it claims again' }
      : { mend: 'join', why: 'the deletion of the same subject that runs was not told of it: it is told' };
  }
  if (run.firstRunId !== undefined && run.firstRunId !== row.claimedRun) return { mend: 'reclaim', why: 'another run of its workflow goes on than the one that owns it: that one looks at the ledger' };
  return reclaim ? { mend: 'reclaim', why: 'the ledger was restored: its workflow looks where it is' } : undefined;
}

/** Why the owner of a row is taken for lost, in words that follow "its workflow". */
function lossOf(claimedRun: string, run: RunSeen | undefined): string {
  if (run?.closed === undefined) return 'is not known to Temporal any more';
  if (run.firstRunId !== undefined && run.firstRunId !== claimedRun) return 'was lost, and the one that came after it has ended';
  return run.closed;
}
