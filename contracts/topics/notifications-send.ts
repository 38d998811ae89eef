import { z } from 'zod';
import { DELETION_STATUSES, FAILURE_CODES } from '../names/index.js';
import { count, derivedId, eventId, flag, freeText, incomingId, isoTime, personId } from './fields.js';

const head = { notificationId: eventId, requestId: derivedId };
const tail = {
  status: z.enum(DELETION_STATUSES),
  failureCode: z.enum(FAILURE_CODES).nullable(),
  message: freeText(2000),
  /** Receipt to end by the database's clock; null until there is an end. */
  durationMs: count.nullable(),
  attempt: count,
  traceId: incomingId,
  occurredAt: isoTime,
  dryRun: flag.optional(),
  /** With DUPLICATE: the request that it joined. */
  duplicateOf: derivedId.optional(),
  dueAt: isoTime.optional(),
  /** The run in Temporal's Web UI. */
  workflowUrl: z.url().optional(),
};

/** `notifications.send`: for the notification service, which knows how to reach people. The only outgoing message with a userId but the trigger. */
export const notification = z.discriminatedUnion('kind', [
  z.object({ ...head, kind: z.literal('user'), userId: personId, ...tail }),
  z.object({ ...head, kind: z.literal('service'), tenantId: incomingId, serviceType: incomingId, serviceInstanceId: incomingId, ...tail }),
  z.object({ ...head, kind: z.literal('tenant'), tenantId: incomingId, ...tail }),
]);
export type Notification = z.output<typeof notification>;

/** Partition key: the user or the tenant. */
export const partitionKeyOf = (value: Notification): string => (value.kind === 'user' ? value.userId : value.tenantId);
