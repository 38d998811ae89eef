import { patched, sleep } from '@temporalio/workflow';
import { serviceDeletion as serviceBefore } from '../../workflows/service-deletion.js';
import { userDeletion as userBefore } from '../../workflows/user-deletion.js';

export { reconcile } from '../../workflows/reconcile.js';
export { tenant } from '../../workflows/tenant.js';
export { verification } from '../../workflows/verification.js';

// The workflows of a release to come, whose shape differs from this one's by one step, under `patched`: deletions that began
// without the step go on without it (docs/decisions/0007-workflow-code-is-versioned-by-patches.md).

async function pauseFirst(): Promise<void> {
  if (patched('pause-before-everything')) await sleep('20 milliseconds');
}

/** As in this release, after a pause. */
export async function serviceDeletion(...args: Parameters<typeof serviceBefore>): ReturnType<typeof serviceBefore> {
  await pauseFirst();
  return serviceBefore(...args);
}

/** As in this release, after a pause. */
export async function userDeletion(...args: Parameters<typeof userBefore>): ReturnType<typeof userBefore> {
  await pauseFirst();
  return userBefore(...args);
}
