import { randomBytes, randomUUID } from 'node:crypto';
import type { OutgoingRecord } from '../../bus/messages.js';
import { serviceRequest, userRequest, type RequestMessage } from '../../client/request-messages.rules.js';
import { provisionedEvents } from '../../client/service-events.rules.js';

export type Kind = 'user' | 'service';
export const KINDS: readonly Kind[] = ['user', 'service'];

export interface Requests {
  readonly requests: readonly RequestMessage[];
  /** What the inventory has to know before. */
  readonly provisioning: readonly OutgoingRecord[];
  readonly tenantIds: readonly string[];
}

export const SERVICES_TO_A_TENANT = 10;

const makings = () => ({ now: new Date(), newIds: { eventId: randomUUID(), traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') } });

/** Requests that nobody has made before: one for each of as many users. */
export const userRequests = (count: number): Requests => ({
  requests: Array.from({ length: count }, () => userRequest({ userId: `user-${randomUUID()}`, reason: 'account_closed', source: 'bench' }, makings())),
  provisioning: [],
  tenantIds: [],
});

/**
 * Requests for all services of new tenants, the tenants in turn, so that each is emptied by the last of its own.
 * @param count rounded up to whole tenants
 */
export function serviceRequests(count: number, servicesToATenant = SERVICES_TO_A_TENANT, serviceType = 'cloud-storage'): Requests {
  const tenantIds = Array.from({ length: Math.ceil(count / servicesToATenant) }, () => `tenant-${randomUUID()}`);
  const services = Array.from({ length: servicesToATenant }, (_, n) => `service-${n}`).flatMap((serviceInstanceId) => tenantIds.map((tenantId) => ({ tenantId, serviceInstanceId, serviceType, dependsOn: [] })));
  return {
    requests: services.map(({ tenantId, serviceInstanceId }) => serviceRequest({ tenantId, serviceType, serviceInstanceId, requestedBy: 'bench', gdprMode: false }, makings())),
    provisioning: provisionedEvents(services, new Date().toISOString()),
    tenantIds,
  };
}

export const requestsOf = (kind: Kind, count: number): Requests => (kind === 'user' ? userRequests(count) : serviceRequests(count));
