import { destination as openDestination, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { logFields } from './tracing/spans.js';

export type Log = Logger;

/** Fields that may name a person, wherever a caller puts them. Airflow's error text may, so it belongs in the ledger only. */
const PERSONAL = ['userId', 'user_id', 'email', 'requestedBy', 'requested_by', 'payload', 'conf', 'errorText', 'error_text', 'error_message', 'authorization', 'password', 'token'];
/** Of an error only what is surely no data: PostgreSQL puts the row's values into `detail`, HTTP clients the body. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack, cause } = error;
  const code = 'code' in error && ['string', 'number'].includes(typeof error.code) ? { code: error.code } : {};
  return { type: name, message, ...code, stack, ...(cause instanceof Error ? { cause: serializeError(cause) } : {}) };
}

const PATHS = PERSONAL.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** What waits for room on a full disk; what comes beyond is dropped. */
const MOST_WAITING_BYTES = 1024 * 1024;

/** Standard output. A process that cannot log (a full disk, a closed pipe) does its work, and logs again when it can. */
function standardOutput(): DestinationStream {
  const stream = openDestination({ dest: 1, sync: true, maxLength: MOST_WAITING_BYTES });
  stream.on('error', () => undefined); // there is nowhere to tell of it
  return stream;
}

/**
 * The process's log: one JSON object a line on standard output, without personal data.
 * @param destination where the lines go instead; for tests.
 */
export function createLog({ level, destination }: { readonly level: string; readonly destination?: DestinationStream }): Log {
  const options = {
    level,
    base: { service: 'expunge' },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError, error: serializeError },
    mixin: logFields,
    redact: { paths: PATHS, censor: '[redacted]' },
  };
  return pino(options, destination ?? standardOutput());
}
