import type { DeletionInput } from '../../contracts/names/index.js';
import type { Tenant } from '../../store/inventory/locked-tenant.js';
import type { ServiceRecord } from '../../store/inventory/read.js';
import type { Attempt, Deletion } from '../../store/ledger/rows.js';

const NOW = new Date('2026-02-11T10:00:00Z');

const input: DeletionInput = {
  requestId: 'uuid-1234', traceId: 'trace-1', subject: { kind: 'user', subjectRef: 'v1.0000000000' }, gdprMode: true, dryRun: false, graceMs: 0,
  policy: { dagId: 'user_cleanup_dag', lane: 'default', resultTimeoutMs: 1, autoRetries: 1, retryBackoffMs: 1, maxRetryBackoffMs: 1, parkingWindowMs: 1, dueInMs: 1 },
};

/** A row of the ledger: a user's deletion that has just been received. */
export const aDeletion = (more: Partial<Deletion> = {}): Deletion => ({
  requestId: 'uuid-1234', kind: 'user', workflowId: 'user-deletion/v1.0000000000', subjectRef: 'v1.0000000000', userId: 'user_888',
  tenantId: null, serviceType: null, serviceInstanceId: null, emptying: null, generation: 0, source: 'account-service', reason: 'gdpr_request', requestedBy: null,
  gdprMode: true, dryRun: false, traceId: 'trace-1', traceparent: null, tracestate: null, input, status: 'PENDING', attempt: 0, jobId: null, claimedRun: null, step: 0, answers: [], held: false,
  failureCode: null, failureMessage: null, duplicateOf: null, outcome: null, notifications: 0, events: 1, airflowRunId: null, counts: null, expected: null, linkedTo: null,
  requestedAt: NOW, receivedAt: NOW, sentAt: null, parkedAt: null, completedAt: null, durationMs: null, dueAt: new Date('2026-03-13T10:00:00Z'), updatedAt: NOW,
  ...more,
});

/** The first attempt of `aDeletion`, just sent. */
export const anAttempt = (more: Partial<Attempt> = {}): Attempt => ({
  jobId: 'del_req_uuid-1234', requestId: 'uuid-1234', attempt: 1, dagId: 'user_cleanup_dag', lane: 'default', generation: 0, cause: 'first attempt', sentAt: NOW,
  postedAt: null, airflowRunId: null, result: null, resultAt: null, failureCode: null, errorText: null, counts: null, expected: null, timedOutAt: null, revokedAt: null, revokedWhy: null,
  ...more,
});

/** An active tenant. */
export const aTenant = (more: Partial<Tenant> = {}): Tenant => ({
  tenantId: 't-1', status: 'ACTIVE', emptyings: 0, gdprDeletions: 0, otherDeletions: 0, lastTraceId: null, lastTraceparent: null, lastTracestate: null, emptiedAt: null, erasedAt: null, ...more,
});

/** An active service that depends on another. */
export const aService = (more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  tenantId: 't-1', serviceInstanceId: 's-1', serviceType: 'app', dependsOn: ['s-2'], status: 'ACTIVE', generation: 1, provisionedAt: NOW, eventAt: NOW,
  goneAt: null, deletionRequestId: null, deletionStatus: null, ...more,
});
