import { ApplicationFailure, allHandlersFinished, condition, continueAsNew, defineUpdate, setHandler } from '@temporalio/workflow';
import { UPDATES, type ActAnswer, type DeletionInput } from '../contracts/names/index.js';
import { carryOut } from './carry-out.js';
import { carriedBy, newDeletion, type Carried, type Deletion } from './deletion.js';
import { cancelFromOutside, emptyInbox, openInbox, refusePendingActs, type Inbox } from './inbox.js';
import { personActOf } from './inputs.rules.js';
import { call } from './ledger-activities.js';
import { startOver } from './run-deletion.js';

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
export async function tenant({ tenantId }: TenantInput, carried?: Carried): Promise<TenantResult> {
  const inbox = emptyInbox();
  const watched: Watched = { tenantId, inbox };
  openInbox(inbox);
  onErase(watched);
  return cancelFromOutside(inbox, () => watchOver(watched, carried));
}

interface Watched {
  readonly tenantId: string;
  readonly inbox: Inbox;
  /** The clean-up that is under way. */
  cleanUp?: Deletion;
}

async function watchOver(watched: Watched, carried: Carried | undefined): Promise<TenantResult> {
  const { tenantId, inbox } = watched;
  const cleanUps: { requestId: string; outcome: string }[] = [];
  let carriedOver = carried;
  for (;;) {
    inbox.rechecks = 0;
    const decision = await call('decideEmptying', tenantId);
    if (decision.outcome === 'clean-up') {
      const cleanUp = (watched.cleanUp = newCleanUp(decision.input, watched, carriedOver));
      carriedOver = undefined;
      await carryOut(cleanUp);
      cleanUps.push({ requestId: cleanUp.requestId, outcome: cleanUp.outcome ?? 'not-ours' });
      if (cleanUp.outcome !== 'not-ours') inbox.rechecks++;
      delete watched.cleanUp;
      inbox.view = () => undefined;
    }
    refusePendingActs(inbox, 'no clean-up of this tenant is under way');
    await condition(allHandlersFinished);
    if (inbox.rechecks > 0) continue;
    return { cleanUps, why: decision.outcome === 'nothing' ? decision.why : 'the clean-up is over' };
  }
}

function newCleanUp(input: DeletionInput, { tenantId, inbox }: Watched, carried: Carried | undefined): Deletion {
  const deletion = newDeletion(input, inbox, carried);
  deletion.startOverWhenLong = () => startOver(deletion, () => continueAsNew<typeof tenant>({ tenantId }, carriedBy(deletion)));
  return deletion;
}

/** `tenant erase`: has an empty tenant erased when not all of its deletions were in gdprMode, or ends the grace of its clean-up. */
function onErase(watched: Watched): void {
  const { tenantId, inbox } = watched;
  setHandler(
    defineUpdate<ActAnswer, [unknown]>(UPDATES.erase),
    async (input) => {
      const answer = await call('requestErasure', { tenantId, act: personActOf(input) });
      if (answer.outcome === 'refused') throw ApplicationFailure.nonRetryable(answer.why, 'Refused');
      if (watched.cleanUp) watched.cleanUp.graceWaived = true;
      else inbox.rechecks++;
      return { requestId: answer.input.requestId, status: 'PENDING', message: `tenant ${tenantId} is being erased` };
    },
    { description: 'Erases what is left of an empty tenant. Input: {by, reason}.' },
  );
}
