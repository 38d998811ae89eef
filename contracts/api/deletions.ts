import { z } from 'zod';
import type { DELETION_KINDS} from '../names/index.js';
import { DELETION_STATUSES, FAILURE_CODES, SUBJECT_KINDS, VERDICTS } from '../names/index.js';

const time = z.iso.datetime({ offset: true });
const status = z.enum(DELETION_STATUSES);
const counts = z.record(z.string(), z.number());

const failure = z.object({ code: z.enum(FAILURE_CODES), message: z.string() }).nullable();

/** By kind: posts, media, messages, profile. */
const subjectCounts = z.partialRecord(z.enum(SUBJECT_KINDS), z.int());

/** What is left of a user after the completed deletion. */
const verification = z.object({
  /** PENDING until it is stated: when nothing is left, at the deadline at the latest. */
  status: z.enum(['PENDING', ...VERDICTS]),
  deadlineAt: time,
  statedAt: time.nullable(),
  /** What existed at the completion and does so still. */
  residual: subjectCounts,
  /** What existed, and of what no event tells whether it is gone. */
  unverifiable: subjectCounts,
});

const attempt = z.object({
  attempt: z.int(),
  jobId: z.string(),
  dagId: z.string(),
  lane: z.string(),
  cause: z.string(),
  sentAt: time,
  /** When Airflow took the run. */
  postedAt: time.nullable(),
  airflow_ref: z.string().nullable(),
  result: z.enum(['SUCCESS', 'FAILURE']).nullable(),
  resultAt: time.nullable(),
  failure: z.object({ code: z.enum(FAILURE_CODES), message: z.string().nullable() }).nullable(),
  counts: counts.nullable(),
  /** Users only: what was known to exist when it was sent. */
  expected: subjectCounts.nullable(),
  timedOutAt: time.nullable(),
  revoked: z.object({ at: time, why: z.string().nullable() }).nullable(),
});

const historyEntry = z.object({
  at: time,
  what: z.string(),
  status,
  attempt: z.int(),
  cause: z.string(),
  /** The person who did it, when one did. */
  by: z.string().nullable(),
  reason: z.string().nullable(),
});

/** After what the request is of, in the seed's order. */
const seed = {
  status,
  /** By the database's clock; `duration_ms` is null until there is an end. */
  timeline: z.object({ received: time, completed: time.nullable(), duration_ms: z.number().nullable() }),
  /** The Airflow run of the current attempt. */
  airflow_ref: z.string().nullable(),
};

const answer = {
  /** Stopped until something or someone moves it. */
  parked: z.boolean(),
  final: z.boolean(),
  /** 0 before the first trigger. */
  attempt: z.int(),
  jobId: z.string().nullable(),
  dueAt: time,
  /** By the clock of whoever asked. */
  requestedAt: time,
  requestedBy: z.string().nullable(),
  source: z.string().nullable(),
  reason: z.string().nullable(),
  gdprMode: z.boolean(),
  dryRun: z.boolean(),
  failure,
  /** With DUPLICATE: the request that it joined, and how that ended. */
  duplicateOf: z.string().nullable(),
  outcome: status.nullable(),
  /** The requests that joined this one. */
  joined: z.array(z.string()),
  /** What Airflow counted. */
  counts: counts.nullable(),
  /** Users only: what was known to exist when the current attempt was sent. */
  expected: subjectCounts.nullable(),
  /** Null before a user's deletion is completed, and for other kinds. */
  verification: verification.nullable(),
  /** With a residual: the request that this deletion follows, and the one that follows this one. */
  linkedTo: z.string().nullable(),
  again: z.string().nullable(),
  traceId: z.string(),
  workflowId: z.string(),
  attempts: z.array(attempt),
  history: z.array(historyEntry),
  /** The run in Temporal's Web UI, where its address is configured. */
  links: z.object({ temporal: z.url().optional() }),
};

/** `GET /api/v1/deletions/{requestId}` (seed: user-deletion-service, section 5): the seed's fields first. */
export const deletionAnswer = z.discriminatedUnion('kind', [
  z.object({ requestId: z.string(), userId: z.string(), ...seed, kind: z.literal('user'), ...answer }),
  z.object({ requestId: z.string(), tenantId: z.string(), serviceType: z.string(), serviceInstanceId: z.string(), ...seed, kind: z.literal('service'), ...answer }),
  z.object({ requestId: z.string(), tenantId: z.string(), emptying: z.int().nullable(), ...seed, kind: z.literal('tenant'), ...answer }),
]) satisfies z.ZodType<{ kind: (typeof DELETION_KINDS)[number] }>;
export type DeletionAnswer = z.output<typeof deletionAnswer>;

/** `GET /api/v1/jobs/{jobId}`: whether a job may still erase. A DAG asks it first, and ends as skipped when it does not stand. */
export const jobAnswer = z.object({ jobId: z.string(), requestId: z.string(), attempt: z.int(), stands: z.boolean(), reason: z.string() });
export type JobAnswer = z.output<typeof jobAnswer>;
