import type { DeletionInput, DeletionStatus, Subject } from '../../contracts/names/index.js';
import type { TraceContext } from '../../contracts/topics/index.js';
import type { Queryable } from '../database.js';
import { insertMessages, withLane } from './flush.js';
import { LIVE, type OutboxMessage } from './rows.js';

/** A validated request, about to enter the ledger, with the place in a trace that it was received at. */
export interface NewRequest extends Partial<TraceContext> {
  readonly input: DeletionInput;
  readonly workflowId: string;
  /** Users only. */
  readonly userId?: string;
  readonly source?: string;
  readonly reason?: string;
  readonly requestedBy?: string;
  /** The message's own time. */
  readonly requestedAt: Date;
  /** Sent when the request is new. */
  readonly messages: readonly OutboxMessage[];
}

/** What the ledger knows of a request after its receipt. */
export interface Received {
  readonly isNew: boolean;
  readonly status: DeletionStatus;
  /** What its workflow is to be started with, unless one has claimed it or it has ended. */
  readonly toStart: ToStart | undefined;
}

/** A deletion that no workflow has claimed. */
export interface ToStart {
  /** As first received: what a start must carry, whatever the policy says by now. */
  readonly input: DeletionInput;
  readonly workflowId: string;
}

/** The requestId is known for another subject: the message is no duplicate and must not pass for one. */
export class RequestIdConflict extends Error {
  override readonly name = 'RequestIdConflict';
  constructor(requestId: string, kind: string) {
    super(`requestId ${requestId} is known already, for another ${kind}: send the request again under an id of its own`);
  }
}

/** A live deletion of the user goes by another reference: the request must go by the same one, to meet its workflow. */
export class LiveUnderAnotherRef extends Error {
  override readonly name = 'LiveUnderAnotherRef';
  /** That of an older pepper, from before the peppers changed. */
  readonly subjectRef: string;
  constructor(requestId: string, subjectRef: string) {
    super(`request ${requestId} is for a user whose live deletion goes by another reference: enter it under that one`);
    this.subjectRef = subjectRef;
  }
}

/** What is known of a row that a request met. */
interface Known extends Pick<Received, 'status'> {
  readonly requestId: string;
  /** Of one that has ended or is claimed it is not read. */
  readonly input: DeletionInput | null;
  readonly workflowId: string;
  readonly kind: string;
  readonly userId: string | null;
  readonly tenantId: string | null;
  readonly serviceInstanceId: string | null;
}

const KNOWN = `d.status, CASE WHEN d.claimed_run IS NULL AND d.status IN ${LIVE} THEN d.input END AS input, d.workflow_id, d.kind, d.user_id, d.tenant_id, d.service_instance_id`;

const INSERT_NEW = `
  WITH asked AS (SELECT *, CASE WHEN kind = 'user' AND NOT "dryRun" THEN nullif(
        (SELECT subject_ref FROM deletions d WHERE d.user_id = "userId" AND status IN ${LIVE} AND NOT dry_run ORDER BY received_at LIMIT 1), "subjectRef") END AS "refusedFor"
    FROM jsonb_to_recordset($1::jsonb) AS a("requestId" text, kind text, "workflowId" text, "subjectRef" text, "userId" text,
      "tenantId" text, "serviceType" text, "instanceId" text, source text, reason text, "requestedBy" text, "gdprMode" boolean, "dryRun" boolean,
      "traceId" text, traceparent text, tracestate text, input jsonb, "requestedAt" timestamptz, "dueInMs" float8)),
  received AS (
    INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, tenant_id, service_type, service_instance_id,
      source, reason, requested_by, gdpr_mode, dry_run, trace_id, traceparent, tracestate, input, requested_at, due_at, events, generation)
    SELECT "requestId", kind, "workflowId", "subjectRef", "userId", "tenantId", "serviceType", "instanceId", source, reason, "requestedBy",
      "gdprMode", "dryRun", "traceId", traceparent, tracestate, input, "requestedAt", now() + "dueInMs" * interval '1 millisecond', 1,
      coalesce((SELECT generation FROM services s WHERE s.tenant_id = "tenantId" AND s.service_instance_id = "instanceId"), 0)
    FROM asked WHERE "refusedFor" IS NULL
    ON CONFLICT (request_id) DO NOTHING
    RETURNING request_id, requested_by, reason),
  noted AS (
    INSERT INTO timeline (request_id, what, status, attempt, cause, person, reason)
    SELECT request_id, 'received', 'PENDING', 0, 'request received', requested_by, reason FROM received),
  sent AS (${insertMessages('$2', 'WHERE "requestId" IN (SELECT request_id FROM received)')})
  SELECT "requestId" AS request_id, r.request_id IS NOT NULL AS is_new, "refusedFor" AS refused_for, ${KNOWN}
  FROM asked LEFT JOIN received r ON r.request_id = "requestId"
    LEFT JOIN LATERAL (SELECT * FROM deletions WHERE request_id = "requestId" LIMIT 1) d ON true`;

