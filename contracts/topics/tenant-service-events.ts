import { z } from 'zod';
import { incomingId, isoTime } from './fields.js';
import { MessageFault } from './message-fault.js';
import { checkKey, parseValue } from './parse-message.js';
import { headerText, type RawMessage } from './raw-message.js';

/** What happens to a service; feeds the inventory. */
export const SERVICE_EVENT_TYPES = ['service.provisioned', 'service.deprovisioned'] as const;
export type ServiceEventType = (typeof SERVICE_EVENT_TYPES)[number];

/** `tenant.service.events`. */
export const serviceEvent = z.object({
  eventId: incomingId,
  eventType: z.enum(SERVICE_EVENT_TYPES, { error: `must be ${SERVICE_EVENT_TYPES.join(' or ')}` }),
  tenantId: incomingId,
  serviceType: incomingId,
  serviceInstanceId: incomingId,
  /** Instances of the same tenant; each once. */
  dependsOn: z
    .array(incomingId, { error: 'must be a list of instance ids, [] for none' })
    .max(1000, 'must hold at most 1000 instance ids')
    .transform((ids) => [...new Set(ids)]),
  timestamp: isoTime,
});
export type ServiceEvent = z.output<typeof serviceEvent>;

/** Partition key: the tenant. */
export const partitionKeyOf = (value: ServiceEvent): string => value.tenantId;

/** @throws MessageFault, also when the Kafka key is not the tenant or the `event_type` header is not the body's eventType */
export function parseServiceEvent(message: RawMessage): ServiceEvent {
  const value = parseValue(serviceEvent, message);
  checkKey(message, value.tenantId, 'tenantId');
  const said = headerText(message.headers, 'event_type');
  if (said !== undefined && said !== value.eventType) {
    throw new MessageFault('HEADER_MISMATCH', `The event_type header is not eventType ("${value.eventType}"); send the same in both, or no header.`, 'header event_type');
  }
  return value;
}
