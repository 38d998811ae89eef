import { createHash } from 'node:crypto';
import type { DeletionKind } from '../../contracts/names/index.js';
import type { Database } from '../database.js';
import { lockDeletion, type LockedDeletion, type ReadAhead } from './locked-deletion.js';

/** Which step of which workflow chain a call is. Steps are counted by the workflow, so a call that runs twice has the same number. */
export interface StepCall {
  readonly requestId: string;
  /** What it is the deletion of, so that what it needs is read ahead. */
  readonly kind?: DeletionKind;
  /** The first run of the workflow's chain: what claims a row. */
  readonly runId: string;
  readonly step: number;
}

/**
 * not-ours: the row belongs to another chain, or there is none: whoever asks must stop.
 * ledger-ahead: the ledger is elsewhere than whoever asks thinks. It was carried past this step by a task of the same chain
 * that Temporal has forgotten, and that asked for something else; or it was restored to a moment before the steps that led
 * here. Whoever asks must claim again, and go on from where the ledger is.
 */
export interface NotOurs {
  readonly outcome: 'not-ours' | 'ledger-ahead';
  readonly why: string;
}

/** Said with an answer that was committed before, when the ledger has been carried further since: its last step. */
export interface Behind {
  readonly ledgerAt?: number;
}

/**
 * Runs one step of a deletion in one transaction: at most once per step number. A call that runs again returns the
 * answer that was committed first; a call of another chain changes nothing.
 */
export async function runStep<Answer>(
  database: Database,
  name: string,
  call: StepCall,
  work: (deletion: LockedDeletion) => Answer | Promise<Answer>,
  ahead?: ReadAhead,
): Promise<(Answer & Behind) | NotOurs> {
  const asked = digest(name, call);
  return database.transaction(async (tx) => {
    const deletion = await lockDeletion(tx, call.requestId, ahead);
    if (!deletion) return notOurs(`the ledger has no request ${call.requestId}`);
    if (deletion.row.claimedRun !== call.runId) return notOurs('another run has claimed the request');
    if (deletion.row.step >= call.step) {
      const first = deletion.row.answers.find(({ step }) => step === call.step);
      if (first?.asked === asked) return deletion.row.step > call.step ? { ...(first.answer as Answer), ledgerAt: deletion.row.step } : (first.answer as Answer & Behind);
      return { outcome: 'ledger-ahead', why: `step ${call.step} was another, and the request is at step ${deletion.row.step}` };
    }
    // Steps are counted one by one: what lies between was committed, and then the ledger was restored to an earlier moment.
    if (call.step > deletion.row.step + 1) return { outcome: 'ledger-ahead', why: `step ${call.step} does not follow step ${deletion.row.step}: the ledger was restored` };
    const answer = await work(deletion);
    deletion.finishStep(call.step, asked, answer);
    deletion.flush();
    return answer as Answer & Behind;
  });
}

/** The same for the same call of the same step, whatever chain makes it. */
const digest = (name: string, { runId: _, ...asked }: StepCall): string =>
  createHash('sha256').update(JSON.stringify([name, asked])).digest('base64').slice(0, 22);

export const notOurs = (why: string): NotOurs => ({ outcome: 'not-ours', why });
