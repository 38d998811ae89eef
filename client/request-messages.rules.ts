import { serviceRequestId, TOPICS } from '../contracts/names/index.js';
import type { OutgoingRecord } from '../bus/messages.js';
import { MessageFault, parseServiceDeletionRequest, parseUserDeletionRequest } from '../contracts/topics/index.js';
import type { RawMessage } from '../contracts/topics/index.js';
import { ClientFault } from './faults.js';

/** What is asked of a user's deletion. */
export interface UserDeletionAsk {
  readonly userId: string;
  readonly reason: string;
  readonly source: string;
  /** The person who asks, when one does. */
  readonly requestedBy?: string | undefined;
  readonly dryRun?: boolean | undefined;
  /** Becomes the requestId; the same one asks only once. New when left out. */
  readonly eventId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** What is asked of a service's deletion. */
export interface ServiceDeletionAsk {
  readonly tenantId: string;
  readonly serviceType: string;
  readonly serviceInstanceId: string;
  readonly requestedBy: string;
  readonly gdprMode: boolean;
  readonly dryRun?: boolean | undefined;
  readonly traceId?: string | undefined;
}

/** Where new ids and the time come from. */
export interface RequestMakings {
  readonly now: Date;
  /** A UUID, 32 and 16 hex digits. */
  readonly newIds: { readonly eventId: string; readonly traceId: string; readonly spanId: string };
}

/** A request as it will be sent. */
export interface RequestMessage {
  readonly requestId: string;
  readonly traceId: string;
  readonly record: OutgoingRecord;
}

/** @throws ClientFault usage, naming the field that breaks the contract */
export function userRequest(ask: UserDeletionAsk, { now, newIds }: RequestMakings): RequestMessage {
  const { eventId = newIds.eventId, traceId = newIds.traceId } = ask;
  const body = { eventId, traceId, timestamp: now.toISOString(), payload: { userId: ask.userId, reason: ask.reason, source: ask.source, ...(ask.requestedBy === undefined ? {} : { requestedBy: ask.requestedBy }), ...(ask.dryRun ? { dryRun: true } : {}) } };
  return { requestId: eventId, traceId, record: recordOf(TOPICS.userDeletionRequest, ask.userId, body, newIds.spanId, parseUserDeletionRequest) };
}

/** @throws ClientFault usage, naming the field that breaks the contract */
export function serviceRequest(ask: ServiceDeletionAsk, { now, newIds }: RequestMakings): RequestMessage {
  const { traceId = newIds.traceId, tenantId, serviceType, serviceInstanceId, requestedBy, gdprMode } = ask;
  const payload = { tenantId, serviceType, serviceInstanceId, requestedBy, timestamp: now.toISOString(), gdprMode, ...(ask.dryRun ? { dryRun: true } : {}) };
  const record = recordOf(TOPICS.serviceDeletionRequest, tenantId, { traceId, key: tenantId, payload }, newIds.spanId, parseServiceDeletionRequest);
  return { requestId: serviceRequestId(traceId, serviceInstanceId), traceId, record };
}

function recordOf(topic: string, key: string, body: { readonly traceId: string; readonly [field: string]: unknown }, spanId: string, check: (message: RawMessage) => unknown): OutgoingRecord {
  const value = JSON.stringify(body);
  try {
    check({ key: Buffer.from(key), value: Buffer.from(value) });
  } catch (error) {
    if (error instanceof MessageFault) throw new ClientFault('usage', error.message);
    throw error;
  }
  // W3C trace context, where the trace id is one (https://www.w3.org/TR/trace-context/).
  const traced = /^[0-9a-f]{32}$/.test(body.traceId) && !/^0+$/.test(body.traceId);
  return { topic, key, value, ...(traced ? { headers: { traceparent: `00-${body.traceId}-${spanId}-01` } } : {}) };
}
