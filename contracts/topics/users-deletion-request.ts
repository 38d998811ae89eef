import { z } from 'zod';
import { flag, freeText, incomingId, isoTime, personId } from './fields.js';
import { parseValue } from './parse-message.js';
import type { RawMessage } from './raw-message.js';

/** `users.deletion.request` (seed: user-deletion-service, section 3A). The eventId becomes the requestId. */
export const userDeletionRequest = z.object({
  eventId: incomingId,
  traceId: incomingId,
  timestamp: isoTime,
  payload: z.object({
    userId: personId,
    reason: freeText(1000),
    source: freeText(200),
    /** The person who asked, when one did; anything else in its place is as if it were left out. */
    requestedBy: personId.optional().catch(undefined),
    dryRun: flag.optional(),
  }, { error: 'must be an object' }),
});
export type UserDeletionRequest = z.output<typeof userDeletionRequest>;

/** Partition key: the user. */
export const partitionKeyOf = (value: UserDeletionRequest): string => value.payload.userId;

/** @throws MessageFault. The Kafka key is not compared: upstream may route by something else. */
export const parseUserDeletionRequest = (message: RawMessage): UserDeletionRequest => parseValue(userDeletionRequest, message);