/**
 * Enters requests into the ledger in one statement: a row, its first timeline entry and its events for each that is new.
 * @returns for each, in their order, what the ledger knows of it now; or that its id is another subject's; or that its user is known by another reference
 */
export async function receiveAll(database: Queryable, requests: readonly NewRequest[]): Promise<(Received | RequestIdConflict | LiveUnderAnotherRef)[]> {
  // Of requests that share an id only the first can be new; the others meet its row.
  const firstById = new Map([...requests].reverse().map((request) => [request.input.requestId, request]));
  // Two that enter the same ids in another order would wait for one another.
  const firsts = [...firstById.values()].sort((a, b) => (a.input.requestId < b.input.requestId ? -1 : 1));
  const answers = await database.rows<Answer>(INSERT_NEW, [
    JSON.stringify(firsts.map(rowOf)),
    JSON.stringify(firsts.flatMap(({ messages }) => messages.map(withLane))),
  ]);
  const newIds = new Set(answers.filter((answer) => answer.isNew).map(({ requestId }) => requestId));
  const isNew = (request: NewRequest): boolean => newIds.has(request.input.requestId) && firstById.get(request.input.requestId) === request;
  const known = new Map<string, Known>(answers.filter(isKnown).map((answer) => [answer.requestId, answer]));
  const refused = new Map(answers.filter((answer) => !isKnown(answer)).map(({ requestId, refusedFor }) => [requestId, refusedFor]));
  const unseen = requests.filter((request) => !known.has(request.input.requestId) && !isNew(request));
  for (const row of await rowsOf(database, unseen.map(({ input }) => input.requestId))) known.set(row.requestId, row);
  return requests.map((request) => {
    const { input, workflowId } = request;
    if (isNew(request)) return { isNew: true, status: 'PENDING', toStart: { input, workflowId } };
    const row = known.get(input.requestId);
    const liveRef = refused.get(input.requestId);
    if (!row && liveRef != null) return new LiveUnderAnotherRef(input.requestId, liveRef);
    if (!row) throw new Error(`request ${input.requestId} vanished from the ledger between insert and select`);
    if (!isOfSameSubject(request, row)) return new RequestIdConflict(input.requestId, row.kind);
    return { isNew: false, status: row.status, toStart: row.input === null ? undefined : { input: row.input, workflowId: row.workflowId } };
  });
}

/** A request as the insert met it: new, known, or neither when another transaction has entered it this very moment. */
type Answer = Pick<Known, 'requestId'> & { readonly isNew: boolean; readonly refusedFor: string | null } & { readonly [Column in Exclude<keyof Known, 'requestId'>]: Known[Column] | null };
const isKnown = (answer: Answer): answer is Answer & Known => answer.status !== null;

/** The same for one. @throws RequestIdConflict, LiveUnderAnotherRef */
export async function receive(database: Queryable, request: NewRequest): Promise<Received> {
  const [received] = await receiveAll(database, [request]);
  if (received === undefined || received instanceof Error) throw received ?? new Error('no answer');
  return received;
}

/** Rows that another transaction committed while ours looked. */
const rowsOf = async (database: Queryable, requestIds: readonly string[]): Promise<Known[]> =>
  requestIds.length === 0 ? [] : database.rows<Known>(`SELECT d.request_id, ${KNOWN} FROM deletions d WHERE d.request_id = ANY($1)`, [requestIds]);

function rowOf({ input, workflowId, userId, source, reason, requestedBy, traceparent, tracestate, requestedAt }: NewRequest): Record<string, unknown> {
  const { requestId, subject, gdprMode, dryRun, traceId, policy } = input;
  return {
    requestId, workflowId, userId, source, reason, requestedBy, traceparent, tracestate, gdprMode, dryRun, traceId, input, requestedAt, ...idsOf(subject),
    kind: subject.kind,
    subjectRef: subject.kind === 'user' ? subject.subjectRef : undefined,
    serviceType: subject.kind === 'service' ? subject.serviceType : undefined,
    // Nobody has asked for an erasure before the grace of a soft deletion is over.
    dueInMs: policy.dueInMs + input.graceMs,
  };
}

const idsOf = (subject: Subject): { tenantId: string | null; instanceId: string | null } => ({
  tenantId: subject.kind === 'user' ? null : subject.tenantId,
  instanceId: subject.kind === 'service' ? subject.serviceInstanceId : null,
});

function isOfSameSubject({ input: { subject }, userId }: NewRequest, known: Known): boolean {
  const { tenantId, instanceId } = idsOf(subject);
  return known.kind === subject.kind && known.userId === (userId ?? null) && known.tenantId === tenantId && known.serviceInstanceId === instanceId;
}
