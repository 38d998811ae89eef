import { isFinal } from '../contracts/names/index.js';
import { lockDeletion } from '../store/ledger/locked-deletion.js';
import { notOurs } from '../store/ledger/step.js';
import type { Activities, ClaimAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { handOver } from './hand-over.js';
import type { Queryable } from '../store/database.js';
import type { Deletion } from '../store/ledger/rows.js';
import type { OpenDeletion } from '../store/ledger/locked-deletion.js';

/**
 * A workflow's first transaction: claims the ledger row for its chain of runs. A row that has ended, or that another
 * chain owns, is not claimed, so a redelivery after any crash ends in exactly one deletion.
 */
export const claim =
  ({ database }: ActivityDeps): Activities['claim'] =>
  (call) =>
    database.transaction(async (tx): Promise<ClaimAnswer> => {
      const deletion = await lockDeletion(tx, call.requestId);
      if (!deletion) return notOurs(`the ledger has no request ${call.requestId}`);
      const { row } = deletion;
      if (isFinal(row.status)) return notOurs(`the request has ended as ${row.status}`);
      if (row.claimedRun !== null && row.claimedRun !== call.runId) return notOurs('another run has claimed the request');
      if (row.claimedRun === null) {
        await takeOverFromLostRun(tx, deletion);
        deletion.change({ claimedRun: call.runId });
        deletion.note({ what: 'claimed', cause: 'its workflow has started' });
        await deletion.flush();
      }
      return claimedAnswer(deletion);
    });

async function claimedAnswer(deletion: OpenDeletion): Promise<ClaimAnswer> {
  const { row, now } = deletion;
  const attempts = row.attempt > 0 ? await deletion.attempts() : [];
  return {
    outcome: 'claimed',
    status: row.status,
    attempt: row.attempt,
    step: row.step,
    graceLeftMs: Math.max(0, row.receivedAt.getTime() + row.input.graceMs - now.getTime()),
    dueInMs: row.dueAt.getTime() - now.getTime(),
    succeededAttempt: attempts.find((attempt) => attempt.result === 'SUCCESS')?.attempt ?? null,
    failureCode: row.failureCode,
  };
}

/**
 * Temporal keeps one open run per workflow id: a live row of the same id that another chain claimed belongs to a run that
 * was terminated. Its request joins this one, which carries the deletion on.
 */
async function takeOverFromLostRun(tx: Queryable, deletion: OpenDeletion): Promise<void> {
  const [lost] = await tx.rows<Pick<Deletion, 'requestId'>>(
    `SELECT request_id FROM deletions WHERE workflow_id = $1 AND request_id <> $2 AND claimed_run IS NOT NULL
       AND status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT')`,
    [deletion.row.workflowId, deletion.row.requestId],
  );
  if (!lost) return;
  const lostDeletion = await lockDeletion(tx, lost.requestId);
  if (!lostDeletion || isFinal(lostDeletion.row.status)) return;
  await handOver(lostDeletion, deletion);
  lostDeletion.change({ status: 'DUPLICATE', duplicateOf: deletion.row.requestId, claimedRun: null });
  lostDeletion.note({ what: 'taken over', cause: `its workflow was terminated; ${deletion.row.requestId} carries it on` });
  await lostDeletion.flush();
}
