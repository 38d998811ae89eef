import { z } from 'zod';
import { DELETION_STATUSES, FAILURE_CODES } from '../names/index.js';
import { count, derivedId, eventId, flag, incomingId, isoTime, subjectRef } from './fields.js';

/** What is told of a deletion, in the order of its life. */
export const DELETION_EVENT_TYPES = [
  'deletion.requested',
  'deletion.joined',
  'deletion.held',
  'deletion.released',
  'deletion.sent_to_airflow',
  'deletion.completed',
  'deletion.failed',
  'deletion.timed_out',
  'deletion.cancelled',
] as const;
export type DeletionEventType = (typeof DELETION_EVENT_TYPES)[number];

const head = { eventId, eventType: z.enum(DELETION_EVENT_TYPES), requestId: derivedId };
const tail = {
  status: z.enum(DELETION_STATUSES),
  /** 0 before the first trigger. */
  attempt: count,
  /** The attempt's job; left out before the first trigger. */
  jobId: derivedId.optional(),
  traceId: incomingId,
  occurredAt: isoTime,
  failureCode: z.enum(FAILURE_CODES).optional(),
  /** With deletion.joined: the request that it joined. */
  duplicateOf: derivedId.optional(),
  durationMs: count.optional(),
  gdprMode: flag.optional(),
  dryRun: flag.optional(),
};

/** `<prefix>.deletion.events`. Holds no user id: a user is told by subjectRef. */
export const deletionEvent = z.discriminatedUnion('kind', [
  z.object({ ...head, kind: z.literal('user'), subjectRef, ...tail }),
  z.object({ ...head, kind: z.literal('service'), tenantId: incomingId, serviceInstanceId: incomingId, ...tail, serviceType: incomingId.optional() }),
  z.object({ ...head, kind: z.literal('tenant'), tenantId: incomingId, ...tail }),
]);
export type DeletionEvent = z.output<typeof deletionEvent>;

/** Partition key: the subjectRef or the tenant. */
export const partitionKeyOf = (value: DeletionEvent): string => (value.kind === 'user' ? value.subjectRef : value.tenantId);
