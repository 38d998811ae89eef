import { isIncarnationAskedFor } from '../store/inventory/incarnation.rules.js';
import type { DeletionInput } from '../contracts/names/index.js';
import { lockTenant, type Service } from '../store/inventory/locked-tenant.js';
import { wakeWhoWaited } from '../store/inventory/service-events.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { lifecycleEvent, sendEvent, sendNotification } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, CompleteAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { refreshInventoryOf } from './refresh-inventory.js';
import { causeOf, wakeTenantIfEmpty } from './wake-tenant.js';

/**
 * The end by success, in one transaction: status, duration, Airflow's counts, the inventory, the requests that joined, the
 * fence for all other attempts, notifications and events, and the wake-up of whoever waited for this.
 */
export const complete =
  (deps: ActivityDeps): Activities['complete'] =>
  async (call) => {
    await refreshInventoryOf(deps, call.requestId);
    return runStep(deps.database, 'complete', call, async (deletion): Promise<CompleteAnswer> => {
      const { row, now } = deletion;
      // Before the attempts: the inventory takes the same locks in this order.
      if (!row.dryRun) await settleInventory(deps, deletion, call.attempt);

      const attempt = (await deletion.attempts()).find((candidate) => candidate.attempt === call.attempt);
      const durationMs = now.getTime() - row.receivedAt.getTime();
      deletion.change({
        status: 'COMPLETED',
        completedAt: now,
        durationMs,
        failureCode: null,
        failureMessage: null,
        parkedAt: null,
        airflowRunId: attempt?.airflowRunId ?? null,
        counts: attempt?.counts ?? null,
      });
      await deletion.revokeAttempts('the deletion is completed', call.attempt);
      deletion.note({ what: 'completed', cause: `SUCCESS of attempt ${call.attempt}` });
      sendEvent(deletion, deps.topicPrefix, 'deletion.completed');
      sendNotification(deletion, 'deletion.completed', `Deletion processed in ${durationMs}ms`);
      const leftOver = await settleJoined(deletion);
      deps.events.ended(row.kind, row.input.policy.lane, 'COMPLETED', durationMs);
      return { outcome: 'completed', durationMs, leftOver };
    });
  };

/**
 * Whoever joined shares the outcome, with a notification of its own. Not so a request for another incarnation of the
 * service, which is there still: it becomes a deletion of its own.
 */
async function settleJoined(deletion: LockedDeletion): Promise<DeletionInput[]> {
  const leftOver: DeletionInput[] = [];
  const remaining = await remainingService(deletion);
  for (const joined of await deletion.joined()) {
    if (remaining && isIncarnationAskedFor(joined.row, remaining)) {
      joined.change({ status: 'PENDING', duplicateOf: null });
      joined.note({ what: 'set free', cause: `${deletion.row.requestId}, which it had joined, erased an earlier incarnation` });
      leftOver.push(joined.row.input);
      continue;
    }
    const durationMs = deletion.now.getTime() - joined.row.receivedAt.getTime();
    joined.change({ outcome: 'COMPLETED', completedAt: deletion.now, durationMs });
    joined.note({ what: 'outcome', cause: `${deletion.row.requestId}, which it joined, is COMPLETED` });
    sendNotification(joined, 'deletion.completed', `Deletion processed in ${durationMs}ms, together with request ${deletion.row.requestId}`);
  }
  return leftOver;
}

/** The service, when it is there after the deletion: provisioned anew, and not what was erased. */
async function remainingService({ row, tx }: LockedDeletion): Promise<Service | undefined> {
  if (row.kind !== 'service' || row.dryRun || row.tenantId === null || row.serviceInstanceId === null) return undefined;
  const service = await (await lockTenant(tx, row.tenantId)).service(row.serviceInstanceId);
  return service?.status === 'ACTIVE' ? service : undefined;
}

function settleInventory(deps: ActivityDeps, deletion: LockedDeletion, attemptNumber: number): Promise<void> {
  switch (deletion.row.kind) {
    case 'user':
      return Promise.resolve();
    case 'service':
      return settleService(deps, deletion, attemptNumber);
    case 'tenant':
      return settleTenant(deletion);
  }
}

async function settleService(deps: ActivityDeps, deletion: LockedDeletion, attemptNumber: number): Promise<void> {
  const { row, tx } = deletion;
  if (row.tenantId === null || row.serviceInstanceId === null) throw new Error(`request ${row.requestId} names no service`);
  const tenant = await lockTenant(tx, row.tenantId);
  const gdpr = row.gdprMode || (await deletion.joined()).some((joined) => joined.row.gdprMode);
  await tenant.change({
    lastTraceId: row.traceId,
    ...(gdpr ? { gdprDeletions: tenant.row.gdprDeletions + 1 } : { otherDeletions: tenant.row.otherDeletions + 1 }),
  });
  if (tenant.row.status === 'UNKNOWN') {
    deletion.note({ what: 'tenant unknown', cause: 'the inventory never heard of the tenant: nobody can tell whether it is empty now' });
    deps.events.tenantUnknown(row.requestId);
    return;
  }
  const attempt = (await deletion.attempts()).find((candidate) => candidate.attempt === attemptNumber);
  const service = await tenant.service(row.serviceInstanceId);
  const erasedThis = service && isIncarnationAskedFor({ generation: attempt?.generation ?? 0, requestedAt: row.requestedAt }, service);
  if (service && erasedThis) {
    await tenant.markErased(row.serviceInstanceId, service.generation, row.requestId);
    await wakeWhoWaited(tx, tenant, service, causeOf(deletion));
  } else {
    await wakeTenantIfEmpty(deletion, tenant);
  }
}

async function settleTenant(deletion: LockedDeletion): Promise<void> {
  const { row, tx, now } = deletion;
  if (row.tenantId === null || row.emptying === null) throw new Error(`clean-up ${row.requestId} names no tenant`);
  const tenant = await lockTenant(tx, row.tenantId);
  if (tenant.row.status === 'ACTIVE' || tenant.row.emptyings !== row.emptying) {
    // Whoever hears TENANT_ERASED gives the tenant up.
    deletion.note({ what: 'tenant in use', cause: 'the tenant has services again: it is not called erased' });
    return;
  }
  await tenant.change({ status: 'ERASED', erasedAt: now });
  deletion.send(
    lifecycleEvent('TENANT_ERASED', {
      requestId: row.requestId,
      tenantId: row.tenantId,
      emptying: row.emptying,
      gdprMode: row.gdprMode,
      traceId: row.traceId,
      occurredAt: now,
    }),
  );
}
