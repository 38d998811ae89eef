import type { AirflowResultSignal, FailureCode, JoinSignal, PersonAct } from '../contracts/names/index.js';
import { FAILURE_CODES } from '../contracts/names/index.js';

// Signals can be sent by anyone with `temporal workflow signal`: these read what they can and never throw, because an
// error in a signal handler would stall the workflow.

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Text that PostgreSQL holds: it takes no NUL and no lone surrogate, which a cut can make as well. */
const storable = (text: string): string => text.replaceAll('\u0000', '').replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');

const textOf = (value: unknown, max: number): string | undefined => {
  const text = typeof value === 'string' ? storable(value.slice(0, max)) : '';
  return text === '' ? undefined : text;
};

/** Who and why, of a signal or an update. Input of another form counts as none. */
export function personActOf(input: unknown): PersonAct {
  if (!isRecord(input)) return {};
  const by = textOf(input['by'], 64);
  const reason = textOf(input['reason'], 1000);
  const requestId = textOf(input['requestId'], 160);
  return { ...(by !== undefined && { by }), ...(reason !== undefined && { reason }), ...(requestId !== undefined && { requestId }) };
}

/** A result, or undefined when the input is none. */
export function airflowResultOf(input: unknown): AirflowResultSignal | undefined {
  if (!isRecord(input)) return undefined;
  const { requestId, attempt, status, failureCode } = input;
  if (typeof requestId !== 'string' || !Number.isInteger(attempt) || (status !== 'SUCCESS' && status !== 'FAILURE')) return undefined;
  if (status === 'SUCCESS') return { requestId, attempt: attempt as number, status };
  const code = FAILURE_CODES.find((known) => known === failureCode) ?? ('DAG_FAILED' satisfies FailureCode);
  return { requestId, attempt: attempt as number, status, failureCode: code };
}

/** A join, or undefined when the input is none. */
export function joinOf(input: unknown): JoinSignal | undefined {
  if (!isRecord(input) || !isRecord(input['input'])) return undefined;
  const { requestId, subject, policy, graceMs } = input['input'];
  const whole = typeof requestId === 'string' && isRecord(subject) && isRecord(policy) && typeof graceMs === 'number';
  return whole ? (input as unknown as JoinSignal) : undefined;
}
