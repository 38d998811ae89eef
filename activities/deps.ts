import type { DeletionPolicy, SubjectCounts, Verdict } from '../contracts/names/index.js';
import type { Database } from '../store/database.js';
import type { InventoryAuthority } from './inventory-authority.js';
import type { SubjectInventory } from './subject-inventory.js';

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
  /** A service that owns users' data did not say what exists of one. */
  inventoryUnavailable(owner: string, why: string): void;
  /** What is left of a user after a completed deletion was stated; `again` is the deletion that follows. */
  verified(requestId: string, verdict: Verdict, residual: SubjectCounts, again: string | null): void;
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
  /** Asked what exists of a user before its deletion is sent, and after it is completed. */
  readonly inventory: SubjectInventory;
  /** Every reference that a user may be known by. */
  readonly subjectRefsOf: (userId: string) => readonly string[];
  /** From TENANT_EMPTY to the trigger of the tenant's clean-up. */
  readonly tenantPurgeGraceMs: number;
  /** The policy of a tenant's clean-up. */
  readonly tenantPolicy: DeletionPolicy;
  readonly events: ActivityEvents;
}
