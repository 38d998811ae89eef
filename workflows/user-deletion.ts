import type { DeletionInput } from '../contracts/names/index.js';
import type { Carried } from './deletion.js';
import { runDeletion, type DeletionResult } from './run-deletion.js';

/** The deletion of one user. One per subject at a time: others join it. */
export async function userDeletion(input: DeletionInput, waiting: readonly DeletionInput[] = [], carried?: Carried): Promise<DeletionResult> {
  return runDeletion(input, waiting, carried);
}
