import { setCurrentDetails } from '@temporalio/workflow';
import type { DeletionStatus, FailureCode, ParkedStatus } from '../contracts/names/index.js';
import { isOurs, nextStep, type Deletion } from './deletion.js';
import { nextReminder } from './deletion.rules.js';
import { call } from './ledger-activities.js';
import { isShownAsParked, showStatus } from './search-attributes.js';
import { waitUntil } from './waiting.js';

/** Tells that automatic ways are used up, or that something blocks, and waits until something or someone moves the deletion. */
export async function park(deletion: Deletion, status: ParkedStatus, failureCode: FailureCode, blockedBy: readonly string[] = []): Promise<void> {
  // Still blocked after another look: it was told already.
  if (deletion.phase === 'parked' && deletion.parkedFor === failureCode) return stayParked(deletion);
  const answer = await call('park', { ...nextStep(deletion), status, failureCode, blockedBy });
  if (!isOurs(deletion, answer)) return;
  showParked(deletion, status, failureCode, blockedBy);
  deletion.dueAtMs = Date.now() + answer.dueInMs;
  await stayParked(deletion);
}

/** Calls for a person's attention, unless that is called for already. */
export function showParked(deletion: Deletion, status: ParkedStatus, failureCode: FailureCode, blockedBy: readonly string[] = []): void {
  deletion.parkedFor = failureCode;
  showStatus(status);
  setCurrentDetails(`**Parked**: ${failureCode}${blockedBy.length > 0 ? ` by ${blockedBy.join(', ')}` : ''}. Signal \`retry\` or \`cancel\`.`);
}

/** No timer gives a deletion up: it is told of again and again, until a success, a retry, a join, a cancel, or a way made free. */
export async function stayParked(deletion: Deletion): Promise<void> {
  deletion.phase = 'parked';
  deletion.retriesUsed = 0;
  for (;;) {
    const reminder = nextReminder(deletion.input.policy.parkingWindowMs, deletion.dueAtMs - Date.now());
    const woken = await waitUntil(deletion, () => isMoved(deletion), { ms: reminder.inMs, summary: `parked (${deletion.parkedFor ?? ''}): tell again` });
    if (woken === 'over') break;
    if (!isOurs(deletion, await call('remind', { ...nextStep(deletion), what: reminder.what }))) return;
  }
  if (deletion.outcome || deletion.succeededAttempt !== undefined) return;
  if (deletion.moved) await reopen(deletion, deletion.moved);
  else deletion.cause = 'what it waited for has gone';
}

const isMoved = (deletion: Deletion): boolean =>
  deletion.moved !== undefined || deletion.succeededAttempt !== undefined || (deletion.inbox.rechecks > 0 && waitsForOthers(deletion));

const waitsForOthers = (deletion: Deletion): boolean => deletion.parkedFor === 'DEPENDENCY_BLOCKED' || deletion.input.subject.kind === 'tenant';

/** Enters into the ledger who or what moved the deletion, so that another attempt is made. */
export async function reopen(deletion: Deletion, { cause, act }: NonNullable<Deletion['moved']>): Promise<void> {
  if (!isOurs(deletion, await call('reopen', { ...nextStep(deletion), cause, ...(act && { act }) }))) return;
  delete deletion.moved;
  deletion.reopened++;
  deletion.cause = cause;
  wasUnparked(deletion);
  deletion.phase = 'pending';
}

/** The attention of a person is no longer needed. */
export function wasUnparked(deletion: Deletion, status: DeletionStatus = 'PENDING'): void {
  delete deletion.parkedFor;
  // Not what this deletion remembers: the attention may have been for one that the workflow carried before it.
  if (!isShownAsParked()) return;
  showStatus(status);
  setCurrentDetails('');
}
