import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { allHandlersFinished, condition, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';
import { taskQueueFor, type DeletionInput } from '../contracts/names/index.js';
import { carryOut } from './carry-out.js';
import { newDeletion } from './deletion.js';
import { emptyInbox, openInbox, refusePendingActs, type Inbox } from './inbox.js';

/** How a deletion's workflow ended. The ledger has the whole story. */
export interface DeletionResult {
  readonly requestId: string;
  /** not-ours: the request had ended or belongs to another run; nothing was done. */
  readonly outcome: 'COMPLETED' | 'CANCELLED' | 'not-ours';
  readonly attempts: number;
}

/** Runs the deletion of a subject, and then, as a new run, the deletion of whoever asked too late to share it. */
export async function runDeletion(input: DeletionInput, waiting: readonly DeletionInput[] = []): Promise<DeletionResult> {
  const inbox = emptyInbox(waiting);
  const deletion = newDeletion(input, inbox);
  deletion.startOverWhenLong = async () => {
    if (!workflowInfo().continueAsNewSuggested) return;
    await quiet(inbox);
    if (inbox.acts.length + inbox.results.length === 0) await goOnWith({ ...input, requestId: deletion.requestId }, inbox.joins);
  };
  openInbox(inbox);
  await carryOut(deletion);
  await startForLateJoins(inbox, deletion.ownRequests);
  return { requestId: deletion.requestId, outcome: deletion.outcome ?? 'not-ours', attempts: deletion.attempt };
}

/** A join that came after the last write is not lost: the workflow goes on as new for it. */
async function startForLateJoins(inbox: Inbox, ownRequests: ReadonlySet<string>): Promise<void> {
  await quiet(inbox, 'the deletion has ended');
  const [next, ...others] = inbox.joins.filter(({ requestId }) => !ownRequests.has(requestId));
  if (next) await goOnWith(next, others);
}

/** Waits until no handler is at work, so that no signal or update is lost at the end of a run. */
export async function quiet(inbox: Inbox, refusal?: string): Promise<void> {
  if (refusal !== undefined) refusePendingActs(inbox, refusal);
  await condition(allHandlersFinished);
}

const REQUEST_ID = defineSearchAttributeKey('RequestId', SearchAttributeType.KEYWORD);
const TRACE_ID = defineSearchAttributeKey('TraceId', SearchAttributeType.KEYWORD);
const GDPR_MODE = defineSearchAttributeKey('GdprMode', SearchAttributeType.BOOL);
const DELETION_STATUS = defineSearchAttributeKey('DeletionStatus', SearchAttributeType.KEYWORD);

function goOnWith(input: DeletionInput, waiting: readonly DeletionInput[]): Promise<never> {
  const continueAsNew = makeContinueAsNewFunc<typeof runDeletion>({
    taskQueue: taskQueueFor(input.policy.lane),
    typedSearchAttributes: workflowInfo()
      .typedSearchAttributes.updateCopy([
        { key: REQUEST_ID, value: input.requestId },
        { key: TRACE_ID, value: input.traceId },
        { key: GDPR_MODE, value: input.gdprMode },
        { key: DELETION_STATUS, value: 'PENDING' },
      ])
      .getAll(),
  });
  return continueAsNew(input, waiting);
}
