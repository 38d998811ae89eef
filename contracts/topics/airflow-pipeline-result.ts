import { z } from 'zod';
import { RESULT_ERROR_CODES, type ResultErrorCode } from '../names/index.js';
import { derivedId, freeText, isoTime, storableText } from './fields.js';
import { parseValue } from './parse-message.js';
import type { RawMessage } from './raw-message.js';

const MAX_COUNTS = 1000;
const MAX_COUNT_NAME = 200;

const counts = z
  .record(z.string(), z.number({ error: 'must hold finite numbers only' }), { error: 'must be an object of numbers' })
  .refine((found) => Object.keys(found).length <= MAX_COUNTS, `must hold at most ${MAX_COUNTS} numbers`)
  .transform((found) => Object.fromEntries(Object.entries(found).map(([name, n]) => [storableText(name, MAX_COUNT_NAME), n])));

/** A code that is not known says no more than that the DAG failed; it never makes a result unreadable. */
const errorCode = z.unknown().transform((code): ResultErrorCode | undefined => {
  if (code === undefined || code === null) return undefined;
  return RESULT_ERROR_CODES.find((known) => known === code) ?? 'DAG_FAILED';
});

/** `airflow.pipeline.result` (seed: user-deletion-service, section 3C), and `errorCode`, with which a DAG may say why. */
export const airflowResult = z.object({
  jobId: derivedId,
  airflowRunId: z
    .string({ error: 'must be a string' })
    .min(1, 'must not be empty')
    .max(250, 'must have at most 250 characters')
    .transform((runId) => storableText(runId, 250)),
  status: z.enum(['SUCCESS', 'FAILURE'], { error: 'must be SUCCESS or FAILURE' }),
  timestamp: isoTime,
  metadata: counts,
  /** May name a user: belongs in the ledger, never in a log. */
  error: freeText(8000).nullable(),
  errorCode: errorCode.optional(),
});
export type AirflowResult = z.output<typeof airflowResult>;

/** Partition key: the job. */
export const partitionKeyOf = (value: AirflowResult): string => value.jobId;

/** @throws MessageFault. The Kafka key is not compared: DAGs of others may send none, or the run id. */
export const parseAirflowResult = (message: RawMessage): AirflowResult => parseValue(airflowResult, message);
