import { lockTenant, type LockedTenant } from '../store/inventory/locked-tenant.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendNotification } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, ConfirmAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';

/** Looks, in the grace period of a tenant's clean-up, whether it has services again; ends the clean-up when it has. */
export const confirmEmpty =
  (deps: ActivityDeps): Activities['confirmEmpty'] =>
  (call) =>
    runStep(deps.database, 'confirmEmpty', call, async (deletion): Promise<ConfirmAnswer> => {
      const tenant = await lockTenantOf(deletion);
      return { outcome: (await cancelWhenRefilled(deps, deletion, tenant)) ? 'refilled' : 'empty' };
    });

/** Locks the tenant that a clean-up is of. */
export function lockTenantOf({ row, tx }: LockedDeletion): Promise<LockedTenant> {
  if (row.tenantId === null) throw new Error(`clean-up ${row.requestId} has no tenant`);
  return lockTenant(tx, row.tenantId);
}

/** A tenant that has services again, or has become empty once more, is not erased by this clean-up. @returns whether it was cancelled */
export async function cancelWhenRefilled(deps: ActivityDeps, deletion: LockedDeletion, tenant: LockedTenant): Promise<boolean> {
  const { row, now } = deletion;
  const active = await tenant.activeServices();
  const stillEmpty = active.length === 0 && tenant.row.status !== 'ACTIVE' && tenant.row.emptyings === row.emptying;
  if (stillEmpty) return false;

  await deletion.revokeAttempts('the tenant has services again');
  const durationMs = now.getTime() - row.receivedAt.getTime();
  deletion.change({ status: 'CANCELLED', completedAt: now, durationMs, parkedAt: null });
  deletion.note({ what: 'cancelled', cause: 'the tenant has services again' });
  sendEvent(deletion, deps.topicPrefix, 'deletion.cancelled');
  sendNotification(deletion, 'deletion.cancelled', 'The clean-up of the tenant was cancelled: it has services again');
  deps.events.ended('tenant', row.input.policy.lane, 'CANCELLED', durationMs);
  return true;
}
