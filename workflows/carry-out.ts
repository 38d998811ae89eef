import type { FailureCode } from '../contracts/names/index.js';
import { claim } from './claim.js';
import { afterFailedAttempt, SECOND_LOOK_MS, waitBeforeLookingAgainMs } from './deletion.rules.js';
import { end, hasEnded, hasSucceeded, isOurs, LedgerAhead, nextStep, type Deletion } from './deletion.js';
import { call } from './ledger-activities.js';
import { park, reopen, wasUnparked } from './parking.js';
import { absorb, waitUntil } from './waiting.js';

/** Carries a deletion from its claim to its end: by success, by a person's cancel, or because it is another run's. */
export async function carryOut(deletion: Deletion): Promise<void> {
  while (!deletion.outcome) {
    try {
      await carryOn(deletion);
    } catch (error) {
      // A workflow task that Temporal has forgotten went further than this one: claim again, and go on from there.
      if (!(error instanceof LedgerAhead)) throw error;
    }
  }
  if (deletion.outcome !== 'not-ours') wasUnparked(deletion, deletion.outcome);
}

async function carryOn(deletion: Deletion): Promise<void> {
  const graceLeftMs = await claim(deletion);
  await waitOutGrace(deletion, graceLeftMs);
  while (!deletion.outcome) {
    await waitWhileHeld(deletion);
    await sendToAirflow(deletion);
    await awaitResult(deletion);
    await settleAttempt(deletion);
  }
}

async function waitOutGrace(deletion: Deletion, graceLeftMs: number): Promise<void> {
  if (deletion.outcome || graceLeftMs === 0) return;
  deletion.phase = 'grace';
  const endsAtMs = Date.now() + graceLeftMs;
  const over = () => deletion.graceWaived || hasSucceeded(deletion);
  const tenantChanged = () => deletion.input.subject.kind === 'tenant' && deletion.inbox.rechecks > 0;
  for (;;) {
    await waitUntil(deletion, () => over() || tenantChanged(), { ms: endsAtMs - Date.now(), summary: 'grace period: can be cancelled' });
    if (hasEnded(deletion) || over() || !tenantChanged()) return;
    deletion.inbox.rechecks = 0;
    const answer = await call('confirmEmpty', nextStep(deletion));
    if (!isOurs(deletion, answer)) return;
    if (answer.outcome === 'refilled') {
      end(deletion, 'CANCELLED');
      return;
    }
  }
}

async function waitWhileHeld(deletion: Deletion): Promise<void> {
  if (deletion.outcome || !deletion.held || deletion.phase === 'sent') return;
  deletion.phase = 'held';
  if (!deletion.holdShown && !isOurs(deletion, await call('showHold', nextStep(deletion)))) return;
  deletion.holdShown = true;
  wasUnparked(deletion);
  await waitUntil(deletion, () => !deletion.held || hasSucceeded(deletion));
}

/** Emits a trigger, and before it waits for what has to go first, for as long as it takes. */
async function sendToAirflow(deletion: Deletion): Promise<void> {
  if (deletion.phase !== 'sent' && deletion.phase !== 'parked') deletion.phase = 'pending';
  for (let looks = 0; await mayTrigger(deletion); looks++) {
    deletion.inbox.rechecks = 0;
    const answer = await call('trigger', { ...nextStep(deletion), cause: deletion.cause });
    if (!isOurs(deletion, answer)) return;
    switch (answer.outcome) {
      case 'sent':
        wasUnparked(deletion);
        deletion.attempt = answer.attempt;
        deletion.sentAtMs = Date.now();
        deletion.phase = 'sent';
        delete deletion.failure;
        return;
      case 'refilled':
        end(deletion, 'CANCELLED');
        return;
      case 'provisioned-anew':
        await park(deletion, 'FAILED', 'PROVISIONED_ANEW');
        break;
      case 'blocked':
        if (looks === 0 && deletion.phase === 'pending') await lookAgain(deletion, SECOND_LOOK_MS, 'second look at what depends on it');
        else await park(deletion, 'FAILED', 'DEPENDENCY_BLOCKED', answer.dependants);
        break;
      case 'waiting':
        await lookAgain(deletion, waitBeforeLookingAgainMs('waiting', looks), `waits for ${answer.dependants.join(', ')}`);
        break;
      case 'stale-inventory':
        await lookAgain(deletion, waitBeforeLookingAgainMs('stale-inventory', looks), 'waits for a current inventory');
        break;
    }
  }
}

/** Whether a trigger may go out now, after what has come in meanwhile: nobody's cancel or hold is overtaken. */
async function mayTrigger(deletion: Deletion): Promise<boolean> {
  if (deletion.phase === 'sent') return false;
  await absorb(deletion);
  if (deletion.moved && !deletion.outcome && !deletion.held) await reopen(deletion, deletion.moved);
  return !deletion.outcome && !deletion.held && !hasSucceeded(deletion);
}

async function lookAgain(deletion: Deletion, ms: number, summary: string): Promise<void> {
  const over = () => deletion.inbox.rechecks > 0 || deletion.moved !== undefined || deletion.held || hasSucceeded(deletion);
  deletion.looksAgain = true;
  await waitUntil(deletion, over, { ms, summary });
  deletion.looksAgain = false;
}

async function awaitResult(deletion: Deletion): Promise<void> {
  if (deletion.outcome || deletion.phase !== 'sent') return;
  await waitUntil(deletion, () => hasSucceeded(deletion) || deletion.failure !== undefined, {
    ms: deletion.sentAtMs + deletion.input.policy.resultTimeoutMs - Date.now(),
    summary: `result of attempt ${deletion.attempt}`,
  });
}

/** Any SUCCESS of any attempt completes; otherwise another attempt follows by policy, or the deletion is parked. */
async function settleAttempt(deletion: Deletion): Promise<void> {
  if (deletion.outcome) return;
  if (deletion.succeededAttempt !== undefined) return complete(deletion, deletion.succeededAttempt);
  if (deletion.phase !== 'sent') return;

  const failureCode = deletion.failure?.code ?? 'RESULT_TIMEOUT';
  const next = afterFailedAttempt(deletion.input.policy, deletion.retriesUsed, failureCode);
  if (next.move === 'retry') return backOff(deletion, failureCode, next.inMs);
  await park(deletion, failureCode === 'RESULT_TIMEOUT' ? 'TIMEOUT' : 'FAILED', failureCode);
}

async function complete(deletion: Deletion, attempt: number): Promise<void> {
  const { subject } = deletion.input;
  const answer = await call('complete', { ...nextStep(deletion), attempt, ...(subject.kind === 'user' && { subjectRef: subject.subjectRef }) });
  if (!isOurs(deletion, answer)) return;
  deletion.inbox.joins.push(...answer.leftOver);
  end(deletion, 'COMPLETED');
}

async function backOff(deletion: Deletion, failureCode: FailureCode, retryInMs: number): Promise<void> {
  const answer = await call('noteFailedAttempt', { ...nextStep(deletion), attempt: deletion.attempt, failureCode, retryInMs });
  if (!isOurs(deletion, answer)) return;
  deletion.phase = 'backoff';
  deletion.retriesUsed++;
  deletion.cause = `automatic retry ${deletion.retriesUsed} after ${failureCode}`;
  await waitUntil(deletion, () => deletion.moved !== undefined || hasSucceeded(deletion), { ms: retryInMs, summary: `back-off after ${failureCode}` });
}
