import type { DeletionAnswer } from '../contracts/api/deletions.js';
import { countsInWords, type ActAnswer, type DeletionStatus } from '../contracts/names/index.js';
import { toneOf } from './paint.rules.js';
import { listOf, printable, shownSpan, shownTime, tableOf, type Cell, type Screen } from './table.rules.js';

type HistoryEntry = DeletionAnswer['history'][number];

/** What a workflow answered to a person's act. */
export const answered = ({ requestId, message }: ActAnswer): string => (requestId === '' ? message : `${requestId}: ${message}`);

/** What says what a deletion is of, in a list or alone. */
type Subject = { readonly [Field in 'userId' | 'tenantId' | 'serviceType' | 'serviceInstanceId']?: string | null } & { readonly kind: DeletionAnswer['kind'] };

/** What the deletion is of, in words. */
export function subjectOf({ kind, userId, tenantId, serviceType, serviceInstanceId }: Subject): string {
  switch (kind) {
    case 'user':
      return `user ${userId ?? ''}`;
    case 'service':
      return `${serviceType ?? ''} ${serviceInstanceId ?? ''} of tenant ${tenantId ?? ''}`;
    case 'tenant':
      return `what is left of tenant ${tenantId ?? ''}`;
  }
}

/** The status, with why it is parked, for a table. */
export const statusCell = ({ status, parked, failure }: { readonly status: DeletionStatus; readonly parked?: boolean; readonly failure?: DeletionAnswer['failure'] }): Cell =>
  ({ text: parked && failure ? `${status} ${failure.code}` : status, tone: toneOf(status) });

/** The status, and what it means where that is not plain. */
export function statusInWords(deletion: DeletionAnswer): string {
  const { status, parked, failure, duplicateOf, outcome } = deletion;
  if (parked) return `${status}, parked: it waits for a retry, a cancel or a late success${failure ? ` (${failure.code})` : ''}`;
  if (status === 'DUPLICATE') return `DUPLICATE: joined ${duplicateOf ?? 'another request'}, ${outcome === null ? 'which is under way' : `which ended as ${outcome}`}`;
  return status;
}

/** All that is known of a deletion, for a person. */
export function deletionView(deletion: DeletionAnswer, screen: Screen): string {
  const { timeline, failure, parked, counts, attempts, history } = deletion;
  const summary = listOf([
    ['request', deletion.requestId],
    ['of', `${subjectOf(deletion)}${deletion.dryRun ? ' (dry run: counts, erases nothing)' : ''}`],
    ['status', { text: statusInWords(deletion), tone: toneOf(deletion.status) }],
    ['failure', failure && parked ? { text: `${failure.code}: ${failure.message}`, tone: 'bad' } : null],
    ['Airflow said', parked ? attempts.at(-1)?.failure?.message : null],
    ['received', shownTime(timeline.received)],
    ['completed', timeline.completed && `${shownTime(timeline.completed)}${timeline.duration_ms === null ? '' : ` (after ${shownSpan(timeline.duration_ms)})`}`],
    ['due', deletion.final ? null : shownTime(deletion.dueAt)],
    ['asked by', [deletion.requestedBy, deletion.source].filter((part) => part !== null).join(', ')],
    ['reason', deletion.reason],
    ['Airflow run', deletion.airflow_ref],
    ['counts', counts && Object.entries(counts).map(([name, n]) => `${name} ${n}`).join(', ')],
    ['expected', deletion.expected && countsInWords(deletion.expected)],
    ['verified', deletion.verification && verificationInWords(deletion.verification)],
    ['follows', deletion.linkedTo],
    ['deleted again by', deletion.again],
    ['joined by', deletion.joined.join(', ')],
    ['trace', deletion.traceId],
    ['workflow', deletion.links.temporal ?? deletion.workflowId],
  ], screen);
  const tried = tableOf(
    ['attempt', 'job', 'result', { name: 'DAG', mayGo: true }, { name: 'sent', mayGo: true }, { name: 'in Airflow', mayGo: true }],
    attempts.map((attempt) => [String(attempt.attempt), attempt.jobId, resultOf(attempt), attempt.dagId, shownTime(attempt.sentAt), attempt.postedAt === null ? (attempt.result === null ? 'not yet' : '') : shownTime(attempt.postedAt)]),
    screen,
  );
  const lived = tableOf(['at', 'what', 'status', 'why', { name: 'by', mayGo: true }, { name: 'attempt', mayGo: true }], history.map((entry) => [shownTime(entry.at), entry.what, statusCell(entry), causeOf(entry), entry.by ?? '', String(entry.attempt)]), screen);
  return [summary, ...(attempts.length > 0 ? [tried] : []), lived].join('\n\n');
}

/** What is left of a user, in words. */
function verificationInWords({ status, deadlineAt, residual, unverifiable }: NonNullable<DeletionAnswer['verification']>): string {
  const unseen = Object.keys(unverifiable).length > 0 ? `; nobody can tell whether this is gone: ${countsInWords(unverifiable)}` : '';
  switch (status) {
    case 'PENDING':
      return `not yet: what is left is stated by ${shownTime(deadlineAt)}`;
    case 'CLEAN':
      return 'nothing is left';
    case 'NOTHING_KNOWN':
      return 'nothing was known to exist: there was nothing to verify';
    case 'RESIDUAL':
      return `LEFT: ${countsInWords(residual)}${unseen}`;
    case 'UNVERIFIABLE':
      return `nothing is left of what can be verified${unseen}`;
  }
}

function resultOf({ result, failure, timedOutAt, revoked }: DeletionAnswer['attempts'][number]): Cell {
  const parts = [result ?? (timedOutAt === null ? 'awaited' : 'timed out'), failure?.code, revoked && `revoked: ${revoked.why ?? ''}`];
  return { text: parts.filter((part) => part !== null && part !== undefined).join(', '), tone: result === 'SUCCESS' ? 'good' : result === 'FAILURE' || timedOutAt !== null ? 'bad' : 'busy' };
}

const causeOf = ({ cause, reason }: HistoryEntry): string => (reason === null || reason === '' ? cause : `${cause} ("${reason}")`);

/** One line of the timeline, as it is followed. */
export const historyLine = (entry: HistoryEntry, { paint }: Pick<Screen, 'paint'>): string =>
  `${shownTime(entry.at)}  ${printable(entry.what).padEnd(16)}  ${paint(toneOf(entry.status), entry.status.padEnd(15))}  ${printable(`${causeOf(entry)}${entry.by === null ? '' : `, by ${entry.by}`}`)}`;
