import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Queryable } from '../../store/database.js';
import { markRevokedRunOver, takeOverdueJobs, takeRevokedJobs, type AwaitedJob } from '../../store/ledger/jobs.js';
import { readTracedByJob } from '../../store/ledger/places.js';
import type { AirflowApi, DagRun } from './airflow-api.js';
import { resultOf, type SpokenResult } from './runs.rules.js';
import type { Speak } from './speak.js';

export interface WatcherDeps {
  readonly database: Queryable;
  readonly airflow: AirflowApi;
  readonly speak: Speak;
  /** A result is overdue this long after its run was posted, and its run is looked at no more often; one that lasts is looked at less often. */
  readonly overdueMs: number;
  /** However long a run lasts, it is looked at once in so many ms. */
  readonly atLeastEveryMs?: number;
  readonly metrics: Pick<Metrics, 'resultsSpoken'>;
  readonly log: Log;
}

/** Airflow must bear it when ten thousand runs last for days. */
const AT_LEAST_EVERY_MS = 15 * 60_000;
const AT_ONCE = 50;
const ABREAST = 8;
/** A run that Airflow does not find is gone only when it had been there for longer than this many looks. */
const LOOKS_BEFORE_GONE = 3;
const ERASE = 'erase';
const ERROR_KEY = 'error';

/**
 * Looks once at the runs whose result is overdue and at those that were revoked: publishes the result of a run that ended without
 * telling it, and fails revoked runs that are still queued. One that Airflow cannot be asked about waits for the next look.
 * @returns whether there is more to look at now
 * @throws the first thing that went wrong, when all have been looked at
 */
export async function watchOnce(deps: WatcherDeps, signal: AbortSignal): Promise<boolean> {
  const { database, overdueMs, atLeastEveryMs = AT_LEAST_EVERY_MS } = deps;
  const overdue = await takeOverdueJobs(database, { everyMs: overdueMs, atLeastEveryMs }, AT_ONCE);
  const revoked = await takeRevokedJobs(database, overdueMs, AT_ONCE);
  const looks = [...overdue.map((job) => () => lookAtOverdue(deps, job)), ...revoked.map((job) => () => lookAtRevoked(deps, job))];
  const faults: unknown[] = [];
  const next = async (): Promise<void> => {
    for (let look = looks.shift(); look && !signal.aborted; look = looks.shift()) await look().catch((error: unknown) => faults.push(error));
  };
  await Promise.all(Array.from({ length: ABREAST }, next));
  if (faults.length > 0) throw faults[0];
  return overdue.length === AT_ONCE || revoked.length === AT_ONCE;
}

async function lookAtOverdue(deps: WatcherDeps, job: AwaitedJob): Promise<void> {
  const { airflow, overdueMs } = deps;
  const run = await airflow.getRun(job.dagId, job.jobId);
  if (!run) {
    if (job.postedMsAgo < LOOKS_BEFORE_GONE * overdueMs) return;
    return tell(deps, job, { status: 'FAILURE', errorCode: 'RUN_ENDED_WITHOUT_RESULT', error: 'Airflow took the run, but knows it no more' });
  }
  const result = await resultOfRun(airflow, job, run);
  if (result) await tell(deps, job, result);
}

async function lookAtRevoked(deps: WatcherDeps, job: AwaitedJob): Promise<void> {
  const { airflow, database, log } = deps;
  const run = await airflow.getRun(job.dagId, job.jobId);
  if (run?.state === 'queued') {
    await airflow.failRun(job.dagId, job.jobId);
    log.info({ jobId: job.jobId }, 'failed the queued run of a revoked job');
    return markRevokedRunOver(database, job.jobId);
  }
  // A running one asks the fence before and while it erases.
  if (run?.state === 'running') return;
  const result = run && (await resultOfRun(airflow, job, run));
  // What was erased must be known, whatever has become of the deletion since.
  if (result?.status === 'SUCCESS') return tell(deps, job, result);
  return markRevokedRunOver(database, job.jobId);
}

/** The result of a run that has ended; undefined while it has not. */
async function resultOfRun(airflow: AirflowApi, { dagId, jobId }: AwaitedJob, { state }: DagRun): Promise<SpokenResult | undefined> {
  if (state === 'queued' || state === 'running') return undefined;
  const eraseState = await airflow.taskState(dagId, jobId, ERASE);
  const returned = eraseState === 'success' ? await airflow.xcom(dagId, jobId, ERASE, 'return_value') : undefined;
  const error = state === 'failed' && eraseState !== 'success' ? ((await airflow.xcom(dagId, jobId, ERASE, ERROR_KEY)) ?? (await airflow.xcom(dagId, jobId, 'check_fence', ERROR_KEY))) : undefined;
  return resultOf({ runState: state, eraseState, returned, error });
}

async function tell({ database, speak, metrics, log }: WatcherDeps, { jobId, lane }: AwaitedJob, result: SpokenResult): Promise<void> {
  await speak(jobId, result, (await readTracedByJob(database, [jobId])).get(jobId)?.place);
  metrics.resultsSpoken.inc({ lane, status: result.status });
  log.warn({ jobId, status: result.status, ...(result.status === 'FAILURE' && { errorCode: result.errorCode }) }, 'published the result that a run could not');
}
