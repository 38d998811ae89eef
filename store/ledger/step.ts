import type { Database } from '../database.js';
import { lockDeletion, type LockedDeletion } from './locked-deletion.js';

/** Which step of which workflow chain a call is. Steps are counted by the workflow, so a call that runs twice has the same number. */
export interface StepCall {
  readonly requestId: string;
  /** The first run of the workflow's chain: what claims a row. */
  readonly runId: string;
  readonly step: number;
}

/** The row belongs to another chain, has ended before, or was carried past this step: whoever asks must stop. */
export interface NotOurs {
  readonly outcome: 'not-ours';
  readonly why: string;
}

/**
 * Runs one step of a deletion in one transaction: at most once per step number. A call that runs again returns the
 * answer that was committed first; a call of another chain changes nothing.
 */
export async function runStep<Answer>(
  database: Database,
  call: StepCall,
  work: (deletion: LockedDeletion) => Promise<Answer>,
): Promise<Answer | NotOurs> {
  return database.transaction(async (tx) => {
    const deletion = await lockDeletion(tx, call.requestId);
    if (!deletion) return notOurs(`the ledger has no request ${call.requestId}`);
    if (deletion.row.claimedRun !== call.runId) return notOurs('another run has claimed the request');
    if (deletion.row.step === call.step) return deletion.row.answer as Answer;
    if (deletion.row.step > call.step) return notOurs(`step ${call.step} is over, the request is at step ${deletion.row.step}`);
    const answer = await work(deletion);
    deletion.finishStep(call.step, answer);
    await deletion.flush();
    return answer;
  });
}

export const notOurs = (why: string): NotOurs => ({ outcome: 'not-ours', why });
