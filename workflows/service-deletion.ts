import type { DeletionInput } from '../contracts/names/index.js';
import type { Carried } from './deletion.js';
import { runDeletion, type DeletionResult } from './run-deletion.js';

/** The deletion of one service of a tenant: goes after what depends on it, and wakes the tenant's workflow when it was the last. */
export async function serviceDeletion(input: DeletionInput, waiting: readonly DeletionInput[] = [], carried?: Carried): Promise<DeletionResult> {
  return runDeletion(input, waiting, carried);
}
