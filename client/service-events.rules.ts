import { createHash } from 'node:crypto';
import type { OutgoingRecord } from '../bus/messages.js';
import { TOPICS } from '../contracts/names/index.js';
import type { ServiceEvent } from '../contracts/topics/index.js';
import type { ListedService } from './services-file.rules.js';

/**
 * The `service.provisioned` events of a list. Their ids are derived from what they say, so that the same list sent again
 * is recognised.
 * @param asOf when the list was true; for services that say no time of their own. ISO 8601.
 */
export const provisionedEvents = (services: readonly ListedService[], asOf: string): OutgoingRecord[] =>
  services.map((service) => {
    const { tenantId, serviceType, serviceInstanceId, timestamp = asOf } = service;
    const dependsOn = [...service.dependsOn].sort();
    const said = JSON.stringify([tenantId, serviceType, serviceInstanceId, dependsOn, timestamp]);
    const eventId = `import:${createHash('sha256').update(said).digest('hex').slice(0, 40)}`;
    const event: ServiceEvent = { eventId, eventType: 'service.provisioned', tenantId, serviceType, serviceInstanceId, dependsOn, timestamp };
    return { topic: TOPICS.serviceEvents, key: tenantId, value: JSON.stringify(event), headers: { event_type: event.eventType, event_id: eventId } };
  });
