import type { DeletionAnswer } from '../contracts/api/deletions.js';
import { isFinal, isParked } from '../contracts/names/index.js';
import type { DeletionStatus } from '../contracts/names/index.js';
import type { DeletionRecord, TimelineRow } from '../store/ledger/read.js';
import type { Attempt, Deletion } from '../store/ledger/rows.js';
import type { Verification } from '../store/ledger/verifications.js';
import { webUiLink } from './web-ui-link.rules.js';
import type { WebUi } from './web-ui-link.rules.js';

const iso = (time: Date): string => time.toISOString();
const isoOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;

/**
 * What the API says of a request: the seed's fields first, in the seed's order.
 * @throws TypeError when the row lacks what its kind must have, which the ledger's constraints rule out.
 */
export function deletionAnswerOf({ deletion, attempts, timeline, joined, verification, again }: DeletionRecord, webUi: WebUi | undefined): DeletionAnswer {
  const { requestId, status } = deletion;
  const rest = {
    parked: isParked(status),
    final: isFinal(status),
    attempt: deletion.attempt,
    jobId: deletion.jobId,
    dueAt: iso(deletion.dueAt),
    requestedAt: iso(deletion.requestedAt),
    requestedBy: deletion.requestedBy,
    source: deletion.source,
    reason: deletion.reason,
    gdprMode: deletion.gdprMode,
    dryRun: deletion.dryRun,
    failure: deletion.failureCode === null ? null : { code: deletion.failureCode, message: deletion.failureMessage ?? '' },
    duplicateOf: deletion.duplicateOf,
    outcome: deletion.outcome,
    joined: [...joined],
    counts: deletion.counts,
    expected: deletion.expected,
    verification: verification ? verificationOf(verification) : null,
    linkedTo: deletion.linkedTo,
    again,
    traceId: deletion.traceId,
    workflowId: deletion.workflowId,
    attempts: attempts.map(attemptOf),
    history: timeline.map(historyEntryOf),
    links: webUi ? { temporal: webUiLink(webUi, deletion.workflowId) } : {},
  };
  const seed = {
    status,
    timeline: { received: iso(deletion.receivedAt), completed: isoOrNull(deletion.completedAt), duration_ms: deletion.durationMs },
    airflow_ref: deletion.airflowRunId,
  };
  switch (deletion.kind) {
    case 'user':
      return { requestId, userId: present(deletion, 'userId'), ...seed, kind: 'user', ...rest };
    case 'service':
      return {
        requestId,
        tenantId: present(deletion, 'tenantId'),
        serviceType: present(deletion, 'serviceType'),
        serviceInstanceId: present(deletion, 'serviceInstanceId'),
        ...seed,
        kind: 'service',
        ...rest,
      };
    case 'tenant':
      return { requestId, tenantId: present(deletion, 'tenantId'), emptying: deletion.emptying, ...seed, kind: 'tenant', ...rest };
  }
}

function present(deletion: Deletion, field: 'userId' | 'tenantId' | 'serviceType' | 'serviceInstanceId'): string {
  const value = deletion[field];
  if (value === null) throw new TypeError(`The ledger's row of a ${deletion.kind} has no ${field}`);
  return value;
}

const attemptOf = (attempt: Attempt): DeletionAnswer['attempts'][number] => ({
  attempt: attempt.attempt,
  jobId: attempt.jobId,
  dagId: attempt.dagId,
  lane: attempt.lane,
  cause: attempt.cause,
  sentAt: iso(attempt.sentAt),
  postedAt: isoOrNull(attempt.postedAt),
  airflow_ref: attempt.airflowRunId,
  result: attempt.result,
  resultAt: isoOrNull(attempt.resultAt),
  failure: attempt.failureCode === null ? null : { code: attempt.failureCode, message: attempt.errorText },
  counts: attempt.counts,
  expected: attempt.expected,
  timedOutAt: isoOrNull(attempt.timedOutAt),
  revoked: attempt.revokedAt === null ? null : { at: iso(attempt.revokedAt), why: attempt.revokedWhy },
});

const verificationOf = ({ verdict, deadlineAt, statedAt, residual, unverifiable }: Verification): NonNullable<DeletionAnswer['verification']> => ({
  status: verdict ?? 'PENDING',
  deadlineAt: iso(deadlineAt),
  statedAt: isoOrNull(statedAt),
  residual,
  unverifiable,
});

const historyEntryOf = (row: TimelineRow): DeletionAnswer['history'][number] => ({
  at: iso(row.at),
  what: row.what,
  status: row.status as DeletionStatus,
  attempt: row.attempt,
  cause: row.cause,
  by: row.person,
  reason: row.reason,
});
