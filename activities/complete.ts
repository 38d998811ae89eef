import { isIncarnationAskedFor } from '../store/inventory/incarnation.rules.js';
import type { DeletionInput } from '../contracts/names/index.js';
import type { Service } from '../store/inventory/locked-tenant.js';
import { wakeDependencies } from '../store/inventory/service-events.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { placeNow } from '../store/ledger/places.js';
import { lifecycleEvent, sendEvent, sendNotification } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, CompleteAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { emptyAfter } from './emptying.js';
import { refreshInventoryOf } from './refresh-inventory.js';
import { beginVerification } from './verify.js';
import { causeOf } from './wake-tenant.js';

/**
 * The end by success, in one transaction: status, duration, Airflow's counts, the inventory, the requests that joined, the
 * fence for all other attempts, notifications and events, the tenant's emptying, and the wake-up of whoever waited for this.
 */
export const complete =
  (deps: ActivityDeps): Activities['complete'] =>
  async ({ subjectRef, ...call }) => {
    await refreshInventoryOf(deps, call.requestId);
    const ahead = { attempts: true, joined: true, inventory: call.kind !== 'user', quietUnder: deps.inventory.isLocal ? subjectRef : undefined };
    return runStep(deps.database, 'complete', call, (deletion) => completeBy(deps, deletion, call.attempt), ahead);
  };

async function completeBy(deps: ActivityDeps, deletion: LockedDeletion, attemptNumber: number): Promise<CompleteAnswer> {
  const { row } = deletion;
  const attempt = (await deletion.attempts()).find((candidate) => candidate.attempt === attemptNumber);
  // Before the attempts are written: the inventory takes the same locks in this order.
  const remaining = row.dryRun ? undefined : await settleInventory(deps, deletion, attempt?.generation ?? 0);

  const durationMs = deletion.ageMs();
  deletion.change({
    status: 'COMPLETED',
    completedAt: deletion.now,
    durationMs,
    failureCode: null,
    failureMessage: null,
    parkedAt: null,
    airflowRunId: attempt?.airflowRunId ?? null,
    counts: attempt?.counts ?? null,
  });
  if (row.attempt > 1) deletion.revokeAttempts('the deletion is completed', attemptNumber);
  deletion.note({ what: 'completed', cause: `SUCCESS of attempt ${attemptNumber}` });
  sendNotification(deletion, 'deletion.completed', `Deletion processed in ${durationMs}ms`);
  sendEvent(deletion, deps.topicPrefix, 'deletion.completed');
  if (row.kind === 'user' && !row.dryRun) await beginVerification(deps, deletion);
  const leftOver = await settleJoined(deletion, remaining);
  deletion.tx.afterCommit(() => deps.events.ended(row.kind, row.input.policy.lane, 'COMPLETED', durationMs));
  return { outcome: 'completed', durationMs, leftOver };
}

/**
 * Whoever joined shares the outcome, with a notification of its own. Not so a request for another incarnation of the
 * service, which is there still: it becomes a deletion of its own.
 */
async function settleJoined(deletion: LockedDeletion, remaining: Service | undefined): Promise<DeletionInput[]> {
  const leftOver: DeletionInput[] = [];
  for (const joined of await deletion.joined()) {
    if (remaining && isIncarnationAskedFor(joined.row, remaining)) {
      joined.change({ status: 'PENDING', duplicateOf: null });
      joined.note({ what: 'set free', cause: `${deletion.row.requestId}, which it had joined, erased an earlier incarnation` });
      leftOver.push(joined.row.input);
      continue;
    }
    const durationMs = joined.ageMs();
    joined.change({ outcome: 'COMPLETED', completedAt: deletion.now, durationMs });
    joined.note({ what: 'outcome', cause: `${deletion.row.requestId}, which it joined, is COMPLETED` });
    sendNotification(joined, 'deletion.completed', `Deletion processed in ${durationMs}ms, together with request ${deletion.row.requestId}`);
  }
  return leftOver;
}

/** @returns the service, when it is there after the deletion: provisioned anew, and not what was erased */
async function settleInventory(deps: ActivityDeps, deletion: LockedDeletion, generation: number): Promise<Service | undefined> {
  switch (deletion.row.kind) {
    case 'user':
      return undefined;
    case 'service':
      return settleService(deps, deletion, generation);
    case 'tenant':
      await settleTenant(deletion);
      return undefined;
  }
}

/** @param generation the incarnation that the attempt erased */
async function settleService(deps: ActivityDeps, deletion: LockedDeletion, generation: number): Promise<Service | undefined> {
  const { row, tx } = deletion;
  const [tenant, { service, hasOthers }] = await Promise.all([deletion.tenant(), deletion.standing()]);
  const gdpr = row.gdprMode || (await deletion.joined()).some((joined) => joined.row.gdprMode);
  const place = placeNow(row);
  tenant.change({
    lastTraceId: row.traceId,
    lastTraceparent: place?.traceparent ?? null,
    lastTracestate: place?.tracestate ?? null,
    ...(gdpr ? { gdprDeletions: tenant.row.gdprDeletions + 1 } : { otherDeletions: tenant.row.otherDeletions + 1 }),
  });
  const erasedThis = service !== undefined && isIncarnationAskedFor({ generation, requestedAt: row.requestedAt }, service);
  const remaining = !erasedThis && service?.status === 'ACTIVE' ? service : undefined;
  if (tenant.row.status === 'UNKNOWN') {
    deletion.note({ what: 'tenant unknown', cause: 'the inventory never heard of the tenant: nobody can tell whether it is empty now' });
    tx.afterCommit(() => deps.events.tenantUnknown(row.requestId));
    return remaining;
  }
  if (erasedThis) {
    tenant.markErased(service.serviceInstanceId, service.generation, row.requestId);
    wakeDependencies(tx, service, causeOf(deletion));
  }
  if (!hasOthers && remaining === undefined) await emptyAfter(deps, deletion, tenant);
  return remaining;
}

async function settleTenant(deletion: LockedDeletion): Promise<void> {
  const { row, now } = deletion;
  const tenant = await deletion.tenant();
  const { tenantId, emptyings } = tenant.row;
  if (tenant.row.status === 'ACTIVE' || emptyings !== row.emptying) {
    // Whoever hears TENANT_ERASED gives the tenant up.
    deletion.note({ what: 'tenant in use', cause: 'the tenant has services again: it is not called erased' });
    return;
  }
  tenant.change({ status: 'ERASED', erasedAt: now });
  deletion.send(
    lifecycleEvent('TENANT_ERASED', { requestId: row.requestId, tenantId, emptying: emptyings, gdprMode: row.gdprMode, traceId: row.traceId, occurredAt: now }),
  );
}
