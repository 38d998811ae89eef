import type { LockedDeletion } from '../store/ledger/locked-deletion.js';

/**
 * Makes another request of the same subject the owner of a deletion: it takes the attempts (a late SUCCESS of theirs then
 * completes it) and the requests that had joined. The caller ends the former owner.
 */
export function handOver(from: LockedDeletion, to: LockedDeletion): void {
  const { tx } = from;
  tx.write('UPDATE attempts SET request_id = $2 WHERE request_id = $1', [from.row.requestId, to.row.requestId]);
  tx.write('UPDATE deletions SET duplicate_of = $2 WHERE duplicate_of = $1 AND request_id <> $2', [from.row.requestId, to.row.requestId]);
  // The steps are counted on: it may have been the owner before, and must not take what is asked now for what was asked then.
  const { attempt, jobId, expected, held, step } = from.row;
  to.change({ attempt, jobId, expected, held, step, answers: [] });
}
