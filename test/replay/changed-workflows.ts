import { sleep } from '@temporalio/workflow';
import { serviceDeletion as unchanged } from '../../workflows/service-deletion.js';

/** A service's deletion as nobody may change it while deletions run: with a pause of its own before everything else. */
export async function serviceDeletion(...args: Parameters<typeof unchanged>): ReturnType<typeof unchanged> {
  await sleep('1 second');
  return unchanged(...args);
}
