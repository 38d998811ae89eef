import { isFinal } from '../../contracts/names/index.js';
import type { Attempt, Deletion } from './rows.js';

/** What to do with a result that came for an attempt. */
export interface ResultVerdict {
  /** Write it to the attempt. */
  readonly keep: boolean;
  /** Tell the workflow. */
  readonly wake: boolean;
  /** What the timeline says of it; undefined for a plain repeat or for what the workflow is told. */
  readonly note?: string;
}

/**
 * Any SUCCESS of any attempt before the end counts; a FAILURE counts for the current attempt only, once; a SUCCESS is never
 * taken back by a FAILURE; what comes after the end is kept in the timeline and changes nothing.
 */
export function judgeResult(
  deletion: Pick<Deletion, 'status' | 'attempt'>,
  attempt: Pick<Attempt, 'attempt' | 'result'>,
  status: 'SUCCESS' | 'FAILURE',
): ResultVerdict {
  // A repeat of what was told is told again, whatever the ledger says by now: a worker may have taken the first one, written what follows from it,
  // and died before Temporal heard of either. Its workflow waits still, and knows what to do with a result that it has had.
  if (attempt.result === status) return { keep: false, wake: mayHaveBeenTold(deletion, attempt, status) };
  if (isFinal(deletion.status)) return { keep: attempt.result !== 'SUCCESS', wake: false, note: `came after the end (${deletion.status}), changes nothing` };
  if (status === 'SUCCESS') return { keep: true, wake: true };
  if (attempt.result === 'SUCCESS') return { keep: false, wake: false, note: 'after a SUCCESS of the same attempt, ignored' };
  const current = attempt.attempt === deletion.attempt && deletion.status === 'SENT_TO_AIRFLOW';
  return current ? { keep: true, wake: true } : { keep: true, wake: false, note: 'of an earlier or overdue attempt, changes nothing' };
}

/** Whether the first of this result may have been told to the workflow, by what the deletion can have become since. */
const mayHaveBeenTold = (deletion: Pick<Deletion, 'status' | 'attempt'>, { attempt }: Pick<Attempt, 'attempt'>, status: 'SUCCESS' | 'FAILURE'): boolean =>
  status === 'SUCCESS' ? !isFinal(deletion.status) || deletion.status === 'COMPLETED' : !isFinal(deletion.status) && attempt === deletion.attempt;
