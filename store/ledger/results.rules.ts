import { isFinal } from '../../contracts/names/index.js';
import type { Attempt, Deletion } from './rows.js';

/** What to do with a result that came for an attempt. */
export interface ResultVerdict {
  /** Write it to the attempt. */
  readonly keep: boolean;
  /** Tell the workflow. */
  readonly wake: boolean;
  /** What the timeline says of it; undefined for a plain repeat or for what the workflow will write itself. */
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
  const repeat = attempt.result === status;
  if (isFinal(deletion.status)) {
    if (repeat) return { keep: false, wake: false };
    return { keep: attempt.result !== 'SUCCESS', wake: false, note: `came after the end (${deletion.status}), changes nothing` };
  }
  // A repeat wakes again: the first may have crashed between its commit and its signal.
  if (status === 'SUCCESS') return { keep: !repeat, wake: true };
  if (attempt.result === 'SUCCESS') return { keep: false, wake: false, note: 'after a SUCCESS of the same attempt, ignored' };
  const current = attempt.attempt === deletion.attempt && deletion.status === 'SENT_TO_AIRFLOW';
  if (current) return { keep: !repeat, wake: true };
  return repeat ? { keep: false, wake: false } : { keep: true, wake: false, note: 'of an earlier or overdue attempt, changes nothing' };
}
