import type { DeletionInput, DeletionStatus } from '../../contracts/names/index.js';
import type { Database, Queryable } from '../database.js';
import { insertMessages, withLane } from './flush.js';
import type { OutboxMessage } from './rows.js';

/** A validated request, about to enter the ledger. */
export interface NewRequest {
  readonly input: DeletionInput;
  readonly workflowId: string;
  /** Users only. */
  readonly userId?: string;
  readonly source?: string;
  readonly reason?: string;
  readonly requestedBy?: string;
  readonly traceparent?: string;
  /** The message's own time. */
  readonly requestedAt: Date;
  /** Sent when the request is new. */
  readonly messages: readonly OutboxMessage[];
}

/** What the ledger knows of a request after its receipt. */
export interface Received {
  readonly isNew: boolean;
  readonly status: DeletionStatus;
  readonly claimed: boolean;
  /** As first received: what a start must carry, whatever the policy says by now. */
  readonly input: DeletionInput;
  readonly workflowId: string;
}

/** The requestId is known for another subject: the message is no duplicate and must not pass for one. */
export class RequestIdConflict extends Error {
  override readonly name = 'RequestIdConflict';
}

/** Inserts the request's row if it is new, with its first timeline entry and events; else tells what is known. */
export async function receive(database: Database, request: NewRequest): Promise<Received> {
  const { input } = request;
  const { subject } = input;
  const tenantId = subject.kind === 'user' ? null : subject.tenantId;
  const instanceId = subject.kind === 'service' ? subject.serviceInstanceId : null;
  const inserted = await database.rows<Received>(
    `WITH received AS (
       INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, tenant_id, service_type, service_instance_id,
         source, reason, requested_by, gdpr_mode, dry_run, trace_id, traceparent, input, requested_at, due_at, events, generation)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
         now() + $18 * interval '1 millisecond', 1,
         coalesce((SELECT generation FROM services WHERE tenant_id = $6 AND service_instance_id = $8), 0))
       ON CONFLICT (request_id) DO NOTHING
       RETURNING request_id),
     noted AS (
       INSERT INTO timeline (request_id, what, status, attempt, cause, person, reason)
       SELECT request_id, 'received', 'PENDING', 0, 'request received', $11, $10 FROM received),
     sent AS (${insertMessages(`(SELECT CASE WHEN EXISTS (SELECT FROM received) THEN $19::jsonb ELSE '[]'::jsonb END)`)})
     SELECT request_id FROM received`,
    [
      input.requestId,
      subject.kind,
      request.workflowId,
      subject.kind === 'user' ? subject.subjectRef : null,
      request.userId ?? null,
      tenantId,
      subject.kind === 'service' ? subject.serviceType : null,
      instanceId,
      request.source ?? null,
      request.reason ?? null,
      request.requestedBy ?? null,
      input.gdprMode,
      input.dryRun,
      input.traceId,
      request.traceparent ?? null,
      JSON.stringify(input),
      request.requestedAt,
      input.policy.dueInMs,
      JSON.stringify(request.messages.map(withLane)),
    ],
  );
  if (inserted.length > 0) {
    return { isNew: true, status: 'PENDING', claimed: false, input, workflowId: request.workflowId };
  }
  const [known] = await database.rows<Received & { kind: string; userId: string | null; tenantId: string | null; serviceInstanceId: string | null }>(
    `SELECT status, claimed_run IS NOT NULL AS claimed, input, workflow_id, kind, user_id, tenant_id, service_instance_id
     FROM deletions WHERE request_id = $1`,
    [input.requestId],
  );
  if (!known) throw new Error(`request ${input.requestId} vanished from the ledger between insert and select`);
  const sameSubject =
    known.kind === subject.kind && known.userId === (request.userId ?? null) && known.tenantId === tenantId && known.serviceInstanceId === instanceId;
  if (!sameSubject) {
    throw new RequestIdConflict(`requestId ${input.requestId} is known already, for another ${known.kind}: send the request again under an id of its own`);
  }
  return { isNew: false, status: known.status, claimed: known.claimed, input: known.input, workflowId: known.workflowId };
}

/** The reference that a user's live deletion goes by: one of an older pepper, when it was received before the peppers changed. */
export async function liveSubjectRefOfUser(queryable: Queryable, userId: string): Promise<string | undefined> {
  const [row] = await queryable.rows<{ subjectRef: string }>(
    `SELECT subject_ref FROM deletions
     WHERE user_id = $1 AND status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT') AND NOT dry_run
     ORDER BY received_at LIMIT 1`,
    [userId],
  );
  return row?.subjectRef;
}
