import type { Queryable } from '../database.js';
import { STANDING, standingOf, type JobStanding, type StandingRow } from './read.js';
import { idsIn, type Attempt } from './rows.js';

/**
 * Notes that Airflow has taken the jobs' runs; a run's id is its job's.
 * @returns whether the jobs still stand, read under the lock of their rows: a job that was revoked before is seen to be
 */
export async function markPosted(queryable: Queryable, jobIds: readonly string[]): Promise<Map<string, JobStanding>> {
  const rows = await queryable.rows<StandingRow>(
    `WITH a AS (
       UPDATE attempts SET posted_at = coalesce(posted_at, now()), airflow_run_id = coalesce(airflow_run_id, job_id)
       WHERE job_id IN (SELECT job_id FROM attempts WHERE job_id = ANY ${idsIn('$1')} ORDER BY job_id FOR UPDATE) RETURNING *)
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

/** How often a run is looked at. */
export interface LooksAtRuns {
  /** First when it was posted so long ago, and no more often. */
  readonly everyMs: number;
  /** Later when a tenth of the time since its post has gone by since the last look, and no more seldom than this. */
  readonly atLeastEveryMs: number;
}

/**
 * Takes jobs without a result that still stand and whose run is to be looked at now, those first that have waited the longest.
 * Several watchers never take the same job at once.
 */
export function takeOverdueJobs(queryable: Queryable, { everyMs, atLeastEveryMs }: LooksAtRuns, limit: number): Promise<AwaitedJob[]> {
  return queryable.rows<AwaitedJob>(
    `UPDATE attempts SET watched_at = now(), watch_from = now() + greatest(interval '0', least((now() - posted_at) / 10, $3 * interval '1 millisecond') - $1 * interval '1 millisecond')
     WHERE job_id IN (
       SELECT job_id FROM attempts
       WHERE result IS NULL AND revoked_at IS NULL AND posted_at IS NOT NULL AND coalesce(watch_from, posted_at) < now() - $1 * interval '1 millisecond'
       ORDER BY coalesce(watch_from, posted_at) LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING job_id, request_id, attempt, dag_id, lane, (extract(epoch FROM now() - posted_at) * 1000)::float8 AS posted_ms_ago`,
    [everyMs, limit, atLeastEveryMs],
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
