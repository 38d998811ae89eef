import type { DeletionStatus, FailureCode, ParkedStatus } from '../contracts/names/index.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendNotification, failureMessage } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, NotedAnswer, ParkAnswer, RemindAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { wakeWaitingTenant } from './wake-tenant.js';

/** An attempt failed or got no result, and another follows by itself. */
export const noteFailedAttempt =
  (deps: ActivityDeps): Activities['noteFailedAttempt'] =>
  (call) =>
    runStep(deps.database, 'noteFailedAttempt', call, (deletion): NotedAnswer => {
      if (call.failureCode === 'RESULT_TIMEOUT') deletion.markTimedOut(call.attempt);
      deletion.change({ status: 'PENDING', failureCode: call.failureCode, failureMessage: failureMessage(call.failureCode) });
      deletion.note({
        what: 'attempt failed',
        cause: `attempt ${call.attempt}: ${call.failureCode}; the next follows in ${Math.round(call.retryInMs / 1000)} s`,
      });
      return { outcome: 'noted' };
    });

const parkedEventType = (status: DeletionStatus) => (status === 'TIMEOUT' ? 'deletion.timed_out' : 'deletion.failed');

/** Automatic ways are used up, or something blocks: told, and parked until something or someone moves it. */
export const park =
  (deps: ActivityDeps): Activities['park'] =>
  (call) =>
    runStep(deps.database, 'park', call, async (deletion): Promise<ParkAnswer> => {
      await parkNow(deps, deletion, call);
      return { outcome: 'parked', dueInMs: deletion.row.dueAt.getTime() - deletion.now.getTime() };
    });

/** Parks a deletion under its lock, and tells of it. */
export async function parkNow(
  deps: ActivityDeps,
  deletion: LockedDeletion,
  { status, failureCode, blockedBy = [] }: { readonly status: ParkedStatus; readonly failureCode: FailureCode; readonly blockedBy?: readonly string[] },
): Promise<void> {
  const message = failureMessage(failureCode, blockedBy);
  deletion.change({ status, failureCode, failureMessage: message, parkedAt: deletion.now });
  deletion.note({ what: 'parked', cause: message });
  const eventType = parkedEventType(status);
  sendEvent(deletion, deps.topicPrefix, eventType);
  sendNotification(deletion, eventType, message);
  // The tenant's row before the attempts: whoever locks both does so in this order.
  await wakeWaitingTenant(deletion);
  if (failureCode === 'RESULT_TIMEOUT') deletion.markTimedOut(deletion.row.attempt);
  const { kind, input } = deletion.row;
  deletion.tx.afterCommit(() => deps.events.parked(kind, input.policy.lane, failureCode));
}

const REMINDERS = {
  'still-parked': (message: string) => `Still not deleted: ${message}`,
  'due-soon': (message: string) => `Not deleted yet, and soon due: ${message}`,
  overdue: (message: string) => `Overdue, and not deleted: ${message}`,
};

/** Tells again of a deletion that is parked, and of one whose due date is near or past. */
export const remind =
  (deps: ActivityDeps): Activities['remind'] =>
  (call) =>
    runStep(deps.database, 'remind', call, (deletion): RemindAnswer => {
      const { row } = deletion;
      const message = REMINDERS[call.what](row.failureMessage ?? 'it is waiting');
      deletion.note({ what: 'told again', cause: message });
      sendNotification(deletion, parkedEventType(row.status), message);
      if (call.what === 'overdue') deletion.tx.afterCommit(() => deps.events.overdue(row.requestId));
      return { outcome: 'reminded' };
    });
