import { LIVE_STATUSES, type DeletionInput, type DeletionKind, type DeletionStatus, type FailureCode, type SubjectCounts } from '../../contracts/names/index.js';

/** For `status IN …`, word for word as the partial indexes have it: they are used for nothing else. */
export const LIVE = `(${LIVE_STATUSES.map((status) => `'${status}'`).join(', ')})`;

/** For those who go through all that is live, and for nobody else: the condition of the index `deletions_live`, word for word. */
export const ALL_LIVE = `status IN ${LIVE} AND due_at > '-infinity'`;

/**
 * Ids in a parameter, for `= ANY` in statements that are asked all the time. Of an array as it comes PostgreSQL knows the length, holds
 * a plan for that length to be cheaper than one for any, and plans each time: as much work as the statement itself.
 */
export const idsIn = (parameter: string): string => `(ARRAY(SELECT unnest(${parameter}::text[])))`;

/** A step that was committed. `asked` is a digest of the call. */
export interface AnsweredStep {
  readonly step: number;
  readonly asked: string;
  readonly answer: unknown;
}

/** One deletion request, as the ledger has it. Times are by the database's clock unless said otherwise. */
export interface Deletion {
  readonly requestId: string;
  readonly kind: DeletionKind;
  readonly workflowId: string;
  readonly subjectRef: string | null;
  readonly userId: string | null;
  readonly tenantId: string | null;
  readonly serviceType: string | null;
  readonly serviceInstanceId: string | null;
  readonly emptying: number | null;
  readonly generation: number;
  readonly source: string | null;
  readonly reason: string | null;
  readonly requestedBy: string | null;
  readonly gdprMode: boolean;
  readonly dryRun: boolean;
  readonly traceId: string;
  /** The place in a trace that it was received at. */
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly input: DeletionInput;
  readonly status: DeletionStatus;
  readonly attempt: number;
  /** The job of the current attempt; null before the first. */
  readonly jobId: string | null;
  readonly claimedRun: string | null;
  readonly step: number;
  /** The latest steps, as asked and answered; newest last. */
  readonly answers: readonly AnsweredStep[];
  /** A person has stopped it before its next trigger. */
  readonly held: boolean;
  readonly failureCode: FailureCode | null;
  readonly failureMessage: string | null;
  readonly duplicateOf: string | null;
  readonly outcome: DeletionStatus | null;
  readonly notifications: number;
  readonly events: number;
  readonly airflowRunId: string | null;
  readonly counts: Record<string, number> | null;
  /** Users only: what was known to exist, by kind, when the current attempt was sent. */
  readonly expected: SubjectCounts | null;
  /** The completed request that this one follows, because something was left after it. */
  readonly linkedTo: string | null;
  /** By the clock of whoever sent the request. */
  readonly requestedAt: Date;
  readonly receivedAt: Date;
  readonly sentAt: Date | null;
  readonly parkedAt: Date | null;
  readonly completedAt: Date | null;
  readonly durationMs: number | null;
  readonly dueAt: Date;
  readonly updatedAt: Date;
}

/** What may change on a deletion after its receipt. */
export type DeletionChange = Partial<
  Pick<
    Deletion,
    | 'status'
    | 'attempt'
    | 'jobId'
    | 'generation'
    | 'claimedRun'
    | 'step'
    | 'answers'
    | 'held'
    | 'failureCode'
    | 'failureMessage'
    | 'duplicateOf'
    | 'outcome'
    | 'airflowRunId'
    | 'counts'
    | 'expected'
    | 'dueAt'
    | 'sentAt'
    | 'parkedAt'
    | 'completedAt'
    | 'durationMs'
  >
>;

/** One attempt: a job, which is a DAG run of the same id. */
export interface Attempt {
  readonly jobId: string;
  readonly requestId: string;
  readonly attempt: number;
  readonly dagId: string;
  readonly lane: string;
  readonly generation: number;
  readonly cause: string;
  readonly sentAt: Date;
  readonly postedAt: Date | null;
  readonly airflowRunId: string | null;
  readonly result: 'SUCCESS' | 'FAILURE' | null;
  readonly resultAt: Date | null;
  readonly failureCode: FailureCode | null;
  readonly errorText: string | null;
  readonly counts: Record<string, number> | null;
  /** Users only: what was known to exist, by kind, when it was sent. */
  readonly expected: SubjectCounts | null;
  readonly timedOutAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedWhy: string | null;
}

/** One line of a deletion's life. */
export interface TimelineEntry {
  readonly what: string;
  /** Why it happened, in words. */
  readonly cause: string;
  /** Who did it, when a person did. */
  readonly person?: string | undefined;
  readonly reason?: string | undefined;
}

/** A message to be sent by the relay: to a Kafka topic, or to a workflow as a signal. */
export interface OutboxMessage {
  readonly eventId: string;
  readonly requestId: string;
  readonly target: 'kafka' | 'signal';
  /** kafka: the topic; signal: the signal's name. */
  readonly destination: string;
  /** kafka: the partition key; signal: the workflow id. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
