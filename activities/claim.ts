import { isFinal } from '../contracts/names/index.js';
import type { Transaction } from '../store/database.js';
import { lockDeletion, type LockedDeletion, type OpenDeletion } from '../store/ledger/locked-deletion.js';
import { LIVE, type Attempt, type Deletion, type TimelineEntry } from '../store/ledger/rows.js';
import { notOurs, type StepCall } from '../store/ledger/step.js';
import type { Activities, ClaimAnswer, ClaimCall } from './answers.js';
import { parkNow } from './attempts.js';
import type { ActivityDeps } from './deps.js';
import { handOver } from './hand-over.js';
import { retriesSoFar } from './retries.rules.js';
import type { CountUser } from './subject-inventory.js';
import { aheadOf, prepareAttempt, sendAttempt } from './trigger.js';

/**
 * A workflow's first transaction: claims the ledger row for its chain of runs, and sends the first attempt if it can go at
 * once. A row that has ended, or that another chain owns, is not claimed, so a redelivery after any crash ends in exactly
 * one deletion. Asked again by the chain that owns the row, it tells where the deletion is.
 */
export const claim =
  (deps: ActivityDeps): Activities['claim'] =>
  async (call) => {
    const countUser = call.sendFor === undefined ? undefined : await prepareAttempt(deps, call);
    return deps.database.transaction(async (tx): Promise<ClaimAnswer> => {
      const ahead = call.sendFor === undefined ? {} : aheadOf(deps, call);
      const [deletion, lost] = await Promise.all([lockDeletion(tx, call.requestId, ahead), lostOwner(tx, call.requestId)]);
      if (!deletion) return notOurs(`the ledger has no request ${call.requestId}`);
      const { row } = deletion;
      if (isFinal(row.status)) return row.claimedRun === call.runId ? afterTheEnd(tx, deletion, call) : notOurs(`the request has ended as ${row.status}`);
      if (row.claimedRun === call.runId) return claimedAnswer(deletion, await readPast(deletion));
      const place = row.claimedRun === call.takeOver?.run ? call.takeOver : undefined;
      // A tenant's clean-up has no request that could be sent again: the tenant's next workflow takes it up.
      if (row.claimedRun !== null && row.kind !== 'tenant' && !place) return notOurs('another run has claimed the request');
      if (lost !== undefined) await takeOver(lost, deletion);
      deletion.change({ claimedRun: call.runId });
      deletion.note({ what: 'claimed', cause: row.claimedRun === null ? 'its workflow has started' : `its workflow ${place?.why ?? 'was terminated'}; another takes it up` });
      if (place) await parkLost(deps, deletion);
      const ended = await sendAtOnce(deps, deletion, call, countUser);
      deletion.flush();
      if (ended) return ended;
      const isNew = row.claimedRun === null && lost === undefined;
      return claimedAnswer(deletion, isNew ? NO_PAST : await readPast(deletion));
    });
  };

/** A new deletion that nothing holds up begins with its first attempt; what stands against that is looked at again by the workflow. */
async function sendAtOnce(deps: ActivityDeps, deletion: OpenDeletion, { sendFor }: ClaimCall, countUser: CountUser | undefined): Promise<ClaimAnswer | undefined> {
  const { status, attempt, held, input } = deletion.row;
  if (sendFor === undefined || status !== 'PENDING' || attempt > 0 || held || input.graceMs > 0) return undefined;
  const decision = await sendAttempt(deps, deletion, sendFor, countUser);
  return decision.outcome === 'refilled' ? { outcome: 'ended', status: 'CANCELLED', attempt, leftOver: [] } : undefined;
}

/**
 * Somebody stopped the workflow, and nobody said why: what was to go on by itself waits for a person. What waits already,
 * on hold or parked, stays as it is; what has succeeded is completed by its new run.
 */
async function parkLost(deps: ActivityDeps, deletion: OpenDeletion): Promise<void> {
  const { status } = deletion.row;
  if (status !== 'PENDING' && status !== 'SENT_TO_AIRFLOW') return;
  if ((await deletion.attempts()).some(({ result }) => result === 'SUCCESS')) return;
  await parkNow(deps, deletion, { status: 'FAILED', failureCode: 'WORKFLOW_TERMINATED' });
}

/** The chain's own request has ended: by a withdrawal that handed the deletion over, or altogether. */
async function afterTheEnd(tx: Transaction, { row }: OpenDeletion, { runId }: StepCall): Promise<ClaimAnswer> {
  const [heir] = await tx.rows<Pick<Deletion, 'requestId'>>(
    `SELECT request_id FROM deletions WHERE workflow_id = $1 AND claimed_run = $2
       AND status IN ${LIVE}`,
    [row.workflowId, runId],
  );
  const deletion = heir && (await lockDeletion(tx, heir.requestId));
  if (deletion && !isFinal(deletion.row.status)) return claimedAnswer(deletion, await readPast(deletion));
  if (row.status === 'DUPLICATE') return notOurs('the request has joined another');
  const leftOver = await tx.rows<Pick<Deletion, 'input'>>(
    `SELECT input FROM deletions WHERE workflow_id = $1 AND claimed_run IS NULL AND status = 'PENDING' ORDER BY received_at`,
    [row.workflowId],
  );
  return { outcome: 'ended', status: row.status === 'COMPLETED' ? 'COMPLETED' : 'CANCELLED', attempt: row.attempt, leftOver: leftOver.map(({ input }) => input) };
}

/** What has become of a deletion before it was claimed now. */
interface Past {
  readonly attempts: readonly Attempt[];
  readonly lines: readonly Pick<TimelineEntry, 'what' | 'cause'>[];
  readonly joined: readonly LockedDeletion[];
}

const NO_PAST: Past = { attempts: [], lines: [], joined: [] };

async function readPast(deletion: OpenDeletion): Promise<Past> {
  const { tx, row } = deletion;
  const [attempts, lines, joined] = await Promise.all([
    deletion.attempts(),
    tx.rows<Past['lines'][number]>('SELECT what, cause FROM timeline WHERE request_id = $1 ORDER BY id', [row.requestId]),
    deletion.joined(),
  ]);
  return { attempts, lines, joined };
}

function claimedAnswer(deletion: OpenDeletion, { attempts, lines, joined }: Past): ClaimAnswer {
  const { row, now } = deletion;
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

/**
 * Temporal keeps one open run per workflow id: a live row of the same id that another chain claimed belongs to a run that
 * was terminated.
 */
async function lostOwner(tx: Transaction, requestId: string): Promise<string | undefined> {
  const [lost] = await tx.rows<Pick<Deletion, 'requestId'>>(
    // Not a join: that might go through all live rows, and does when statistics know of few.
    `SELECT request_id FROM deletions WHERE workflow_id = (SELECT workflow_id FROM deletions WHERE request_id = $1)
       AND request_id <> $1 AND claimed_run IS NOT NULL AND status IN ${LIVE}`,
    [requestId],
  );
  return lost?.requestId;
}

/** The request of a lost run joins this one, which carries the deletion on. */
async function takeOver(lostRequestId: string, deletion: OpenDeletion): Promise<void> {
  const lost = await lockDeletion(deletion.tx, lostRequestId);
  if (!lost || isFinal(lost.row.status)) return;
  handOver(lost, deletion);
  lost.change({ status: 'DUPLICATE', duplicateOf: deletion.row.requestId, claimedRun: null, parkedAt: null });
  lost.note({ what: 'taken over', cause: `its workflow was terminated; ${deletion.row.requestId} carries it on` });
  lost.flush();
}
