import type { VerificationPolicy } from './verification.js';
import type { Subject } from './workflow-ids.js';

/** How one deletion is carried out. Travels in the workflow's input: a later policy never changes a running deletion. */
export interface DeletionPolicy {
  /** Airflow DAG, lane included. */
  readonly dagId: string;
  /** Bulkhead: Temporal task queue and Airflow pool. */
  readonly lane: string;
  /** How long one attempt's result is awaited. */
  readonly resultTimeoutMs: number;
  /** Automatic attempts after the first, before the deletion is parked. */
  readonly autoRetries: number;
  /** Wait before the first automatic retry; doubles each time up to maxRetryBackoffMs. */
  readonly retryBackoffMs: number;
  readonly maxRetryBackoffMs: number;
  /** A parked deletion is told of again this often. */
  readonly parkingWindowMs: number;
  /** Receipt to due date (GDPR 12(3): one month). */
  readonly dueInMs: number;
  /** Users only. Inputs of before have none. */
  readonly verification?: VerificationPolicy;
}

/** The input of a deletion workflow. Holds no user id, no email, no free text. */
export interface DeletionInput {
  readonly requestId: string;
  readonly traceId: string;
  readonly subject: Subject;
  readonly gdprMode: boolean;
  readonly dryRun: boolean;
  /** Wait before the first trigger, during which the deletion can be cancelled; 0 for none. */
  readonly graceMs: number;
  readonly policy: DeletionPolicy;
}
