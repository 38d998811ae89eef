import type { MessageHandler } from '../../bus/messages.js';
import { MessageFault, parseAirflowResult, type AirflowResult, type RawMessage, type TraceContext } from '../../contracts/topics/index.js';
import { inBatches, WHERE_THERE_ARE_MANY } from '../../platform/batching.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import { describeDeletion } from '../../platform/tracing/about.js';
import { ContentRefused, type Database } from '../../store/database.js';
import { readTracedByJob } from '../../store/ledger/places.js';
import { hasEnded, recordResults, type JobResult, type RecordedResult } from '../../store/ledger/results.js';
import { traced } from '../spans.js';
import type { TellWorkflow } from './tell-workflow.js';

export interface ResultDeps {
  readonly database: Database;
  readonly tellWorkflow: TellWorkflow;
  /** How long a live deletion's workflow may be missing, with Temporal answering, before nobody waits for it any more. */
  readonly patienceMs: number;
  readonly metrics: Pick<Metrics, 'results' | 'erasedAfterCancel'>;
  readonly log: Log;
}

/** The deletion is live and has no workflow yet, or is between two: the result is kept and tried again. */
export class WorkflowNotThere extends Error {
  override readonly name = 'WorkflowNotThere';
}

/** Handles airflow.pipeline.result: into the ledger first, then to the workflow that waits for it. Airflow's words go no further than the ledger. */
export function createResultHandler(deps: ResultDeps): MessageHandler {
  const { database, metrics, log } = deps;
  const recordOne = inBatches<JobResult, RecordedResult>((results) => recordResults(database, results), { mostItems: 200, mayBeOfOne: (error) => error instanceof ContentRefused, gathering: WHERE_THERE_ARE_MANY });
  /** When the workflow of a job's deletion was first missed. */
  const missedSince = new Map<string, number>();

  return traced('result', async (message) => {
    const result = parseAirflowResult(message);
    describeDeletion({ jobId: result.jobId, status: result.status, failureCode: result.errorCode });
    const recorded = await record(recordOne, result);
    const outcome = recorded.outcome === 'wake' ? await wake(deps, result.jobId, recorded, missedSince) : recorded.outcome;
    missedSince.delete(result.jobId);
    describeDeletion({ outcome, ...(recorded.outcome === 'wake' && { requestId: recorded.signal.requestId, attempt: recorded.signal.attempt }) });
    metrics.results.inc({ status: result.status, outcome });
    if (outcome === 'unknown-job') throw new MessageFault('UNKNOWN_JOB', 'jobId is of no job that was asked for: results carry the jobId of their trigger.', 'jobId');
    if (outcome === 'erased-after-cancel') {
      metrics.erasedAfterCancel.inc();
      log.error({ jobId: result.jobId }, 'Airflow erased after the deletion was cancelled: what it was about is gone');
      return;
    }
    log.info({ jobId: result.jobId, status: result.status, outcome }, 'result handled');
  }, (message) => placeOfJob(database, message));
}

/** A DAG that hands no trace on is known by its job. */
async function placeOfJob(database: Database, message: RawMessage): Promise<TraceContext | undefined> {
  try {
    const { jobId } = parseAirflowResult(message);
    return (await readTracedByJob(database, [jobId])).get(jobId)?.place;
  } catch {
    return undefined; // its handler meets the same and says so
  }
}

async function record(recordOne: (result: JobResult) => Promise<RecordedResult>, result: AirflowResult): Promise<RecordedResult> {
  try {
    return await recordOne({
      jobId: result.jobId,
      airflowRunId: result.airflowRunId,
      status: result.status,
      counts: result.metadata,
      errorText: result.error,
      failureCode: result.errorCode ?? 'DAG_FAILED',
    });
  } catch (error) {
    if (!(error instanceof ContentRefused)) throw error;
    throw new MessageFault('REFUSED_BY_DATABASE', `${error.message}. Mend the result's content, then send it again.`);
  }
}

type Wake = Extract<RecordedResult, { outcome: 'wake' }>;

async function wake({ database, tellWorkflow, patienceMs, log }: ResultDeps, jobId: string, { workflowId, signal }: Wake, missedSince: Map<string, number>): Promise<'taken' | 'signalled' | 'ended' | 'untold'> {
  const told = await tellWorkflow(workflowId, signal);
  if (told !== 'not-found') return told;
  if (await hasEnded(database, signal.requestId)) return 'ended';
  const since = missedSince.get(jobId) ?? performance.now();
  missedSince.set(jobId, since);
  if (performance.now() - since < patienceMs) throw new WorkflowNotThere(`The workflow of request ${signal.requestId} is not there; its result is tried again`);
  log.error({ requestId: signal.requestId, jobId }, 'a live deletion has no workflow to take its result; the ledger keeps it for the run that claims the request next');
  return 'untold';
}
