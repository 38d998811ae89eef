import { allHandlersFinished, condition, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';
import { taskQueueFor, type DeletionInput } from '../contracts/names/index.js';
import { carryOut } from './carry-out.js';
import { carriedBy, newDeletion, type Carried, type Deletion } from './deletion.js';
import { cancelFromOutside, emptyInbox, isEmpty, openInbox, refusePendingActs, type Inbox } from './inbox.js';
import { requestAttributes, statusAttribute } from './search-attributes.js';

/** How a deletion's workflow ended. The ledger has the whole story. */
export interface DeletionResult {
  readonly requestId: string;
  /** not-ours: the request had ended or belongs to another run; nothing was done. */
  readonly outcome: 'COMPLETED' | 'CANCELLED' | 'not-ours';
  readonly attempts: number;
}

/** Runs the deletion of a subject, and then, as a new run, the deletion of whoever asked too late to share it. */
export async function runDeletion(input: DeletionInput, waiting: readonly DeletionInput[] = [], carried?: Carried): Promise<DeletionResult> {
  // Not of this version's form, or not readable: a worker that can read it must carry on, so the task fails, not the workflow.
  if (typeof input.requestId !== 'string') throw new Error('the input of this workflow cannot be read');
  const inbox = emptyInbox(waiting);
  let deletion = begin(input, inbox, carried);
  openInbox(inbox);
  await cancelFromOutside(inbox, async () => {
    await carryOut(deletion);
    // Of a request that another run has dealt with, nothing is done: whoever waits behind it is next, at once.
    while (deletion.outcome === 'not-ours') {
      const next = inbox.joins.shift();
      if (!next) break;
      deletion = begin(next, inbox);
      await carryOut(deletion);
    }
    await startForLateJoins(inbox, deletion.ownRequests);
  });
  return { requestId: deletion.requestId, outcome: deletion.outcome ?? 'not-ours', attempts: deletion.attempt };
}

function begin(input: DeletionInput, inbox: Inbox, carried?: Carried): Deletion {
  const deletion = newDeletion(input, inbox, carried);
  deletion.startOverWhenLong = () =>
    startOver(deletion, () => goOnWith({ ...input, requestId: deletion.requestId }, inbox.joins, carriedBy(deletion)));
  return deletion;
}

/** Goes on as a new run when the history has grown long and nothing waits that only this run knows of. */
export async function startOver(deletion: Deletion, goOn: () => Promise<never>): Promise<void> {
  // A back-off is short, and the ledger does not know how much of it is left.
  if (!workflowInfo().continueAsNewSuggested || deletion.phase === 'backoff') return;
  await condition(allHandlersFinished);
  if (isEmpty(deletion.inbox)) await goOn();
}

/** A join that came after the last write is not lost: the workflow goes on as new for it. */
async function startForLateJoins(inbox: Inbox, ownRequests: ReadonlySet<string>): Promise<void> {
  refusePendingActs(inbox, 'the deletion has ended');
  await condition(allHandlersFinished);
  const [next, ...others] = inbox.joins.filter(({ requestId }) => !ownRequests.has(requestId));
  if (next) await goOnWith(next, others);
}

function goOnWith(input: DeletionInput, waiting: readonly DeletionInput[], carried?: Carried): Promise<never> {
  const continueAsNew = makeContinueAsNewFunc<typeof runDeletion>({
    taskQueue: taskQueueFor(input.policy.lane),
    typedSearchAttributes: workflowInfo()
      // The same deletion goes on as it is; another one begins.
      .typedSearchAttributes.updateCopy([...requestAttributes(input), ...(carried ? [] : [statusAttribute('PENDING')])])
      .getAll(),
  });
  return carried ? continueAsNew(input, waiting, carried) : continueAsNew(input, waiting);
}
