import type { Producer } from '../../bus/producer.js';
import { TOPICS } from '../../contracts/names/index.js';
import type { TraceContext } from '../../contracts/topics/index.js';
import { sendTraced } from '../spans.js';
import type { SpokenResult } from './runs.rules.js';

/** Publishes a result that Airflow could not, from its place in a trace. @throws RecordRefused or BusOutage: it is not published yet, try again. */
export type Speak = (jobId: string, result: SpokenResult, place?: TraceContext) => Promise<void>;

/** Speaks for Airflow on airflow.pipeline.result, in the contract's shape and acknowledged by all replicas. */
export const createSpeak = (producer: Pick<Producer, 'send'>, now: () => Date = () => new Date()): Speak => async (jobId, result, place) => {
  const failed = result.status === 'FAILURE';
  const value = {
    jobId,
    airflowRunId: jobId,
    status: result.status,
    timestamp: now().toISOString(),
    metadata: failed ? {} : result.counts,
    error: failed ? result.error : null,
    ...(failed && { errorCode: result.errorCode }),
  };
  const [sent] = await sendTraced(producer, [
    {
      topic: TOPICS.airflowResult,
      key: jobId,
      value: JSON.stringify(value),
      headers: { event_type: 'airflow.result', event_id: `${jobId}/result/${failed ? result.errorCode : 'SUCCESS'}`, ...place },
    },
  ]);
  if (sent && !sent.ok) throw sent.error;
};
