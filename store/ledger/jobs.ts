import type { Queryable } from '../database.js';
import { STANDING, standingOf, type JobStanding, type StandingRow } from './read.js';
import type { Attempt } from './rows.js';

/**
 * Notes that Airflow has taken the jobs' runs; a run's id is its job's.
 * @returns whether the jobs still stand, read under the lock of their rows: a job that was revoked before is seen to be
 */
export async function markPosted(queryable: Queryable, jobIds: readonly string[]): Promise<Map<string, JobStanding>> {
  const rows = await queryable.rows<StandingRow>(
    `WITH a AS (
       UPDATE attempts SET posted_at = coalesce(posted_at, now()), airflow_run_id = coalesce(airflow_run_id, job_id)
       WHERE job_id IN (SELECT job_id FROM attempts WHERE job_id = ANY($1) ORDER BY job_id FOR UPDATE) RETURNING *)
     SELECT ${STANDING} FROM a JOIN deletions d USING (request_id)`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.jobId, standingOf(row)]));
}

/** A run that Airflow took and of which no result has come. */
export interface AwaitedJob extends Pick<Attempt, 'jobId' | 'requestId' | 'attempt' | 'dagId' | 'lane'> {
  /** How long ago Airflow took it, in ms. */
  readonly postedMsAgo: number;
}

/**
 * Takes jobs whose result is overdue, for one look at Airflow each: posted longer ago than `olderThanMs`, without a
 * result, still standing, and not looked at for as long. Several watchers never take the same job at once.
 */
export function takeOverdueJobs(queryable: Queryable, olderThanMs: number, limit: number): Promise<AwaitedJob[]> {
  return queryable.rows<AwaitedJob>(
    `UPDATE attempts SET watched_at = now() WHERE job_id IN (
       SELECT job_id FROM attempts
       WHERE result IS NULL AND revoked_at IS NULL AND posted_at < now() - $1 * interval '1 millisecond'
         AND coalesce(watched_at, '-infinity') < now() - $1 * interval '1 millisecond'
       ORDER BY sent_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING job_id, request_id, attempt, dag_id, lane, (extract(epoch FROM now() - posted_at) * 1000)::float8 AS posted_ms_ago`,
    [olderThanMs, limit],
  );
}

/** Takes revoked jobs whose run may still be queued in Airflow and has to be failed; each is taken once a call of `againAfterMs`. */
export function takeRevokedJobs(queryable: Queryable, againAfterMs: number, limit: number): Promise<AwaitedJob[]> {
  return queryable.rows<AwaitedJob>(
    `UPDATE attempts SET watched_at = now() WHERE job_id IN (
       SELECT job_id FROM attempts
       WHERE revoked_at IS NOT NULL AND posted_at IS NOT NULL AND result IS NULL AND revoked_at > now() - interval '7 days'
         AND (watched_at IS NULL OR watched_at < revoked_at OR watched_at < now() - $1 * interval '1 millisecond')
       ORDER BY revoked_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING job_id, request_id, attempt, dag_id, lane, (extract(epoch FROM now() - posted_at) * 1000)::float8 AS posted_ms_ago`,
    [againAfterMs, limit],
  );
}

/** Notes that a revoked job's run is over in Airflow, so that nobody asks about it again. */
export async function markRevokedRunOver(queryable: Queryable, jobId: string): Promise<void> {
  await queryable.rows(`UPDATE attempts SET result = 'FAILURE', result_at = now(), failure_code = 'RUN_ENDED_WITHOUT_RESULT'
    WHERE job_id = $1 AND result IS NULL AND revoked_at IS NOT NULL`, [jobId]);
}
