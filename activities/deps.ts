import type { DeletionPolicy } from '../contracts/names/index.js';
import type { Database } from '../store/database.js';
import type { InventoryAuthority } from './inventory-authority.js';

/** What has to be counted or told while activities work; labels hold no ids. */
export interface ActivityEvents {
  triggered(kind: string, lane: string): void;
  ended(kind: string, lane: string, status: string, durationMs: number): void;
  parked(kind: string, lane: string, code: string): void;
  /** A completed deletion's tenant was never provisioned: nobody can tell whether it is empty. */
  tenantUnknown(requestId: string): void;
  /** A tenant is empty after some, but not only, GDPR deletions: a person should decide about its erasure. */
  tenantDecisionNeeded(tenantId: string): void;
  overdue(requestId: string): void;
}

/** What activities are made from. */
export interface ActivityDeps {
  readonly database: Database;
  /** Names `<prefix>.deletion.events`. */
  readonly topicPrefix: string;
  /** No trigger is decided on an inventory older than this. */
  readonly inventoryMaxStalenessMs: number;
  /** Asked about a tenant's services before each decision, instead of waiting for its events. */
  readonly inventoryAuthority?: InventoryAuthority | undefined;
  /** From TENANT_EMPTY to the trigger of the tenant's clean-up. */
  readonly tenantPurgeGraceMs: number;
  /** The policy of a tenant's clean-up. */
  readonly tenantPolicy: DeletionPolicy;
  readonly events: ActivityEvents;
}
