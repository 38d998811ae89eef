import { randomUUID } from 'node:crypto';
import type { DeletionInput, DeletionPolicy, Subject } from '../../contracts/names/index.js';
import { countsInWords, workflowIdFor } from '../../contracts/names/index.js';
import type { ActivityEvents } from '../../activities/deps.js';
import type { Database } from '../../store/database.js';
import { SERVICE_FEED, markCaughtUp } from '../../store/inventory/feed.js';
import { applyServiceEvent, type ServiceEvent } from '../../store/inventory/service-events.js';
import { receive } from '../../store/ledger/receive.js';

const HOUR_MS = 3_600_000;

export const testPolicy: DeletionPolicy = {
  dagId: 'service_cleanup_dag',
  lane: 'default',
  resultTimeoutMs: 24 * HOUR_MS,
  autoRetries: 2,
  retryBackoffMs: 60_000,
  maxRetryBackoffMs: HOUR_MS,
  parkingWindowMs: 7 * 24 * HOUR_MS,
  dueInMs: 30 * 24 * HOUR_MS,
};

/** An id that no other test uses. */
export const freshId = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;

export interface TestRequest {
  readonly subject: Subject;
  readonly requestId?: string;
  readonly userId?: string;
  readonly gdprMode?: boolean;
  readonly dryRun?: boolean;
  readonly graceMs?: number;
  readonly policy?: Partial<DeletionPolicy>;
  readonly requestedAt?: Date;
}

/** Puts a request into the ledger as the ingress does, and returns what its workflow is started with. */
export async function receiveRequest(database: Database, request: TestRequest): Promise<{ input: DeletionInput; workflowId: string }> {
  const requestId = request.requestId ?? freshId('req');
  const dryRun = request.dryRun ?? false;
  const input: DeletionInput = {
    requestId,
    traceId: `trace-${requestId}`,
    subject: request.subject,
    gdprMode: request.gdprMode ?? false,
    dryRun,
    graceMs: request.graceMs ?? 0,
    policy: { ...testPolicy, ...request.policy },
  };
  const workflowId = workflowIdFor(request.subject, dryRun ? { requestId } : undefined);
  await receive(database, {
    input,
    workflowId,
    ...(request.subject.kind === 'user' && { userId: request.userId ?? `user-of-${request.subject.subjectRef}` }),
    requestedAt: request.requestedAt ?? new Date(),
    messages: [],
  });
  return { input, workflowId };
}

/** Provisions services of a tenant: `{app: ['db'], db: []}` is an app that depends on a db. The inventory is current afterwards. */
export async function provision(database: Database, tenantId: string, services: Record<string, readonly string[]>, at = new Date()): Promise<void> {
  for (const [serviceInstanceId, dependsOn] of Object.entries(services)) {
    await serviceEvent(database, { tenantId, serviceInstanceId, dependsOn, timestamp: at });
  }
  await currentInventory(database);
}

/** Applies one provisioning event. */
export function serviceEvent(
  database: Database,
  event: Pick<ServiceEvent, 'tenantId' | 'serviceInstanceId'> & Partial<ServiceEvent>,
): Promise<string> {
  return applyServiceEvent(database, 'test', {
    eventId: freshId('evt'),
    eventType: 'service.provisioned',
    serviceType: 'database',
    dependsOn: [],
    timestamp: new Date(),
    ...event,
  });
}

/** Says that the inventory has everything that was written to its feed. */
export const currentInventory = (database: Database): Promise<void> => markCaughtUp(database, SERVICE_FEED, 0);

/** Events of activities, gathered. */
export function gatherEvents(): ActivityEvents & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    triggered: (kind, lane) => void seen.push(`triggered ${kind} ${lane}`),
    ended: (kind, _lane, status) => void seen.push(`ended ${kind} ${status}`),
    parked: (kind, _lane, code) => void seen.push(`parked ${kind} ${code}`),
    tenantUnknown: (requestId) => void seen.push(`tenant unknown ${requestId}`),
    tenantDecisionNeeded: (tenantId) => void seen.push(`decision needed ${tenantId}`),
    overdue: (requestId) => void seen.push(`overdue ${requestId}`),
    inventoryUnavailable: (owner) => void seen.push(`inventory unavailable ${owner}`),
    verified: (requestId, verdict, residual, again) => void seen.push(`verified ${requestId} ${verdict} ${countsInWords(residual)}${again === null ? '' : ` again ${again}`}`),
  };
}

/** Outbox rows of a request, as they would be sent. */
export function outboxOf(database: Database, requestId: string): Promise<{ eventId: string; destination: string; key: string; body: string; target: string }[]> {
  return database.rows('SELECT event_id, destination, key, body, target FROM outbox WHERE request_id = $1 ORDER BY id', [requestId]);
}

/** Notifications of a request, as they would be sent. */
export async function notificationsOf(database: Database, requestId: string): Promise<{ notificationId: string; status: string; failureCode: string | null; message: string }[]> {
  const rows = await outboxOf(database, requestId);
  return rows
    .filter(({ destination }) => destination === 'notifications.send')
    .map(({ body }) => JSON.parse(body) as { notificationId: string; status: string; failureCode: string | null; message: string });
}

/** Event types of a request on a topic, in order. */
export async function eventTypesOf(database: Database, requestId: string, destination = 'nova.deletion.events'): Promise<string[]> {
  const rows = await outboxOf(database, requestId);
  return rows.filter((row) => row.destination === destination).map(({ body }) => (JSON.parse(body) as { eventType: string }).eventType);
}

/** A service of a tenant, as a deletion's subject. */
export const serviceSubject = (tenantId: string, serviceInstanceId: string): Subject => ({ kind: 'service', tenantId, serviceType: 'database', serviceInstanceId });

/** A user nobody else has, as a deletion's subject. */
export const userSubject = (): Subject => ({ kind: 'user', subjectRef: freshId('v1.ref') });
