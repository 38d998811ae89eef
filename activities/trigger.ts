import { jobIdFor } from '../contracts/names/index.js';
import { SERVICE_FEED, stalenessMs } from '../store/inventory/feed.js';
import { isIncarnationAskedFor } from '../store/inventory/incarnation.rules.js';
import type { Service } from '../store/inventory/locked-tenant.js';
import type { ServiceStanding } from '../store/inventory/standing.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendTrigger } from '../store/ledger/outgoing.js';
import { runStep, type NotOurs } from '../store/ledger/step.js';
import type { Activities, TriggerAnswer } from './answers.js';
import { checkDependants, type DependencyVerdict } from './dependencies.rules.js';
import type { ActivityDeps } from './deps.js';
import { cancelWhenRefilled } from './refill.js';
import { refreshInventoryOf } from './refresh-inventory.js';

/** What was decided about an attempt, by whoever owns the deletion. */
type Decision = Exclude<TriggerAnswer, NotOurs>;
/** Why an attempt may not be sent now, or the incarnation of the instance that it is sent for. */
type Permission = { readonly generation: number } | { readonly refusal: Decision };

/**
 * Emits the next attempt's trigger: attempt, ledger, timeline and outbox row in one transaction. For a service, the check
 * of what depends on it is part of the same decision, under the tenant's row lock.
 */
export const trigger =
  (deps: ActivityDeps): Activities['trigger'] =>
  async (call) => {
    await refreshInventoryOf(deps, call.requestId);
    return runStep(deps.database, 'trigger', call, (deletion) => sendAttempt(deps, deletion, call.cause), { inventory: call.kind !== 'user' });
  };

/** Sends the next attempt of a deletion under its lock, unless something stands against it. @param cause why, in words */
export async function sendAttempt(deps: ActivityDeps, deletion: LockedDeletion, cause: string): Promise<Decision> {
  const { row, now } = deletion;
  const permission = await permissionFor(deps, deletion);
  if ('refusal' in permission) return permission.refusal;

  const attempt = row.attempt + 1;
  const jobId = jobIdFor(row.requestId, attempt);
  const { dagId, lane } = row.input.policy;
  if (row.attempt > 0) deletion.revokeAttempts(`attempt ${attempt} replaces it`);
  deletion.insertAttempt({ jobId, attempt, dagId, lane, generation: permission.generation, cause });
  deletion.change({ status: 'SENT_TO_AIRFLOW', attempt, jobId, sentAt: now, failureCode: null, failureMessage: null, parkedAt: null });
  deletion.note({ what: 'sent to Airflow', cause });
  // The trigger first: the deletion waits for it, and its requests' rows go one after another.
  sendTrigger(deletion, attempt);
  sendEvent(deletion, deps.topicPrefix, 'deletion.sent_to_airflow');
  deletion.tx.afterCommit(() => deps.events.triggered(row.kind, lane));
  return { outcome: 'sent', attempt };
}

function permissionFor(deps: ActivityDeps, deletion: LockedDeletion): Promise<Permission> {
  switch (deletion.row.kind) {
    case 'user':
      return Promise.resolve({ generation: 0 });
    case 'service':
      return permissionForService(deps, deletion);
    case 'tenant':
      return permissionForTenant(deps, deletion);
  }
}

async function permissionForService(deps: ActivityDeps, deletion: LockedDeletion): Promise<Permission> {
  const standing = await deletion.standing();
  const { service } = standing;
  if (isStale(deps, standing.feedAgeMs)) return { refusal: { outcome: 'stale-inventory' } };
  if (!(await askedForThis(deletion, service))) return { refusal: { outcome: 'provisioned-anew' } };

  const check = await checkDependantsOf(deletion, standing);
  switch (check.verdict) {
    case 'blocked':
      return { refusal: { outcome: 'blocked', dependants: check.dependants } };
    case 'wait':
      return { refusal: { outcome: 'waiting', dependants: check.dependants } };
    case 'clear':
      return { generation: service?.generation ?? 0 };
  }
}

/** Whether this request, or one that joined it, asked for the incarnation that is there now. */
async function askedForThis(deletion: LockedDeletion, service: Service | undefined): Promise<boolean> {
  if (isIncarnationAskedFor(deletion.row, service)) return true;
  const joined = await deletion.joined();
  return joined.some((other) => isIncarnationAskedFor(other.row, service));
}

/** All services of the tenant are looked at only when something depends on this one. */
async function checkDependantsOf(deletion: LockedDeletion, { instanceId, hasDependants }: ServiceStanding): Promise<DependencyVerdict> {
  if (!hasDependants) return { verdict: 'clear' };
  const tenant = await deletion.tenant();
  return checkDependants(instanceId, await tenant.activeServices());
}

async function permissionForTenant(deps: ActivityDeps, deletion: LockedDeletion): Promise<Permission> {
  const tenant = await deletion.tenant();
  if (isStale(deps, await stalenessMs(deletion.tx, SERVICE_FEED))) return { refusal: { outcome: 'stale-inventory' } };
  return (await cancelWhenRefilled(deps, deletion, tenant)) ? { refusal: { outcome: 'refilled' } } : { generation: 0 };
}

/** An authority was asked a moment ago. */
const isStale = (deps: ActivityDeps, ageMs: number | undefined): boolean =>
  !deps.inventoryAuthority && (ageMs === undefined || ageMs > deps.inventoryMaxStalenessMs);
