import { OUTBOX_LANES, laneOf } from '../outbox-lanes.js';
import { currentPlace } from '../../platform/tracing/spans.js';
import type { Transaction } from '../database.js';
import { at } from './places.js';
import type { Deletion, DeletionChange, OutboxMessage, TimelineEntry } from './rows.js';

/** What one transaction does to one deletion, gathered and written in a single statement. */
export interface PendingWrite {
  entries: (TimelineEntry & { status: string; attempt: number })[];
  messages: OutboxMessage[];
}

const COLUMNS: Record<keyof DeletionChange | 'step' | 'answers' | 'notifications' | 'events', string> = {
  status: 'status',
  attempt: 'attempt',
  jobId: 'job_id',
  generation: 'generation',
  claimedRun: 'claimed_run',
  failureCode: 'failure_code',
  failureMessage: 'failure_message',
  duplicateOf: 'duplicate_of',
  outcome: 'outcome',
  airflowRunId: 'airflow_run_id',
  counts: 'counts',
  expected: 'expected',
  dueAt: 'due_at',
  sentAt: 'sent_at',
  parkedAt: 'parked_at',
  completedAt: 'completed_at',
  durationMs: 'duration_ms',
  step: 'step',
  answers: 'answers',
  held: 'held',
  notifications: 'notifications',
  events: 'events',
};

const JSON_FIELDS: ReadonlySet<string> = new Set<keyof typeof COLUMNS>(['counts', 'expected', 'answers']);

/** Writes the changed columns, the timeline and the outbox rows of one deletion in one statement. */
export function flush(tx: Transaction, before: Deletion, after: Deletion, write: PendingWrite): void {
  const params: unknown[] = [before.requestId, JSON.stringify(write.entries), JSON.stringify(write.messages.map(withLane))];
  const assignments = ['updated_at = now()'];
  for (const [field, column] of Object.entries(COLUMNS) as [keyof typeof COLUMNS, string][]) {
    if (after[field] === before[field]) continue;
    const value = after[field];
    params.push(JSON_FIELDS.has(field) ? JSON.stringify(value) : value);
    assignments.push(`${column} = $${params.length}`);
  }
  if (assignments.length === 1 && write.entries.length === 0 && write.messages.length === 0) return;
  tx.write(
    `WITH changed AS (UPDATE deletions SET ${assignments.join(', ')} WHERE request_id = $1),
          noted AS (INSERT INTO timeline (request_id, what, status, attempt, cause, person, reason)
                    SELECT $1, what, status, attempt, cause, person, reason
                    FROM jsonb_to_recordset($2::jsonb) AS e(what text, status text, attempt integer, cause text, person text, reason text))
     ${insertMessages('$3')}`,
    params,
  );
}

/** Inserts outbox rows from a JSON parameter, under a condition if there is one. A row whose event id is there already was sent by an earlier run. */
export const insertMessages = (parameter: string, condition = ''): string =>
  `INSERT INTO outbox (event_id, request_id, lane, target, destination, key, headers, body)
   SELECT "eventId", "requestId", lane, target, destination, key, headers, body
   FROM jsonb_to_recordset(${parameter}::jsonb) AS m("eventId" text, "requestId" text, lane smallint, target text,
     destination text, key text, headers jsonb, body text) ${condition}
   ON CONFLICT (event_id) DO NOTHING`;

/** The outbox row of a message, its lane included. */
export const withLane = (message: OutboxMessage) => ({ ...message, lane: laneOf(message.requestId, OUTBOX_LANES) });

/** Writes outbox rows that belong to no single deletion: in the trace of what is being done. */
export function writeMessages(tx: Transaction, messages: readonly OutboxMessage[]): void {
  const place = currentPlace();
  if (messages.length > 0) tx.write(insertMessages('$1'), [JSON.stringify(messages.map((message) => withLane(at(message, place))))]);
}
