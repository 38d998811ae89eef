import { isDeepStrictEqual } from 'node:util';
import { RESULT_ERROR_CODES, type ResultErrorCode } from '../../contracts/names/index.js';

type Conf = Readonly<Record<string, unknown>>;

/** Which post of a run it was says nothing about whom it erases. */
const OF_THE_POST: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);

/** Whether a run that is there already is the one that was asked for: all that was sent is in its conf, but for the place in a trace. Airflow may add params. */
export const isSameConf = (sent: Conf, found: Conf): boolean =>
  Object.entries(sent).every(([field, value]) => OF_THE_POST.has(field) || isDeepStrictEqual(found[field], value));

/** What the tasks of a run that has ended left behind. */
export interface RunTraces {
  readonly runState: 'success' | 'failed';
  /** Of the task `erase`; undefined when there is none. */
  readonly eraseState: string | null | undefined;
  /** What `erase` returned: its counts. */
  readonly returned: unknown;
  /** What a task said before it failed: `{text, code}`. */
  readonly error: unknown;
}

export type SpokenResult =
  | { readonly status: 'SUCCESS'; readonly counts: Readonly<Record<string, number>> }
  | { readonly status: 'FAILURE'; readonly errorCode: ResultErrorCode; readonly error: string };

/**
 * The result of a run that ended without telling it. What counts is whether its erasing was done: a run whose last step could not
 * publish has erased all the same, and a run may succeed with its erasing skipped.
 */
export function resultOf({ runState, eraseState, returned, error }: RunTraces): SpokenResult {
  if (eraseState === 'success') return { status: 'SUCCESS', counts: numbersOf(returned) };
  const said = isObject(error) ? error : {};
  const code = RESULT_ERROR_CODES.find((known) => known === said['code']);
  const text = typeof said['text'] === 'string' ? said['text'] : undefined;
  if (runState === 'failed') return { status: 'FAILURE', errorCode: code ?? 'DAG_FAILED', error: text ?? 'The run failed in Airflow without telling why; its logs there may know' };
  return { status: 'FAILURE', errorCode: 'RUN_ENDED_WITHOUT_RESULT', error: `The run ended in Airflow as a success, but its task "erase" ${eraseState === undefined ? 'is not there' : `is ${eraseState ?? 'without a state'}`}` };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const numbersOf = (value: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(isObject(value) ? value : {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])));
