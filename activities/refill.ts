import type { LockedTenant } from '../store/inventory/locked-tenant.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, ConfirmAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { countAsCancelled, endAsCancelled } from './end-as-cancelled.js';

/** Looks, in the grace period of a tenant's clean-up, whether it has services again; ends the clean-up when it has. */
export const confirmEmpty =
  (deps: ActivityDeps): Activities['confirmEmpty'] =>
  (call) =>
    runStep(deps.database, 'confirmEmpty', call, async (deletion): Promise<ConfirmAnswer> => {
      const tenant = await deletion.tenant();
      return { outcome: (await cancelWhenRefilled(deps, deletion, tenant)) ? 'refilled' : 'empty' };
    });

/** A tenant that has services again, or has become empty once more, is not erased by this clean-up. @returns whether it was cancelled */
export async function cancelWhenRefilled(deps: ActivityDeps, deletion: LockedDeletion, tenant: LockedTenant): Promise<boolean> {
  const stillEmpty = !(await tenant.hasActiveServices()) && tenant.row.status !== 'ACTIVE' && tenant.row.emptyings === deletion.row.emptying;
  if (stillEmpty) return false;

  deletion.revokeAttempts('the tenant has services again');
  endAsCancelled(deps, deletion, { cause: 'the tenant has services again' }, 'The clean-up of the tenant was cancelled: it has services again');
  countAsCancelled(deps, deletion);
  return true;
}
