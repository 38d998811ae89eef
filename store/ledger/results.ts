import { isFinal, type AirflowResultSignal, type FailureCode } from '../../contracts/names/index.js';
import type { Database, Transaction } from '../database.js';
import { judgeResult, type ResultVerdict } from './results.rules.js';
import { idsIn, type Attempt, type Deletion } from './rows.js';

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
  /** The deletion is live, or the result a repeat of what ended it: its workflow must hear of it, if there is one. */
  | { readonly outcome: 'wake'; readonly workflowId: string; readonly signal: AirflowResultSignal }
  /** It changes nothing; the timeline has it unless it is a repeat. */
  | { readonly outcome: 'noted' | 'repeat'; readonly requestId: string }
  /** A SUCCESS after a cancel: something was erased that should not have been. */
  | { readonly outcome: 'erased-after-cancel'; readonly requestId: string };

type LockedRow = Pick<Deletion, 'requestId' | 'workflowId' | 'status' | 'attempt' | 'dryRun'>;

/** An attempt was handed over to another request at this very moment: try again. */
export class AttemptMoved extends Error {
  override readonly name = 'AttemptMoved';
}

/**
 * Writes jobs' results to their attempts: the first ones of current attempts in one statement, all others by the rules in one
 * transaction after it. Safe to repeat.
 * @param results in the order in which they came
 * @returns for each, in their order, what must follow; or AttemptMoved
 */
export async function recordResults(database: Database, results: readonly JobResult[]): Promise<(RecordedResult | AttemptMoved)[]> {
  // Another of the same job is no first one.
  const firsts = new Map([...results].reverse().map((result) => [result.jobId, result]));
  const kept = await keepPlainResults(database, firsts);
  const others = results.filter((result) => !kept.has(result));
  const judged: Answers = others.length > 0 ? await judgeResults(database, others) : new Map();
  return results.map((result) => {
    const answer = kept.get(result) ?? judged.get(result);
    if (!answer) throw new Error(`nothing was said of job ${result.jobId}`);
    return answer;
  });
}

/** What follows from each result. */
type Answers = ReadonlyMap<JobResult, RecordedResult | AttemptMoved>;

/** What a workflow is to hear of. */
interface Kept extends Pick<Deletion, 'requestId' | 'workflowId'> {
  readonly attempt: number;
}

/** What is kept of a result, and where from. */
const SET_RESULT = `result = r.status, result_at = now(), airflow_run_id = r."airflowRunId", failure_code = r."failureCode", error_text = r."errorText", counts = r.counts`;
const RESULTS = `jsonb_to_recordset($1::jsonb) AS r("jobId" text, status text, "airflowRunId" text, "failureCode" text, "errorText" text, counts jsonb)`;
const asParams = (results: readonly JobResult[]): [string, string[]] => [
  JSON.stringify(results.map((result) => ({ ...result, failureCode: result.status === 'FAILURE' ? result.failureCode : null }))),
  results.map(({ jobId }) => jobId),
];

/**
 * Keeps those results that are the first of the current attempt of a deletion that waits for one: most of all that come, and
 * judgeResult has each kept and told. Deletions are locked first and then attempts, each in the order of their ids: two that lock
 * the same rows in another order would wait for one another.
 * @param results one of each job
 */
async function keepPlainResults(database: Database, results: ReadonlyMap<string, JobResult>): Promise<Answers> {
  const rows = await database.rows<Kept & { jobId: string }>(
    `WITH d AS (
       SELECT request_id, workflow_id, attempt FROM deletions
       WHERE request_id IN (SELECT request_id FROM attempts WHERE job_id = ANY ${idsIn('$2')}) AND status = 'SENT_TO_AIRFLOW' ORDER BY request_id FOR UPDATE),
     kept AS (
       SELECT a.job_id, a.attempt, d.request_id, d.workflow_id FROM attempts a JOIN d ON d.request_id = a.request_id AND d.attempt = a.attempt
       WHERE a.job_id = ANY ${idsIn('$2')} AND a.result IS NULL ORDER BY a.job_id FOR UPDATE OF a)
     UPDATE attempts a SET ${SET_RESULT} FROM kept, ${RESULTS}
     WHERE a.job_id = ANY ${idsIn('$2')} AND a.job_id = r."jobId" AND kept.job_id = a.job_id
     RETURNING kept.*`,
    asParams([...results.values()]),
  );
  return new Map(rows.flatMap((row) => {
    const result = results.get(row.jobId);
    return result ? [[result, wakeOf(row, result)]] : [];
  }));
}

