import { ApplicationFailure, allHandlersFinished, condition, continueAsNew, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import { UPDATES, type ActAnswer, type DeletionInput } from '../contracts/names/index.js';
import { carryOut } from './carry-out.js';
import { newDeletion, type Deletion } from './deletion.js';
import { emptyInbox, openInbox, refusePendingActs, type Inbox } from './inbox.js';
import { personActOf } from './inputs.rules.js';
import { call } from './ledger-activities.js';

export interface TenantInput {
  readonly tenantId: string;
}

/** What the tenant's workflow did before it went idle. */
export interface TenantResult {
  readonly cleanUps: readonly { readonly requestId: string; readonly outcome: string }[];
  readonly why: string;
}

/**
 * Finishes a tenant: woken when its last service has gone, it has the emptying decided and carries out the clean-up that
 * follows. Wake-ups that wait together are answered by one count; it ends when idle and loses no signal at its end.
 */
export async function tenant({ tenantId }: TenantInput): Promise<TenantResult> {
  const inbox = emptyInbox();
  const cleanUps: { requestId: string; outcome: string }[] = [];
  let current: Deletion | undefined;
  openInbox(inbox);
  onErase(tenantId, inbox, () => current);

  for (;;) {
    inbox.rechecks = 0;
    const decision = await call('decideEmptying', tenantId);
    if (decision.outcome === 'clean-up') {
      current = cleanUp(decision.input, tenantId, inbox);
      await carryOut(current);
      cleanUps.push({ requestId: current.requestId, outcome: current.outcome ?? 'not-ours' });
      if (current.outcome !== 'not-ours') inbox.rechecks++;
      current = undefined;
      inbox.view = () => undefined;
    }
    refusePendingActs(inbox, 'no clean-up of this tenant is under way');
    await condition(allHandlersFinished);
    if (inbox.rechecks > 0) continue;
    return { cleanUps, why: decision.outcome === 'nothing' ? decision.why : 'the clean-up is over' };
  }
}

function cleanUp(input: DeletionInput, tenantId: string, inbox: Inbox): Deletion {
  const deletion = newDeletion(input, inbox);
  deletion.startOverWhenLong = async () => {
    if (!workflowInfo().continueAsNewSuggested) return;
    await condition(allHandlersFinished);
    if (inbox.acts.length + inbox.results.length === 0) await continueAsNew<typeof tenant>({ tenantId });
  };
  return deletion;
}

/** `tenant erase`: has an empty tenant erased when not all of its deletions were in gdprMode, or ends the grace of its clean-up. */
function onErase(tenantId: string, inbox: Inbox, current: () => Deletion | undefined): void {
  setHandler(
    defineUpdate<ActAnswer, [unknown]>(UPDATES.erase),
    async (input) => {
      const answer = await call('requestErasure', { tenantId, act: personActOf(input) });
      if (answer.outcome === 'refused') throw ApplicationFailure.nonRetryable(answer.why, 'Refused');
      const running = current();
      if (running) running.graceWaived = true;
      else inbox.rechecks++;
      return { requestId: answer.input.requestId, status: 'PENDING', message: `tenant ${tenantId} is being erased` };
    },
    { description: 'Erases what is left of an empty tenant. Input: {by, reason}.' },
  );
}
