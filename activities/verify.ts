import { againRequestId, againsSoFar, DEFAULT_VERIFICATION, SIGNALS, verificationWorkflowId, type DeletionInput, type VerificationInput, type VerificationPolicy } from '../contracts/names/index.js';
import type { Transaction } from '../store/database.js';
import { writeMessages } from '../store/ledger/flush.js';
import { lockDeletion, type LockedDeletion } from '../store/ledger/locked-deletion.js';
import { deletionEvent } from '../store/ledger/outgoing.js';
import type { Deletion, OutboxMessage } from '../store/ledger/rows.js';
import { insertLinked, lockVerification, openVerification, othersNeedInventory, readLinked, writeStatement, writeStatementAtOnce, type Statement } from '../store/ledger/verifications.js';
import { entomb, eraseSubject } from '../store/subjects/erase.js';
import { readTombstone } from '../store/subjects/read.js';
import { eraseOlderItems, type UserInventory } from '../store/subjects/user-inventory.js';
import type { Activities, VerifyAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { isNothing, mayStillGo, statementInWords, statementOf } from './statement.rules.js';
import { askInventory } from './subject-inventory.js';

/**
 * Looks at what is left of a user after a completed deletion, in one transaction with what follows from it: the statement,
 * the alert, the linked deletion, and the end of the user's inventory. Asked again, it answers what it has stated.
 */
export const verify =
  (deps: ActivityDeps): Activities['verify'] =>
  async ({ requestId }) => {
    const countUser = await askInventory(deps, requestId);
    return deps.database.transaction(async (tx): Promise<VerifyAnswer> => {
      const [deletion, verification] = await Promise.all([lockDeletion(tx, requestId, { userInventory: true }), lockVerification(tx, requestId)]);
      if (!deletion || !verification) return { outcome: 'none' };
      if (verification.verdict !== null) {
        return { outcome: 'stated', verdict: verification.verdict, residual: verification.residual, again: await readLinked(tx, requestId) };
      }
      const deadlineInMs = verification.deadlineAt.getTime() - deletion.now.getTime();
      if (!countUser) return { outcome: 'unknown', deadlineInMs };
      const findings = { left: await countUser(deletion), seesGo: deps.inventory.seesGo, erased: deletion.row.counts };
      if (mayStillGo(findings) && deadlineInMs > 0) return { outcome: 'left', left: findings.left, deadlineInMs };

      const statement = statementOf(findings);
      writeStatement(tx, requestId, statement);
      const user = await deletion.userInventory();
      const again = isBack(user) ? null : deleteAgain(deps, deletion, statement);
      noteStatement(deps, deletion, statement, again);
      if (again === null) await endInventory(deps, tx, deletion.row, user);
      deletion.flush();
      return { outcome: 'stated', verdict: statement.verdict, residual: statement.residual, again };
    });
  };

/**
 * What follows from a user's deletion that completes in this transaction: the tombstone, and its verification, or, when
 * nothing was known to exist before nor is now, its statement at once.
 */
export async function beginVerification(deps: ActivityDeps, deletion: LockedDeletion): Promise<void> {
  const { row, tx, now } = deletion;
  const { requestId } = row;
  const subjectRefs = refsOf(deps, row);
  const nothingExpected = deps.inventory.isLocal && row.expected && isNothing(row.expected);
  const user = nothingExpected ? await deletion.quietUserInventory(subjectRefs) : undefined;
  for (const subjectRef of subjectRefs) entomb(tx, { subjectRef, requestId, erasedAt: now });
  if (user?.kinds.length === 0) {
    const statement: Statement = { verdict: user.isKnown ? 'CLEAN' : 'NOTHING_KNOWN', residual: {}, unverifiable: {} };
    writeStatementAtOnce(tx, requestId, statement);
    noteStatement(deps, deletion, statement, null);
    return endInventory(deps, tx, row, user);
  }
  openVerification(tx, requestId, policyOf(row).deadlineMs);
  deletion.send(startOf({ requestId, lane: row.input.policy.lane }));
}

const policyOf = ({ input }: Deletion): VerificationPolicy => input.policy.verification ?? DEFAULT_VERIFICATION;

/** The reference that the deletion goes by may be of a pepper that is no longer known. */
const refsOf = (deps: ActivityDeps, { userId, subjectRef }: Deletion): ReadonlySet<string> =>
  new Set([...(userId === null ? [] : deps.subjectRefsOf(userId)), ...(subjectRef === null ? [] : [subjectRef])]);

/** Starts the workflow of a verification. It waits for no other row of its request. */
const startOf = (input: VerificationInput): OutboxMessage => ({
  eventId: `${input.requestId}/verify/1`,
  requestId: verificationWorkflowId(input.requestId),
  target: 'signal',
  destination: SIGNALS.recheck,
  key: verificationWorkflowId(input.requestId),
  headers: {},
  body: JSON.stringify(input),
});

function noteStatement({ events }: ActivityDeps, deletion: LockedDeletion, statement: Statement, again: string | null): void {
  const { requestId } = deletion.row;
  const follows = again === null ? '' : `; ${again} deletes again`;
  if (statement.verdict !== 'NOTHING_KNOWN') deletion.note({ what: statement.verdict === 'RESIDUAL' ? 'residual' : 'verified', cause: `${statementInWords(statement)}${follows}` });
  deletion.tx.afterCommit(() => events.verified(requestId, statement.verdict, statement.residual, again));
}

/** Has a residual deleted again, where the policy says so. @returns the request of the deletion that follows */
function deleteAgain({ topicPrefix }: ActivityDeps, { tx, row }: LockedDeletion, { verdict, residual }: Statement): string | null {
  const { onResidual, deleteAgainAtMost } = policyOf(row);
  const n = againsSoFar(row.requestId) + 1;
  if (verdict !== 'RESIDUAL' || onResidual !== 'delete-again' || n > deleteAgainAtMost || row.userId === null || row.subjectRef === null) return null;
  const requestId = againRequestId(row.requestId, n);
  const input: DeletionInput = { ...row.input, requestId, graceMs: 0 };
  const { workflowId, subjectRef, userId } = row;
  insertLinked(tx, { input, workflowId, subjectRef, userId, linkedTo: row.requestId, cause: `left after ${row.requestId}: ${statementInWords({ residual, unverifiable: {}, verdict })}` });
  writeMessages(tx, [
    // First: whoever deletes waits for it, and a request's rows go one after another.
    { eventId: `${requestId}/start/1`, requestId, target: 'signal', destination: SIGNALS.join, key: workflowId, headers: {}, body: JSON.stringify({ input }) },
    deletionEvent(topicPrefix, { requestId, n: 1, eventType: 'deletion.requested', input, status: 'PENDING', attempt: 0, jobId: null, occurredAt: new Date() }),
  ]);
  return requestId;
}

/** Events from after the completion tell of the user: somebody is there again, whom only a person may have deleted. */
const isBack = ({ kinds }: UserInventory): boolean => kinds.some(({ newer }) => newer > 0);

/** The inventory of an erased user is erased with it, unless another deletion of the user needs it still. What was told of since stays. */
async function endInventory(deps: ActivityDeps, tx: Transaction, row: Deletion, user: UserInventory): Promise<void> {
  if (!user.isKnown || row.userId === null || row.completedAt === null || (await othersNeedInventory(tx, row.requestId, row.userId))) return;
  const subjectRefs = refsOf(deps, row);
  if (isBack(user)) eraseOlderItems(tx, [...subjectRefs], row.completedAt);
  else for (const subjectRef of subjectRefs) await eraseSubject(tx, subjectRef);
}

/** A deletion that is cancelled needs the inventory no longer: it may have been the last that kept it after an earlier erasure. */
export async function releaseInventory(deps: ActivityDeps, { tx, row }: LockedDeletion): Promise<void> {
  if (row.kind !== 'user' || row.dryRun || row.userId === null) return;
  const subjectRefs = [...refsOf(deps, row)];
  const [tombstone, others] = await Promise.all([readTombstone(tx, subjectRefs), othersNeedInventory(tx, row.requestId, row.userId)]);
  if (tombstone && !others) eraseOlderItems(tx, subjectRefs, tombstone.erasedAt);
}
