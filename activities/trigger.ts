import { jobIdFor, type SubjectCounts } from '../contracts/names/index.js';
import { SERVICE_FEED, stalenessMs } from '../store/inventory/feed.js';
import { isIncarnationAskedFor } from '../store/inventory/incarnation.rules.js';
import type { Service } from '../store/inventory/locked-tenant.js';
import type { ServiceStanding } from '../store/inventory/standing.js';
import type { LockedDeletion, ReadAhead } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendTrigger } from '../store/ledger/outgoing.js';
import { runStep, type NotOurs, type StepCall } from '../store/ledger/step.js';
import type { Activities, TriggerAnswer } from './answers.js';
import { checkDependants, type DependencyVerdict } from './dependencies.rules.js';
import type { ActivityDeps } from './deps.js';
import { cancelWhenRefilled } from './refill.js';
import { refreshInventoryOf } from './refresh-inventory.js';
import { askInventory, type CountUser } from './subject-inventory.js';

/** What was decided about an attempt, by whoever owns the deletion. */
type Decision = Exclude<TriggerAnswer, NotOurs>;
/** Why an attempt may not be sent now, or the incarnation of the instance, or what exists of the user, that it is sent for. */
type Permission = { readonly generation: number; readonly expected?: SubjectCounts } | { readonly refusal: Decision };

/**
 * Emits the next attempt's trigger: attempt, ledger, timeline and outbox row in one transaction. For a service, the check
 * of what depends on it is part of the same decision, under the tenant's row lock.
 */
export const trigger =
  (deps: ActivityDeps): Activities['trigger'] =>
  async (call) => {
    const countUser = await prepareAttempt(deps, call);
    return runStep(deps.database, 'trigger', call, (deletion) => sendAttempt(deps, deletion, call.cause, countUser), aheadOf(deps, call));
  };

/** What sending an attempt is sure to ask. */
export const aheadOf = ({ inventory }: ActivityDeps, { kind }: StepCall): ReadAhead => (kind === 'user' ? inventory.readAhead : { inventory: true });

/** Asks, before the transaction that sends an attempt, whoever has to be asked over HTTP. @returns what tells of a user what exists, if that can be asked */
export async function prepareAttempt(deps: ActivityDeps, { requestId, kind }: StepCall): Promise<CountUser | undefined> {
  if (kind !== 'user') await refreshInventoryOf(deps, requestId);
  return kind === undefined || kind === 'user' ? askInventory(deps, requestId) : undefined;
}

/** Sends the next attempt of a deletion under its lock, unless something stands against it. @param cause why, in words */
export async function sendAttempt(deps: ActivityDeps, deletion: LockedDeletion, cause: string, countUser: CountUser | undefined): Promise<Decision> {
  const { row, now } = deletion;
  const permission = await permissionFor(deps, deletion, countUser);
  if ('refusal' in permission) return permission.refusal;

  const attempt = row.attempt + 1;
  const jobId = jobIdFor(row.requestId, attempt);
  const { dagId, lane } = row.input.policy;
  if (row.attempt > 0) deletion.revokeAttempts(`attempt ${attempt} replaces it`);
  const expected = permission.expected ?? null;
  deletion.insertAttempt({ jobId, attempt, dagId, lane, generation: permission.generation, cause, expected });
  deletion.change({ status: 'SENT_TO_AIRFLOW', attempt, jobId, expected, sentAt: now, failureCode: null, failureMessage: null, parkedAt: null });
  deletion.note({ what: 'sent to Airflow', cause });
  // The trigger first: the deletion waits for it, and its requests' rows go one after another.
  sendTrigger(deletion, attempt);
  sendEvent(deletion, deps.topicPrefix, 'deletion.sent_to_airflow');
  deletion.tx.afterCommit(() => deps.events.triggered(row.kind, lane));
  return { outcome: 'sent', attempt };
}

async function permissionFor(deps: ActivityDeps, deletion: LockedDeletion, countUser: CountUser | undefined): Promise<Permission> {
  switch (deletion.row.kind) {
    case 'user':
      // What exists is known before it is erased, or nobody could say afterwards what is left.
      return countUser ? { generation: 0, expected: await countUser(deletion) } : { refusal: { outcome: 'stale-inventory' } };
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
