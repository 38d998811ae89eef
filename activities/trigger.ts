import { jobIdFor } from '../contracts/names/index.js';
import { SERVICE_FEED, stalenessMs } from '../store/inventory/feed.js';
import { isIncarnationAskedFor } from '../store/inventory/incarnation.rules.js';
import type { LockedTenant } from '../store/inventory/locked-tenant.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendTrigger } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, TriggerAnswer } from './answers.js';
import { refreshInventoryOf } from './refresh-inventory.js';
import { checkDependants } from './dependencies.rules.js';
import type { ActivityDeps } from './deps.js';
import { cancelWhenRefilled } from './refill.js';
import { lockTenantOf, serviceOf } from './subject-of.js';

/** Why an attempt may not be sent now, or the incarnation of the instance that it is sent for. */
type Permission = { readonly generation: number } | { readonly refusal: TriggerAnswer };

/**
 * Emits the next attempt's trigger: attempt, ledger, timeline and outbox row in one transaction. For a service, the check
 * of what depends on it is part of the same decision, under the tenant's row lock.
 */
export const trigger =
  (deps: ActivityDeps): Activities['trigger'] =>
  async (call) => {
    await refreshInventoryOf(deps, call.requestId);
    return runStep(deps.database, 'trigger', call, async (deletion): Promise<TriggerAnswer> => {
      const permission = await permissionFor(deps, deletion);
      if ('refusal' in permission) return permission.refusal;

      const attempt = deletion.row.attempt + 1;
      const jobId = jobIdFor(deletion.row.requestId, attempt);
      const { dagId, lane } = deletion.row.input.policy;
      await deletion.insertAttempt({ jobId, attempt, dagId, lane, generation: permission.generation, cause: call.cause });
      await deletion.revokeAttempts(`attempt ${attempt} replaces it`, attempt);
      deletion.change({ status: 'SENT_TO_AIRFLOW', attempt, jobId, sentAt: deletion.now, failureCode: null, failureMessage: null, parkedAt: null });
      deletion.note({ what: 'sent to Airflow', cause: call.cause });
      sendTrigger(deletion, attempt);
      sendEvent(deletion, deps.topicPrefix, 'deletion.sent_to_airflow');
      deps.events.triggered(deletion.row.kind, lane);
      return { outcome: 'sent', attempt };
    });
  };

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
  const { serviceInstanceId } = serviceOf(deletion.row);
  const tenant = await lockTenantOf(deletion);
  if (await isStale(deps, tenant)) return { refusal: { outcome: 'stale-inventory' } };

  const service = await tenant.service(serviceInstanceId);
  if (!(await askedForThis(deletion, service))) return { refusal: { outcome: 'provisioned-anew' } };

  const check = checkDependants(serviceInstanceId, await tenant.activeServices());
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
async function askedForThis(deletion: LockedDeletion, service: Parameters<typeof isIncarnationAskedFor>[1]): Promise<boolean> {
  if (isIncarnationAskedFor(deletion.row, service)) return true;
  const joined = await deletion.joined();
  return joined.some((other) => isIncarnationAskedFor(other.row, service));
}

async function permissionForTenant(deps: ActivityDeps, deletion: LockedDeletion): Promise<Permission> {
  const tenant = await lockTenantOf(deletion);
  if (await isStale(deps, tenant)) return { refusal: { outcome: 'stale-inventory' } };
  return (await cancelWhenRefilled(deps, deletion, tenant)) ? { refusal: { outcome: 'refilled' } } : { generation: 0 };
}

async function isStale(deps: ActivityDeps, tenant: LockedTenant): Promise<boolean> {
  if (deps.inventoryAuthority) return false; // asked a moment ago
  const ageMs = await stalenessMs(tenant.tx, SERVICE_FEED);
  return ageMs === undefined || ageMs > deps.inventoryMaxStalenessMs;
}
