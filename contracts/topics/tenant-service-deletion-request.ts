import { z } from 'zod';
import { flag, incomingId, isoTime, personId } from './fields.js';
import { MessageFault } from './message-fault.js';
import { checkKey, parseValue } from './parse-message.js';
import type { RawMessage } from './raw-message.js';

/** `tenant.service.deletion.request` (seed: tenant-service-deletion, section 1A). */
export const serviceDeletionRequest = z.object({
  traceId: incomingId,
  /** The partition key once more; producers may leave it out. */
  key: z.string({ error: 'must be a string' }).nullish(),
  payload: z.object({
    tenantId: incomingId,
    serviceType: incomingId,
    serviceInstanceId: incomingId,
    requestedBy: personId,
    timestamp: isoTime,
    gdprMode: flag,
    dryRun: flag.optional(),
  }, { error: 'must be an object' }),
});
export type ServiceDeletionRequest = z.output<typeof serviceDeletionRequest>;

/** Partition key: the tenant. */
export const partitionKeyOf = (value: ServiceDeletionRequest): string => value.payload.tenantId;

/** @throws MessageFault, also when the Kafka key or the body's own `key` names another than the tenant */
export function parseServiceDeletionRequest(message: RawMessage): ServiceDeletionRequest {
  const value = parseValue(serviceDeletionRequest, message);
  const { tenantId } = value.payload;
  checkKey(message, tenantId, 'payload.tenantId');
  if (value.key !== undefined && value.key !== null && value.key !== tenantId) {
    throw new MessageFault('KEY_MISMATCH', `key is not payload.tenantId ("${tenantId}"); send the tenant as key, or leave key out.`, 'key');
  }
  return value;
}
