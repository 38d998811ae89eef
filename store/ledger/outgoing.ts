import { deletionEventsTopic, eventIdFor, jobIdFor, TOPICS, type DeletionInput, type FailureCode } from '../../contracts/names/index.js';
import type { LockedDeletion } from './locked-deletion.js';
import { placeNow } from './places.js';
import type { Deletion, OutboxMessage } from './rows.js';

/** What can be told on `<prefix>.deletion.events`. */
export type DeletionEventType =
  | 'deletion.requested'
  | 'deletion.joined'
  | 'deletion.held'
  | 'deletion.released'
  | 'deletion.sent_to_airflow'
  | 'deletion.completed'
  | 'deletion.failed'
  | 'deletion.timed_out'
  | 'deletion.cancelled';

/** Tells the bus of what has just happened to a deletion. */
export function sendEvent(deletion: LockedDeletion, topicPrefix: string, eventType: DeletionEventType): void {
  const { row, now } = deletion;
  deletion.send(
    deletionEvent(topicPrefix, {
      requestId: row.requestId,
      n: deletion.nextEvent(),
      eventType,
      input: row.input,
      status: row.status,
      attempt: row.attempt,
      jobId: row.jobId,
      occurredAt: now,
    }),
  );
}

/** The event of one change of a deletion, on the deletion events topic. Users appear by subjectRef only. */
export function deletionEvent(
  topicPrefix: string,
  event: {
    requestId: string;
    n: number;
    eventType: DeletionEventType;
    input: DeletionInput;
    status: string;
    attempt: number;
    jobId: string | null;
    occurredAt: Date;
  },
): OutboxMessage {
  const { subject, traceId } = event.input;
  const what = event.eventType.slice('deletion.'.length);
  const eventId = eventIdFor(event.requestId, what, event.n);
  return toKafka(event.requestId, deletionEventsTopic(topicPrefix), subject.kind === 'user' ? subject.subjectRef : subject.tenantId, event.eventType, eventId, {
    eventId,
    eventType: event.eventType,
    requestId: event.requestId,
    kind: subject.kind,
    ...subjectFields(subject),
    status: event.status,
    attempt: event.attempt,
    // Left out before the first trigger, as the contract has it.
    jobId: event.jobId ?? undefined,
    traceId,
    occurredAt: event.occurredAt.toISOString(),
  });
}

function subjectFields(subject: DeletionInput['subject']): Record<string, unknown> {
  switch (subject.kind) {
    case 'user':
      return { subjectRef: subject.subjectRef };
    case 'service':
      return { tenantId: subject.tenantId, serviceInstanceId: subject.serviceInstanceId };
    case 'tenant':
      return { tenantId: subject.tenantId };
  }
}

/** Tells the people concerned, through notifications.send: what has become of their request. */
export function sendNotification(deletion: LockedDeletion, eventType: string, message: string): void {
  const { row, now } = deletion;
  const notificationId = eventIdFor(row.requestId, 'notification', deletion.nextNotification());
  deletion.send(
    toKafka(row.requestId, TOPICS.notifications, keyOf(row), eventType, notificationId, {
      notificationId,
      requestId: row.requestId,
      kind: row.kind,
      ...(row.userId !== null && { userId: row.userId }),
      ...(row.tenantId !== null && { tenantId: row.tenantId }),
      ...(row.kind === 'service' && { serviceType: row.serviceType, serviceInstanceId: row.serviceInstanceId }),
      status: row.status,
      failureCode: row.failureCode,
      message,
      durationMs: row.durationMs,
      attempt: row.attempt,
      traceId: row.traceId,
      occurredAt: now.toISOString(),
    }),
  );
}

/** Asks Airflow to erase: the attempt's trigger. The only message beside notifications that holds a user id. */
export function sendTrigger(deletion: LockedDeletion, attempt: number): void {
  const { row } = deletion;
  const eventId = eventIdFor(row.requestId, 'trigger', attempt);
  deletion.send(
    toKafka(row.requestId, TOPICS.airflowTrigger, keyOf(row), 'airflow.trigger', eventId, {
      traceId: row.traceId,
      jobId: jobIdFor(row.requestId, attempt),
      payload: { dag_id: row.input.policy.dagId, conf: confOf(row) },
    }),
  );
}

function confOf(row: Deletion): Record<string, unknown> {
  const { dryRun, traceId } = row;
  const trace = { trace_id: traceId, ...placeNow(row) };
  switch (row.kind) {
    case 'user':
      return { user_id: row.userId, dry_run: dryRun, ...(row.expected && { expected: row.expected }), ...trace };
    case 'service':
      return { tenant_id: row.tenantId, target_service: row.serviceType, target_instance: row.serviceInstanceId, dry_run: dryRun, ...trace };
    case 'tenant':
      return { tenant_id: row.tenantId, dry_run: dryRun, ...trace };
  }
}

/** Tells of a tenant's emptying or erasure on tenant.lifecycle.events. */
export function lifecycleEvent(
  eventType: 'TENANT_EMPTY' | 'TENANT_ERASED',
  event: { requestId: string; tenantId: string; emptying: number; gdprMode: boolean; traceId: string; occurredAt: Date },
): OutboxMessage {
  const eventId = eventIdFor(event.requestId, eventType, 1);
  return toKafka(event.requestId, TOPICS.tenantLifecycle, event.tenantId, eventType, eventId, {
    eventId,
    eventType,
    tenantId: event.tenantId,
    emptying: event.emptying,
    gdprMode: event.gdprMode,
    traceId: event.traceId,
    occurredAt: event.occurredAt.toISOString(),
  });
}

/** What a notification says of a failure, in words that people understand. Airflow's own words stay in the ledger. */
export function failureMessage(code: FailureCode, blockedBy: readonly string[] = []): string {
  switch (code) {
    case 'DEPENDENCY_BLOCKED':
      return `Cannot delete this service while ${blockedBy.join(', ')} is running and depends on it; it goes through by itself when that has gone`;
    case 'DAG_FAILED':
      return 'Airflow ran the clean-up and reported a failure';
    case 'NO_ERASER':
      return 'No eraser is configured for this; nothing was erased';
    case 'DAG_NOT_FOUND':
      return 'Airflow does not know the clean-up DAG; nothing was erased';
    case 'CONF_REFUSED':
      return 'Airflow refused the configuration of the clean-up run; nothing was erased';
    case 'RUN_MISMATCH':
      return 'Airflow has a run of the same id with another DAG or configuration';
    case 'RESULT_TIMEOUT':
      return 'No result came from Airflow in time';
    case 'RUN_ENDED_WITHOUT_RESULT':
      return 'The clean-up run ended in Airflow without erasing';
    case 'PROVISIONED_ANEW':
      return 'The service was provisioned anew after the request: a retry erases the new one, a cancel leaves it';
    case 'WORKFLOW_TERMINATED':
      return 'Its workflow was terminated, or lost, from outside; a retry goes on with the deletion, a cancel withdraws it';
  }
}

const keyOf = (row: Deletion): string => {
  const key = row.userId ?? row.tenantId;
  if (key === null) throw new Error(`request ${row.requestId} has neither user nor tenant`);
  return key;
};

function toKafka(requestId: string, topic: string, key: string, eventType: string, eventId: string, value: Record<string, unknown>): OutboxMessage {
  return {
    eventId,
    requestId,
    target: 'kafka',
    destination: topic,
    key,
    headers: { event_type: eventType, event_id: eventId },
    body: JSON.stringify(value),
  };
}
