import { condition, workflowInfo } from '@temporalio/workflow';
import type { DeletionInput, FailureCode } from '../contracts/names/index.js';
import { refusalOf, type Phase } from './deletion.rules.js';
import type { Inbox, PendingAct } from './inbox.js';
import { call } from './ledger-activities.js';

/** What one deletion's workflow knows. The ledger arbitrates; this only says what to wait for next. */
export interface Deletion {
  readonly input: DeletionInput;
  readonly inbox: Inbox;
  /** The request that the deletion goes on under: another one after a withdrawal. */
  requestId: string;
  /** Every request that it went on under: results of all their attempts are its own. */
  readonly ownRequests: Set<string>;
  phase: Phase;
  attempt: number;
  step: number;
  /** Automatic retries since the deletion was last moved by someone. */
  retriesUsed: number;
  held: boolean;
  /** The ledger says ON_HOLD as well: not before a running attempt is over. */
  holdShown: boolean;
  /** Why it is parked. */
  parkedFor?: FailureCode;
  /** Why the next attempt is made, in words. */
  cause: string;
  succeededAttempt?: number;
  failure?: { readonly attempt: number; readonly code: FailureCode };
  /** Someone moved it: a person's retry, or a join. */
  moved?: { readonly cause: string; readonly act?: PendingAct['act'] };
  graceWaived: boolean;
  readonly joined: string[];
  /** Until the due date, as last heard from the ledger. */
  dueInMs: number;
  /** Goes on as a new run when the history has grown long; set by the workflow that runs the deletion. */
  startOverWhenLong: () => Promise<void>;
  outcome?: 'COMPLETED' | 'CANCELLED' | 'not-ours';
}

/** A deletion before its claim; acts and queries that come in are about it from now on. */
export function newDeletion(input: DeletionInput, inbox: Inbox): Deletion {
  const deletion: Deletion = {
    input,
    inbox,
    requestId: input.requestId,
    ownRequests: new Set([input.requestId]),
    phase: 'pending',
    attempt: 0,
    step: 0,
    retriesUsed: 0,
    held: false,
    holdShown: false,
    cause: 'the request',
    graceWaived: false,
    joined: [],
    dueInMs: Infinity,
    startOverWhenLong: () => Promise.resolve(),
  };
  inbox.view = () => deletion;
  return deletion;
}

/** Who calls the ledger, and which step it is: counted up by each call. */
export function nextStep(deletion: Deletion): { requestId: string; runId: string; step: number } {
  deletion.step++;
  return { requestId: deletion.requestId, runId: workflowInfo().firstExecutionRunId, step: deletion.step };
}

/** Ends the deletion when the ledger says that it is another's. @returns whether the answer is ours to go on with */
export function isOurs<Answer extends { outcome: string }>(deletion: Deletion, answer: Answer): answer is Exclude<Answer, { outcome: 'not-ours' }> {
  if (answer.outcome !== 'not-ours') return true;
  end(deletion, 'not-ours');
  return false;
}

export function end(deletion: Deletion, outcome: NonNullable<Deletion['outcome']>): void {
  deletion.outcome = outcome;
  deletion.phase = 'ended';
}

/**
 * Waits until `over` holds, the deletion has ended, or the time is up, and does meanwhile what comes in: joins, acts of
 * persons, results.
 * @returns 'time' when the time was up first
 */
export async function waitUntil(deletion: Deletion, over: () => boolean, timer?: { ms: number; summary: string }): Promise<'over' | 'time'> {
  const deadline = timer && Date.now() + timer.ms;
  const somethingCame = () => deletion.inbox.joins.length + deletion.inbox.acts.length + deletion.inbox.results.length > 0;
  for (;;) {
    await absorb(deletion);
    if (deletion.outcome || over()) return 'over';
    const wake = () => somethingCame() || over();
    if (deadline === undefined) {
      await condition(wake);
      continue;
    }
    const leftMs = deadline - Date.now();
    if (leftMs <= 0 || !(await condition(wake, leftMs, { summary: timer?.summary ?? '' }))) return 'time';
  }
}

async function absorb(deletion: Deletion): Promise<void> {
  const { inbox } = deletion;
  while (!deletion.outcome && inbox.joins.length > 0) await join(deletion, inbox.joins.splice(0));
  for (let act = inbox.acts.shift(); act && !deletion.outcome; act = inbox.acts.shift()) await perform(deletion, act);
  for (const result of inbox.results.splice(0)) {
    if (!deletion.ownRequests.has(result.requestId)) continue;
    if (result.status === 'SUCCESS') deletion.succeededAttempt ??= result.attempt;
    else if (result.attempt === deletion.attempt && deletion.phase === 'sent') {
      deletion.failure = { attempt: result.attempt, code: result.failureCode ?? 'DAG_FAILED' };
    }
  }
}

/** The strongest terms win: a hard request ends a grace period, and any request moves a parked deletion. */
async function join(deletion: Deletion, inputs: readonly DeletionInput[]): Promise<void> {
  const others = inputs.filter(({ requestId }) => !deletion.ownRequests.has(requestId));
  if (others.length === 0) return;
  const answer = await call('join', { ...nextStep(deletion), requestIds: others.map(({ requestId }) => requestId) });
  if (!isOurs(deletion, answer)) {
    deletion.inbox.joins.push(...others);
    return;
  }
  deletion.joined.push(...answer.joined);
  const joined = others.filter(({ requestId }) => answer.joined.includes(requestId));
  if (joined.some(({ graceMs }) => graceMs === 0)) deletion.graceWaived = true;
  const [first] = joined;
  if (first && deletion.phase === 'parked') deletion.moved ??= { cause: `request ${first.requestId} joined` };
}

const OVER = { refused: 'the deletion has ended' };

async function perform(deletion: Deletion, pending: PendingAct): Promise<void> {
  const { name, act, settle } = pending;
  const refusal = refusalOf(name, deletion);
  if (refusal !== undefined) return settle({ refused: refusal });
  switch (name) {
    case 'retry':
      deletion.moved = { cause: act.by === undefined ? 'a person asked for a retry' : `${act.by} asked for a retry`, act };
      return settle({ done: 'another attempt is made now' });
    case 'hold':
      deletion.held = true;
      deletion.holdShown = deletion.phase !== 'sent' && deletion.phase !== 'parked';
      return settle(isOurs(deletion, await call('hold', { ...nextStep(deletion), act })) ? { done: 'on hold before the next trigger' } : OVER);
    case 'release':
      deletion.held = false;
      deletion.holdShown = false;
      return settle(isOurs(deletion, await call('release', { ...nextStep(deletion), act })) ? { done: 'released' } : OVER);
    case 'cancel':
      return cancel(deletion, pending);
  }
}

async function cancel(deletion: Deletion, { act, settle }: PendingAct): Promise<void> {
  const answer = await call('cancel', { ...nextStep(deletion), act });
  if (!isOurs(deletion, answer)) return settle(OVER);
  switch (answer.outcome) {
    case 'cancelled':
      end(deletion, 'CANCELLED');
      return settle({ done: 'cancelled' });
    case 'withdrawn':
      deletion.requestId = answer.requestId;
      deletion.ownRequests.add(answer.requestId);
      deletion.joined.splice(0, Infinity, ...deletion.joined.filter((id) => id !== answer.withdrawn && id !== answer.requestId));
      return settle({ done: `request ${answer.withdrawn} is withdrawn; the deletion goes on for ${answer.requestId}` });
    case 'unknown-request':
      return settle({ refused: `request ${answer.requestId} is not part of this deletion` });
  }
}
