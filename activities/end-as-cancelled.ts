import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent, sendNotification } from '../store/ledger/outgoing.js';
import type { TimelineEntry } from '../store/ledger/rows.js';
import type { ActivityDeps } from './deps.js';

/** Ends a request as CANCELLED, tells why, and notifies. The fence for its attempts is the caller's. */
export function endAsCancelled(deps: ActivityDeps, deletion: LockedDeletion, why: Omit<TimelineEntry, 'what'>, message: string): void {
  deletion.change({ status: 'CANCELLED', duplicateOf: null, completedAt: deletion.now, durationMs: deletion.ageMs(), parkedAt: null });
  deletion.note({ what: 'cancelled', ...why });
  sendEvent(deletion, deps.topicPrefix, 'deletion.cancelled');
  sendNotification(deletion, 'deletion.cancelled', message);
}

/** Counts a deletion that has ended as CANCELLED, and not one request of several. */
export const countAsCancelled = (deps: ActivityDeps, { tx, row }: LockedDeletion): void =>
  tx.afterCommit(() => deps.events.ended(row.kind, row.input.policy.lane, 'CANCELLED', row.durationMs ?? 0));
