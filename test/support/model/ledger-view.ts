import type { Deletion } from '../../../store/ledger/rows.js';
import type { Service, Tenant } from '../../../store/inventory/locked-tenant.js';

/** What can be seen of a ledger, in PostgreSQL or in memory. */
export interface LedgerView {
  readonly deletions: readonly SeenDeletion[];
  readonly attempts: readonly SeenAttempt[];
  /** In the order of their commits. */
  readonly timeline: readonly SeenLine[];
  readonly outbox: readonly SeenMessage[];
  readonly tenants: readonly Pick<Tenant, 'tenantId' | 'status' | 'emptyings'>[];
  readonly services: readonly Pick<Service, 'tenantId' | 'serviceInstanceId' | 'status' | 'generation' | 'dependsOn'>[];
}

export type SeenDeletion = Pick<
  Deletion,
  'requestId' | 'kind' | 'workflowId' | 'tenantId' | 'serviceInstanceId' | 'emptying' | 'gdprMode' | 'status' | 'attempt' | 'claimedRun' | 'held' | 'failureCode' | 'duplicateOf' | 'outcome' | 'input'
>;
export interface SeenAttempt {
  readonly jobId: string;
  readonly requestId: string;
  readonly attempt: number;
  readonly generation: number;
  readonly result: 'SUCCESS' | 'FAILURE' | null;
  readonly timedOut: boolean;
  readonly revoked: boolean;
}
export interface SeenLine {
  readonly requestId: string;
  readonly what: string;
  readonly status: Deletion['status'];
  readonly attempt: number;
  readonly cause: string;
  readonly person: string | null;
}
export interface SeenMessage {
  readonly eventId: string;
  readonly requestId: string;
  /** The topic, or the signal. */
  readonly destination: string;
  readonly key: string;
  readonly eventType: string;
}