/** Writes results by the rules, whatever has become of their deletions; locks as keepPlainResults does. */
async function judgeResults(database: Database, results: readonly JobResult[]): Promise<Answers> {
  return database.transaction(async (tx) => {
    const jobIds = results.map(({ jobId }) => jobId);
    const [deletions, attempts] = await Promise.all([
      tx.rows<LockedRow>(
        `SELECT request_id, workflow_id, status, attempt, dry_run FROM deletions
         WHERE request_id IN (SELECT request_id FROM attempts WHERE job_id = ANY($1)) ORDER BY request_id FOR UPDATE`,
        [jobIds],
      ),
      tx.rows<Attempt>('SELECT * FROM attempts WHERE job_id = ANY($1) ORDER BY job_id FOR UPDATE', [jobIds]),
    ]);
    const deletionById = new Map(deletions.map((deletion) => [deletion.requestId, deletion]));
    const attemptByJob = new Map(attempts.map((attempt) => [attempt.jobId, attempt]));

    const judged = results.map((result) => {
      const attempt = attemptByJob.get(result.jobId);
      const deletion = attempt && deletionById.get(attempt.requestId);
      const verdict = deletion && judgeResult(deletion, attempt, result.status);
      // Another of the same job is judged by this one.
      if (attempt && verdict?.keep) attemptByJob.set(result.jobId, { ...attempt, result: result.status });
      return { result, attempt, deletion, verdict };
    });
    const kept = new Map(judged.filter(({ verdict }) => verdict?.keep).map(({ result }) => [result.jobId, result]));
    keepResults(tx, [...kept.values()]);
    noteResults(tx, judged);
    return new Map(judged.map((one) => [one.result, answerTo(one)]));
  });
}

/** The same for one. @throws AttemptMoved */
export async function recordResult(database: Database, result: JobResult): Promise<RecordedResult> {
  const [recorded] = await recordResults(database, [result]);
  if (recorded === undefined || recorded instanceof Error) throw recorded ?? new Error('no answer');
  return recorded;
}

function keepResults(tx: Transaction, results: readonly JobResult[]): void {
  if (results.length === 0) return;
  tx.write(`UPDATE attempts a SET ${SET_RESULT} FROM ${RESULTS} WHERE a.job_id = ANY($2) AND a.job_id = r."jobId"`, asParams(results));
}

interface Judged {
  readonly result: JobResult;
  readonly attempt: Attempt | undefined;
  readonly deletion: LockedRow | undefined;
  readonly verdict: ResultVerdict | undefined;
}

function noteResults(tx: Transaction, judged: readonly Judged[]): void {
  const entries = judged.flatMap(({ result, attempt, deletion, verdict }) =>
    attempt && deletion && verdict?.note !== undefined
      ? [{ requestId: deletion.requestId, status: deletion.status, attempt: deletion.attempt, cause: `${result.status} of attempt ${attempt.attempt}: ${verdict.note}` }]
      : [],
  );
  if (entries.length === 0) return;
  tx.write(
    `INSERT INTO timeline (request_id, what, status, attempt, cause)
     SELECT "requestId", 'result', status, attempt, cause
     FROM jsonb_to_recordset($1::jsonb) AS e("requestId" text, status text, attempt integer, cause text)`,
    [JSON.stringify(entries)],
  );
}

function answerTo({ result, attempt, deletion, verdict }: Judged): RecordedResult | AttemptMoved {
  if (!attempt) return { outcome: 'unknown-job' };
  // A withdrawal moved the attempt to another request before the lock was taken.
  if (!deletion || !verdict) return new AttemptMoved(`the attempt of job ${result.jobId} has just moved to another request`);
  return whatFollows(deletion, attempt, result, verdict);
}

function whatFollows(deletion: LockedRow, { attempt }: Attempt, result: JobResult, verdict: ResultVerdict): RecordedResult {
  const { requestId, workflowId } = deletion;
  if (verdict.wake) return wakeOf({ requestId, workflowId, attempt }, result);
  if (verdict.note === undefined) return { outcome: 'repeat', requestId };
  const erasedAfterCancel = result.status === 'SUCCESS' && deletion.status === 'CANCELLED' && !deletion.dryRun;
  return { outcome: erasedAfterCancel ? 'erased-after-cancel' : 'noted', requestId };
}

function wakeOf({ requestId, workflowId, attempt }: Kept, result: JobResult): RecordedResult {
  const signal: AirflowResultSignal = { requestId, attempt, status: result.status, ...(result.status === 'FAILURE' && { failureCode: result.failureCode }) };
  return { outcome: 'wake', workflowId, signal };
}

/** Whether a deletion has ended, for whoever could not find its workflow. */
export async function hasEnded(database: Database, requestId: string): Promise<boolean> {
  const [row] = await database.rows<{ status: Parameters<typeof isFinal>[0] }>('SELECT status FROM deletions WHERE request_id = $1', [requestId]);
  return row !== undefined && isFinal(row.status);
}
