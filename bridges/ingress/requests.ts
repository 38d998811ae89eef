import { serviceRequestId, workflowIdFor, type Subject } from '../../contracts/names/index.js';
import { traceContextOf, type NovaEventOf, type RawMessage, type ServiceDeletionRequest, type UserDeletionRequest } from '../../contracts/topics/index.js';
import type { Policies } from '../../platform/policies.js';
import type { NewRequest } from '../../store/ledger/receive.js';

/** A request as the ledger takes it, its outgoing messages left out. */
export type RequestDraft = Omit<NewRequest, 'messages'>;

interface Terms {
  readonly requestId: string;
  readonly traceId: string;
  readonly subject: Subject;
  readonly gdprMode: boolean;
  readonly dryRun: boolean;
  readonly graceMs: number;
}

/** A user's request. @param subjectRef what the user is known by outside the ledger. */
export function fromUserRequest(value: UserDeletionRequest, message: RawMessage, subjectRef: string, policies: Policies): RequestDraft {
  const { userId, reason, source, requestedBy, dryRun = false } = value.payload;
  // A user's deletion is always for good: only services are asked to be deleted without being purged.
  const terms = { requestId: value.eventId, traceId: value.traceId, subject: { kind: 'user', subjectRef } as const, gdprMode: true, dryRun, graceMs: 0 };
  return { ...draft(terms, message, value.timestamp, policies), userId, source, reason, ...(requestedBy !== undefined && { requestedBy }) };
}

/** What `identity.user.deleted` says. */
export type UserDeleted = NovaEventOf<'identity.user.deleted'>['value'];

/** Ids of traces are shorter than those of requests. */
const MAX_TRACE_ID = 64;

/**
 * The deletion of a user that the service of identities has told of: at once, or, when it was a soft one, after a grace.
 * @param requestId what the event is known by
 * @param softDeleteGraceMs during which a soft deletion can be cancelled
 */
export function fromUserDeleted(value: UserDeleted, requestId: string, message: RawMessage, subjectRef: string, { policies, softDeleteGraceMs }: { readonly policies: Policies; readonly softDeleteGraceMs: number }): RequestDraft {
  const traceId = traceContextOf(message.headers)?.traceparent.split('-')[1] ?? requestId.slice(-MAX_TRACE_ID);
  const terms = { requestId, traceId, subject: { kind: 'user', subjectRef } as const, gdprMode: true, dryRun: false, graceMs: value.soft_delete ? softDeleteGraceMs : 0 };
  const reason = value.soft_delete ? 'identity.user.deleted, soft' : 'identity.user.deleted';
  return { ...draft(terms, message, value.deleted_at, policies), userId: value.user_id, source: 'identity-service', reason };
}

/** A service's request. */
export function fromServiceRequest(value: ServiceDeletionRequest, message: RawMessage, policies: Policies): RequestDraft {
  const { tenantId, serviceType, serviceInstanceId, requestedBy, timestamp, gdprMode, dryRun = false } = value.payload;
  const subject = { kind: 'service', tenantId, serviceType, serviceInstanceId } as const;
  const terms = { requestId: serviceRequestId(value.traceId, serviceInstanceId), traceId: value.traceId, subject, gdprMode, dryRun, graceMs: 0 };
  return { ...draft(terms, message, timestamp, policies), requestedBy };
}

function draft(terms: Terms, message: RawMessage, timestamp: string, policies: Policies): Pick<RequestDraft, 'input' | 'workflowId' | 'traceparent' | 'tracestate' | 'requestedAt'> {
  const { requestId, subject, dryRun } = terms;
  return {
    input: { ...terms, policy: policies.policyFor(subject) },
    workflowId: workflowIdFor(subject, dryRun ? { requestId } : undefined),
    requestedAt: new Date(timestamp),
    ...traceContextOf(message.headers),
  };
}
