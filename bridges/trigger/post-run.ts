import type { MessageHandler } from '../../bus/messages.js';
import type { ResultErrorCode } from '../../contracts/names/index.js';
import { MessageFault, parseAirflowTrigger, traceContextOf, type AirflowTrigger, type TraceContext } from '../../contracts/topics/index.js';
import { inBatches, type BatchingOptions, WHERE_THERE_ARE_MANY } from '../../platform/batching.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import { describeDeletion } from '../../platform/tracing/about.js';
import { currentPlace } from '../../platform/tracing/spans.js';
import type { Queryable } from '../../store/database.js';
import { markPosted } from '../../store/ledger/jobs.js';
import { readJobs, type JobStanding } from '../../store/ledger/read.js';
import type { Slots } from '../slots.js';
import { traced } from '../spans.js';
import { AirflowUnavailable, type AirflowApi } from './airflow-api.js';
import { isSameConf } from './runs.rules.js';
import type { Speak } from './speak.js';

export interface PostRunDeps {
  readonly database: Queryable;
  readonly airflow: AirflowApi;
  readonly slots: Slots;
  readonly speak: Speak;
  /** How long a DAG may be missing before its job fails. */
  readonly dagMissingGraceMs: number;
  readonly metrics: Pick<Metrics, 'triggersHandled'>;
  readonly log: Log;
}

/** The DAG may be missing for the moment of a deployment only: the trigger is tried again until its grace is over. */
export class DagMissing extends Error {
  override readonly name = 'DagMissing';
}

/** What became of a trigger. */
type Outcome = 'posted' | 'known' | 'skipped' | 'failed';

/** Handles airflow.pipeline.trigger: one DAG run for each job that still stands, whose run id is the jobId. */
export function createPostRun(deps: PostRunDeps): MessageHandler {
  const { database, slots, metrics, log } = deps;
  const jobs = jobsOf(database);
  /** When a job's DAG was first found missing. */
  const missingSince = new Map<string, number>();

  return traced('trigger', async (message) => {
    const trigger = parseAirflowTrigger(message);
    const { jobId } = trigger;
    const job = await jobs.read(jobId);
    if (!job) throw new MessageFault('UNKNOWN_JOB', 'jobId is of no job that Expunge has asked for; only Expunge writes triggers.', 'jobId');
    describeDeletion({ jobId, requestId: job.requestId, attempt: job.attempt, lane: job.lane });
    const outcome = await slots.within(job.lane, message.signal, async (waited): Promise<Outcome> => {
      // While it waited for the lane a person may have withdrawn it.
      const standing = waited ? ((await jobs.readNow(jobId)) ?? job) : job;
      if (standing.result !== null) return 'skipped';
      if (!standing.stands) return skip(deps, jobs, trigger, standing.reason);
      return post(deps, trigger, missingSince, currentPlace() ?? traceContextOf(message.headers));
    });
    missingSince.delete(jobId);
    // The mark gathers with others: a place in the lane is for what is asked of Airflow.
    if (outcome === 'posted' || outcome === 'known') await failIfRevokedMeanwhile(deps, message.signal, trigger.payload.dag_id, await jobs.markPosted(jobId));
    metrics.triggersHandled.inc({ lane: job.lane, outcome });
    describeDeletion({ outcome });
    log.info({ jobId, lane: job.lane, outcome }, 'trigger handled');
  });
}

/** The ledger's jobs, asked and marked together with those of other triggers. */
interface Jobs {
  read(jobId: string): Promise<JobStanding | null>;
  /** For whoever holds a place in a lane: lets no others gather. */
  readNow(jobId: string): Promise<JobStanding | null>;
  markPosted(jobId: string): Promise<JobStanding | null>;
}

function jobsOf(database: Queryable): Jobs {
  const together = (ask: typeof readJobs, options?: Pick<BatchingOptions, 'gathering'>) =>
    inBatches<string, JobStanding | null>(async (jobIds) => {
      const found = await ask(database, jobIds);
      return jobIds.map((jobId) => found.get(jobId) ?? null);
    }, { mostItems: 200, ...options });
  const gathering = { gathering: WHERE_THERE_ARE_MANY };
  return { read: together(readJobs, gathering), readNow: together(readJobs), markPosted: together(markPosted, gathering) };
}

async function post(deps: PostRunDeps, trigger: AirflowTrigger, missingSince: Map<string, number>, place: TraceContext | undefined): Promise<Outcome> {
  const { airflow } = deps;
  const { jobId, payload: { dag_id: dagId, conf: asked } } = trigger;
  // The run stands under this very post.
  const conf = { ...asked, ...currentPlace() };
  const fail = async (errorCode: ResultErrorCode, error: string): Promise<'failed'> => {
    await deps.speak(jobId, { status: 'FAILURE', errorCode, error }, place);
    return 'failed';
  };
  const answer = await airflow.createRun(dagId, jobId, conf);
  switch (answer.outcome) {
    case 'created':
      return 'posted';
    case 'exists': {
      const run = await airflow.getRun(dagId, jobId);
      if (!run) throw new AirflowUnavailable('create run', 'it said that the run is there already, and then that it is not');
      if (!isSameConf(conf, run.conf)) return fail('RUN_MISMATCH', 'A run of this id is there already, with another conf');
      return 'known';
    }
    case 'dag-missing': {
      const since = missingSince.get(jobId) ?? performance.now();
      missingSince.set(jobId, since);
      if (performance.now() - since < deps.dagMissingGraceMs) throw new DagMissing(`Airflow has no DAG ${dagId} that it can run; it is waited for`);
      return fail('DAG_NOT_FOUND', answer.text);
    }
    case 'refused':
      return fail('CONF_REFUSED', answer.text);
  }
}

/** The fence's second look: a job revoked while its run was being made must not run. */
async function failIfRevokedMeanwhile({ airflow, slots, log }: PostRunDeps, signal: AbortSignal, dagId: string, job: JobStanding | null): Promise<void> {
  if (!job || job.stands) return;
  const { jobId, lane } = job;
  await slots.within(lane, signal, async () => {
    // A quick run may have erased and ended its deletion by now: only one that has not begun is failed, a running one asks the fence.
    if ((await airflow.getRun(dagId, jobId))?.state !== 'queued') return;
    log.warn({ jobId }, 'the job was revoked while its run was being made; failing the run');
    await airflow.failRun(dagId, jobId);
  });
}

/** A job that does not stand is not posted. Should an earlier try have posted it, its run is seen to by the watcher from now on. */
async function skip({ airflow, log }: PostRunDeps, jobs: Jobs, { jobId, payload }: AirflowTrigger, reason: string): Promise<'skipped'> {
  log.info({ jobId, reason }, 'the job does not stand any more; not posted');
  try {
    const run = await airflow.getRun(payload.dag_id, jobId);
    if (!run) return 'skipped';
    await jobs.markPosted(jobId);
    if (run.state === 'queued') await airflow.failRun(payload.dag_id, jobId);
  } catch (error) {
    if (!(error instanceof AirflowUnavailable)) throw error;
    // Its first step asks the fence before it erases anything: nothing is lost but a queued run that ends as skipped.
    log.warn({ err: error, jobId }, 'Airflow could not be asked for a run of a job that does not stand');
  }
  return 'skipped';
}
