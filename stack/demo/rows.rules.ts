import type { DeletionAnswer } from '../../contracts/api/deletions.js';
import type { DemoCase } from './cases.js';
import type { SeenDeadLetter } from './bus.js';
import type { Tone } from './colours.js';

/** One line of the live table. */
export interface Row {
  readonly title: string;
  readonly subject: string;
  readonly status: string;
  readonly tone: Tone;
  readonly attempt: string;
  /** How long it has been so, or how long it all took. */
  readonly since: string;
  /** The Airflow run; or why there is none. */
  readonly run: string;
  readonly over: boolean;
}

/** What a case looks like now. */
export function rowOf(one: DemoCase, seen: { readonly deletion?: DeletionAnswer | undefined; readonly deadLetters: readonly SeenDeadLetter[] }, nowMs: number): Row {
  const base = { title: one.title, subject: one.owner };
  if (one.kind === 'malformed') {
    const kept = deadLetterOf(one, seen.deadLetters);
    return { ...base, attempt: '', since: '', over: kept !== undefined, ...(kept ? { status: 'DEAD LETTER', tone: 'good', run: `${kept.code} in ${kept.topic}` } : { status: 'not read yet', tone: 'quiet', run: '' }) };
  }
  const { deletion } = seen;
  if (!deletion) return { ...base, status: '–', tone: 'quiet', attempt: '', since: '', run: '', over: false };
  const { status, attempt, timeline, history, parked, final } = deletion;
  const changedAt = Date.parse(history.at(-1)?.at ?? timeline.received);
  return {
    ...base,
    status,
    tone: parked || status === 'CANCELLED' ? 'bad' : final ? 'good' : 'busy',
    attempt: attempt === 0 ? '' : String(attempt),
    since: seconds(timeline.duration_ms ?? Math.max(0, nowMs - changedAt)),
    run: whyOf(deletion),
    over: final,
  };
}

/** The dead letter of a malformed message: the one with its bytes. */
export const deadLetterOf = (one: Extract<DemoCase, { kind: 'malformed' }>, deadLetters: readonly SeenDeadLetter[]): SeenDeadLetter | undefined =>
  deadLetters.find(({ topic, value }) => topic.startsWith(one.record.topic) && value.equals(Buffer.from(one.record.value ?? '')));

function whyOf({ status, failure, attempts, airflow_ref: run, history }: DeletionAnswer): string {
  const last = attempts.at(-1);
  if (status === 'PENDING' && last?.failure) return `try ${last.attempt} failed: ${last.failure.message ?? last.failure.code}`;
  if (failure !== null) return `${failure.code}: ${failure.message}`;
  if (status === 'PENDING') return history.at(-1)?.cause ?? '';
  return run ?? last?.jobId ?? '';
}

/** A time span in seconds with one decimal. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
