import { randomUUID } from 'node:crypto';
import { serviceRequestId, TOPICS, type DeletionStatus } from '../../contracts/names/index.js';
import type { Deletion } from '../../store/ledger/rows.js';
import type { House } from './house.js';
import type { Json } from './recorder.js';
import { waitFor } from './wait-for.js';

/** An id that no other test uses. */
export const fresh = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;

interface Message {
  readonly topic: string;
  readonly key: string;
  readonly value: Json;
  readonly headers?: Record<string, string>;
}

/** A request to delete a user. The requestId is its eventId. */
export const userRequest = (userId: string, requestId = fresh('req')): Message & { readonly requestId: string } => ({
  requestId,
  topic: TOPICS.userDeletionRequest,
  key: userId,
  value: { eventId: requestId, traceId: `trace-${requestId}`, timestamp: new Date().toISOString(), payload: { userId, reason: 'gdpr_request', source: 'account-service' } },
});

export interface ServiceAsked {
  readonly tenantId: string;
  readonly serviceInstanceId: string;
  readonly serviceType?: string;
  readonly gdprMode?: boolean;
  readonly traceId?: string;
}

/** A request to delete a service of a tenant. */
export function serviceRequest({ tenantId, serviceInstanceId, serviceType = 'cloud-storage', gdprMode = false, traceId = fresh('trace') }: ServiceAsked): Message & { readonly requestId: string } {
  const payload = { tenantId, serviceType, serviceInstanceId, requestedBy: 'admin-1', timestamp: new Date().toISOString(), gdprMode };
  return { requestId: serviceRequestId(traceId, serviceInstanceId), topic: TOPICS.serviceDeletionRequest, key: tenantId, value: { traceId, key: tenantId, payload } };
}

/** An event of the inventory. */
export function serviceEvent(eventType: 'service.provisioned' | 'service.deprovisioned', tenantId: string, serviceInstanceId: string, more: { readonly serviceType?: string; readonly dependsOn?: readonly string[] } = {}): Message {
  const eventId = fresh('evt');
  const { serviceType = 'cloud-storage', dependsOn = [] } = more;
  return {
    topic: TOPICS.serviceEvents,
    key: tenantId,
    headers: { event_type: eventType, event_id: eventId },
    value: { eventId, eventType, tenantId, serviceType, serviceInstanceId, dependsOn, timestamp: new Date().toISOString() },
  };
}

/** What Airflow says of a job. */
export const airflowResult = (jobId: string, status: 'SUCCESS' | 'FAILURE', more: Json = {}): Message => ({
  topic: TOPICS.airflowResult,
  key: jobId,
  value: { jobId, airflowRunId: `manual__${jobId}`, status, timestamp: new Date().toISOString(), metadata: status === 'SUCCESS' ? { db_rows_purged: 1 } : {}, error: status === 'SUCCESS' ? null : 'It broke', ...more },
});

/** Provisions services of a tenant and waits until the inventory has them: `{app: ['db'], db: []}` is an app that depends on a db. */
export async function provision(house: House, tenantId: string, services: Readonly<Record<string, readonly string[]>>, typeOf: (instanceId: string) => string = () => 'cloud-storage'): Promise<void> {
  const names = Object.keys(services);
  await house.send(...names.map((name) => serviceEvent('service.provisioned', tenantId, name, { serviceType: typeOf(name), dependsOn: services[name] ?? [] })));
  await waitFor(`the inventory has ${names.join(', ')} of ${tenantId}`, async () => {
    const { status, body } = await house.api(`/api/v1/tenants/${tenantId}`);
    const active = status === 200 ? (body['services'] as Json[]).filter((service) => service['status'] === 'ACTIVE').map((service) => service['serviceInstanceId'] as string) : [];
    return names.every((name) => active.includes(name));
  });
}

/** Waits until the API says that a request has the status. @returns the answer */
export async function whenStatus(house: House, requestId: string, status: DeletionStatus, timeoutMs = 30_000): Promise<Json> {
  let last: unknown;
  return waitFor(`${requestId} is ${status}`, async () => {
    const { body } = await house.api(`/api/v1/deletions/${encodeURIComponent(requestId)}`);
    last = body;
    return body['status'] === status && body;
  }, timeoutMs, () => last);
}

/** Rows of the ledger. */
export const ledgerRows = (house: House, requestIds: readonly string[]): Promise<Deletion[]> =>
  house.ledger.rows<Deletion>('SELECT * FROM deletions WHERE request_id = ANY($1) ORDER BY request_id', [requestIds]);

/** Waits until all requests have the status. */
export async function whenAll(house: House, requestIds: readonly string[], status: DeletionStatus, timeoutMs = 60_000): Promise<void> {
  let left: unknown;
  await waitFor(`${requestIds.length} requests are ${status}`, async () => {
    const others = (await house.ledger.rows<{ requestId: string; status: string; failureCode: string | null }>(
      'SELECT id AS request_id, status, failure_code FROM unnest($1::text[]) AS id LEFT JOIN deletions ON request_id = id WHERE status IS DISTINCT FROM $2', [requestIds, status]));
    left = others.slice(0, 10);
    return others.length === 0;
  }, timeoutMs, () => left);
}

/** The notifications of a request that have come so far; of each id one. */
export const notificationsOf = (house: House, requestId: string): Json[] => {
  const found = house.bus.values(TOPICS.notifications, (value) => value['requestId'] === requestId);
  return [...new Map(found.map((value) => [value['notificationId'] as string, value])).values()];
};

/** The triggers of a request, in the order that they came. */
export const triggersOf = (house: House, requestId: string): Json[] =>
  house.bus.values(TOPICS.airflowTrigger, ({ jobId }) => jobId === `del_req_${requestId}` || String(jobId).startsWith(`del_req_${requestId}~`));

/** TENANT_EMPTY and TENANT_ERASED of a tenant. */
export const lifecycleOf = (house: House, tenantId: string): Json[] => house.bus.values(TOPICS.tenantLifecycle, (value) => value['tenantId'] === tenantId);
