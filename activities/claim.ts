import { isFinal } from '../contracts/names/index.js';
import { lockDeletion, type OpenDeletion } from '../store/ledger/locked-deletion.js';
import { notOurs, type StepCall } from '../store/ledger/step.js';
import type { Activities, ClaimAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { handOver } from './hand-over.js';
import type { Queryable } from '../store/database.js';
import { retriesSoFar } from './retries.rules.js';
import type { Deletion, TimelineEntry } from '../store/ledger/rows.js';

/**
 * A workflow's first transaction: claims the ledger row for its chain of runs. A row that has ended, or that another
 * chain owns, is not claimed, so a redelivery after any crash ends in exactly one deletion. Asked again by the chain that
 * owns the row, it tells where the deletion is.
 */
export const claim =
  ({ database }: ActivityDeps): Activities['claim'] =>
  (call) =>
    database.transaction(async (tx): Promise<ClaimAnswer> => {
      const deletion = await lockDeletion(tx, call.requestId);
      if (!deletion) return notOurs(`the ledger has no request ${call.requestId}`);
      const { row } = deletion;
      if (isFinal(row.status)) return row.claimedRun === call.runId ? afterTheEnd(tx, deletion, call) : notOurs(`the request has ended as ${row.status}`);
      if (row.claimedRun === call.runId) return claimedAnswer(deletion);
      // A tenant's clean-up has no request that could be sent again: the tenant's next workflow takes it up.
      if (row.claimedRun !== null && row.kind !== 'tenant') return notOurs('another run has claimed the request');
      await takeOverFromLostRun(tx, deletion);
      deletion.change({ claimedRun: call.runId });
      deletion.note({ what: 'claimed', cause: row.claimedRun === null ? 'its workflow has started' : 'its workflow was terminated; another takes it up' });
      await deletion.flush();
      return claimedAnswer(deletion);
    });

/** The chain's own request has ended: by a withdrawal that handed the deletion over, or altogether. */
async function afterTheEnd(tx: Queryable, { row }: OpenDeletion, { runId }: StepCall): Promise<ClaimAnswer> {
  const [heir] = await tx.rows<Pick<Deletion, 'requestId'>>(
    `SELECT request_id FROM deletions WHERE workflow_id = $1 AND claimed_run = $2
       AND status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT')`,
    [row.workflowId, runId],
  );
  const deletion = heir && (await lockDeletion(tx, heir.requestId));
  if (deletion && !isFinal(deletion.row.status)) return claimedAnswer(deletion);
  if (row.status === 'DUPLICATE') return notOurs('the request has joined another');
  const leftOver = await tx.rows<Pick<Deletion, 'input'>>(
    `SELECT input FROM deletions WHERE workflow_id = $1 AND claimed_run IS NULL AND status = 'PENDING' ORDER BY received_at`,
    [row.workflowId],
  );
  return { outcome: 'ended', status: row.status === 'COMPLETED' ? 'COMPLETED' : 'CANCELLED', leftOver: leftOver.map(({ input }) => input) };
}

async function claimedAnswer(deletion: OpenDeletion): Promise<ClaimAnswer> {
  const { row, now } = deletion;
  const attempts = row.attempt > 0 ? await deletion.attempts() : [];
  const lines = row.attempt > 0 ? await linesOf(deletion) : [];
  const joined = await deletion.joined();
  const isHard = [deletion, ...joined].some((request) => request.row.input.graceMs === 0);
  return {
    outcome: 'claimed',
    requestId: row.requestId,
    status: row.status,
    attempt: row.attempt,
    step: row.step,
    graceLeftMs: isHard ? 0 : Math.max(0, row.receivedAt.getTime() + row.input.graceMs - now.getTime()),
    sentMsAgo: row.sentAt ? now.getTime() - row.sentAt.getTime() : 0,
    held: row.held,
    joined: joined.map((request) => request.row.requestId),
    dueInMs: row.dueAt.getTime() - now.getTime(),
    succeededAttempt: attempts.find((attempt) => attempt.result === 'SUCCESS')?.attempt ?? null,
    failureCode: row.failureCode,
    ...retriesSoFar(lines, row.failureCode),
  };
}

const linesOf = ({ tx, row }: OpenDeletion): Promise<Pick<TimelineEntry, 'what' | 'cause'>[]> =>
  tx.rows('SELECT what, cause FROM timeline WHERE request_id = $1 ORDER BY id', [row.requestId]);

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
  lostDeletion.change({ status: 'DUPLICATE', duplicateOf: deletion.row.requestId, claimedRun: null, parkedAt: null });
  lostDeletion.note({ what: 'taken over', cause: `its workflow was terminated; ${deletion.row.requestId} carries it on` });
  await lostDeletion.flush();
}
