import { isFinal, type AirflowResultSignal, type FailureCode } from '../../contracts/names/index.js';
import type { Database } from '../database.js';
import { lockDeletion } from './locked-deletion.js';
import type { Attempt } from './rows.js';
import { judgeResult } from './results.rules.js';

/** What Airflow, or the bridge that speaks for it, reported of a job. */
export interface JobResult {
  readonly jobId: string;
  readonly airflowRunId: string;
  readonly status: 'SUCCESS' | 'FAILURE';
  readonly counts: Record<string, number>;
  /** Airflow's own words; they stay in the ledger. */
  readonly errorText: string | null;
  /** With FAILURE. */
  readonly failureCode: FailureCode;
}

export type RecordedResult =
  | { readonly outcome: 'unknown-job' }
  /** The deletion is live: its workflow must hear of it. */
  | { readonly outcome: 'wake'; readonly workflowId: string; readonly signal: AirflowResultSignal }
  /** It changes nothing; the timeline has it unless it is a repeat. */
  | { readonly outcome: 'noted' | 'repeat'; readonly requestId: string }
  /** A SUCCESS after a cancel: something was erased that should not have been. */
  | { readonly outcome: 'erased-after-cancel'; readonly requestId: string };

/** Writes a job's result to its attempt and tells what must follow. Safe to repeat. */
export async function recordResult(database: Database, result: JobResult): Promise<RecordedResult> {
  return database.transaction(async (tx) => {
    const [found] = await tx.rows<{ requestId: string }>('SELECT request_id FROM attempts WHERE job_id = $1', [result.jobId]);
    if (!found) return { outcome: 'unknown-job' };
    const deletion = await lockDeletion(tx, found.requestId);
    const [attempt] = await tx.rows<Attempt>('SELECT * FROM attempts WHERE job_id = $1', [result.jobId]);
    if (!deletion || !attempt) throw new Error('an attempt has no deletion');
    // A withdrawal may have moved the attempt to another request before the lock was taken: look again.
    if (attempt.requestId !== found.requestId) throw new Error('the attempt moved to another request, try again');

    const { row } = deletion;
    const verdict = judgeResult(row, attempt, result.status);
    if (verdict.keep) {
      await tx.rows(
        `UPDATE attempts SET result = $2, result_at = now(), airflow_run_id = $3, failure_code = $4, error_text = $5, counts = $6
         WHERE job_id = $1`,
        [
          result.jobId,
          result.status,
          result.airflowRunId,
          result.status === 'FAILURE' ? result.failureCode : null,
          result.errorText,
          JSON.stringify(result.counts),
        ],
      );
    }
    if (verdict.note) {
      deletion.note({ what: 'result', cause: `${result.status} of attempt ${attempt.attempt}: ${verdict.note}` });
      deletion.flush();
    }
    if (verdict.wake) {
      const signal: AirflowResultSignal = {
        requestId: row.requestId,
        attempt: attempt.attempt,
        status: result.status,
        ...(result.status === 'FAILURE' && { failureCode: result.failureCode }),
      };
      return { outcome: 'wake', workflowId: row.workflowId, signal };
    }
    if (verdict.note && result.status === 'SUCCESS' && row.status === 'CANCELLED' && !row.dryRun) {
      return { outcome: 'erased-after-cancel', requestId: row.requestId };
    }
    return { outcome: verdict.note ? 'noted' : 'repeat', requestId: row.requestId };
  });
}

/** Whether a deletion has ended, for whoever could not find its workflow. */
export async function hasEnded(database: Database, requestId: string): Promise<boolean> {
  const [row] = await database.rows<{ status: Parameters<typeof isFinal>[0] }>('SELECT status FROM deletions WHERE request_id = $1', [requestId]);
  return row !== undefined && isFinal(row.status);
}
