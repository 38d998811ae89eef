import { isParked } from '../contracts/names/index.js';
import type { Claimed } from '../activities/answers.js';
import { end, isOurs, nextStep, type Deletion } from './deletion.js';
import { call } from './ledger-activities.js';
import { isEmpty } from './inbox.js';
import { showParked, stayParked, wasUnparked } from './parking.js';
import { showRequest } from './search-attributes.js';

/**
 * Claims the deletion, and takes up where the ledger says that it stopped: for a new one that is the beginning, or its
 * first attempt when nobody has asked for anything else yet.
 * @returns what is left of the grace period, in ms
 */
export async function claim(deletion: Deletion): Promise<number> {
  const { inbox, takeOver } = deletion;
  inbox.reclaim = false;
  const answer = await call('claim', { ...nextStep(deletion), step: 0, ...(isEmpty(inbox) && { sendFor: deletion.cause }), ...(takeOver && { takeOver }) });
  if (answer.outcome === 'ended') {
    deletion.attempt = answer.attempt ?? deletion.attempt;
    deletion.inbox.joins.push(...(answer.leftOver ?? []));
    end(deletion, answer.status);
    return 0;
  }
  if (!isOurs(deletion, answer)) return 0;
  takeUp(deletion, answer);
  showRequest(deletion.input);
  if (deletion.phase === 'parked') await stayParked(deletion);
  return answer.attempt === 0 ? answer.graceLeftMs : 0;
}

function takeUp(deletion: Deletion, answer: Claimed): void {
  const { status, step, attempt, held } = answer;
  Object.assign(deletion, { step, ledgerAt: step, attempt, held, requestId: answer.requestId, holdShown: status === 'ON_HOLD' });
  deletion.ownRequests.add(answer.requestId);
  deletion.joined.splice(0, Infinity, ...answer.joined);
  deletion.dueAtMs = Date.now() + answer.dueInMs;
  deletion.sentAtMs = Date.now() - answer.sentMsAgo;
  if (answer.succeededAttempt !== null) deletion.succeededAttempt ??= answer.succeededAttempt;
  // The ledger may know of retries that this run has forgotten; and the run of those of a request that was withdrawn.
  deletion.retriesUsed = Math.max(deletion.retriesUsed, answer.retriesUsed ?? 0);
  deletion.cause = answer.cause ?? deletion.cause;
  deletion.reopened = answer.reopened ?? deletion.reopened;
  if (deletion.moved && deletion.moved.cameAt < deletion.reopened) delete deletion.moved;
  if (status !== 'SENT_TO_AIRFLOW' || deletion.failure?.attempt !== attempt) delete deletion.failure;
  if (isParked(status)) {
    deletion.phase = 'parked';
    showParked(deletion, status, answer.failureCode ?? 'DAG_FAILED');
  } else {
    wasUnparked(deletion);
    deletion.phase = status === 'SENT_TO_AIRFLOW' ? 'sent' : 'pending';
    delete deletion.moved;
  }
}
