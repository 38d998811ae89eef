/** The statuses of one deletion request in the ledger (design of the ledger: docs/architecture.md). */
export const DELETION_STATUSES = [
  'PENDING',
  'ON_HOLD',
  'SENT_TO_AIRFLOW',
  'FAILED',
  'TIMEOUT',
  'COMPLETED',
  'CANCELLED',
  'DUPLICATE',
] as const;
export type DeletionStatus = (typeof DELETION_STATUSES)[number];

/** FAILED and TIMEOUT are not ends: a deletion in them is parked until something or someone moves it. */
export const PARKED_STATUSES = ['FAILED', 'TIMEOUT'] as const satisfies readonly DeletionStatus[];
export type ParkedStatus = (typeof PARKED_STATUSES)[number];

/** Nothing leaves these. A DUPLICATE is final for itself; its outcome follows the request it joined. */
export const FINAL_STATUSES = ['COMPLETED', 'CANCELLED', 'DUPLICATE'] as const satisfies readonly DeletionStatus[];

export const isParked = (status: DeletionStatus): status is ParkedStatus => status === 'FAILED' || status === 'TIMEOUT';
export const isFinal = (status: DeletionStatus): boolean =>
  status === 'COMPLETED' || status === 'CANCELLED' || status === 'DUPLICATE';

/** All that are not final: a deletion in them is still to be carried out, or waits for somebody. */
export const LIVE_STATUSES: readonly DeletionStatus[] = DELETION_STATUSES.filter((status) => !isFinal(status));

/** What a deletion is of. */
export const DELETION_KINDS = ['user', 'service', 'tenant'] as const;
export type DeletionKind = (typeof DELETION_KINDS)[number];

/** Of a tenant in the inventory. UNKNOWN: named by a request, but never provisioned with a service. */
export const TENANT_STATUSES = ['UNKNOWN', 'ACTIVE', 'EMPTY', 'ERASED'] as const;
export type TenantStatus = (typeof TENANT_STATUSES)[number];

/** Of a service in the inventory. */
export const SERVICE_STATUSES = ['ACTIVE', 'DEPROVISIONED', 'ERASED'] as const;
export type ServiceStatus = (typeof SERVICE_STATUSES)[number];
