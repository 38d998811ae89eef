import { workflowInfo } from '@temporalio/workflow';
import type { DeletionInput, FailureCode } from '../contracts/names/index.js';
import type { Phase } from './deletion.rules.js';
import type { Inbox, PendingAct } from './inbox.js';
import type { Behind, NotOurs, StepCall, TakeOver } from '../activities/answers.js';

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
  /** The step up to which the ledger was carried by tasks that Temporal has forgotten. */
  ledgerAt: number;
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
  /** Someone moved it: a person's retry, or a join. `cameAt`: what `reopened` was then. */
  moved?: { readonly cause: string; readonly cameAt: number; readonly act?: PendingAct['act'] };
  /** How often it was moved again after it had been parked: what came before the latest time has had its attempt. */
  reopened: number;
  graceWaived: boolean;
  /** Whose place this run takes, when that one was lost. */
  readonly takeOver?: TakeOver;
  readonly joined: string[];
  /** The due date, and when the current attempt was sent, by the workflow's clock. */
  dueAtMs: number;
  sentAtMs: number;
  /** It looks again at what it waits for; a run that continues this one must look as well. */
  looksAgain: boolean;
  /** Goes on as a new run when the history has grown long; set by the workflow that runs the deletion. */
  startOverWhenLong: () => Promise<void>;
  outcome?: 'COMPLETED' | 'CANCELLED' | 'not-ours';
}

/** What a run that continues another one cannot learn from the ledger. */
export interface Carried {
  readonly retriesUsed: number;
  readonly cause: string;
  readonly rechecks: number;
  /** Runs of before have none. */
  readonly reopened?: number;
  /** It does not continue a run that gave up, but takes the place of one that was lost. */
  readonly takeOver?: TakeOver;
}

const AT_THE_START: Carried = { retriesUsed: 0, cause: 'the request', rechecks: 0 };

/** What is carried on to the run that continues this one. */
export const carriedBy = ({ retriesUsed, cause, reopened, inbox, looksAgain }: Deletion): Carried => ({
  retriesUsed,
  cause,
  reopened,
  rechecks: inbox.rechecks + (looksAgain ? 1 : 0),
});

/** A deletion before its claim; acts and queries that come in are about it from now on. */
export function newDeletion(input: DeletionInput, inbox: Inbox, carried: Carried = AT_THE_START): Deletion {
  const deletion: Deletion = {
    input,
    inbox,
    requestId: input.requestId,
    ownRequests: new Set([input.requestId]),
    phase: 'starting',
    attempt: 0,
    step: 0,
    ledgerAt: 0,
    retriesUsed: carried.retriesUsed,
    held: false,
    holdShown: false,
    cause: carried.cause,
    // Until the ledger has said how often, whatever comes is about the latest time.
    reopened: carried.reopened ?? Infinity,
    graceWaived: false,
    ...(carried.takeOver && { takeOver: carried.takeOver }),
    joined: [],
    dueAtMs: Infinity,
    sentAtMs: 0,
    looksAgain: false,
    startOverWhenLong: () => Promise.resolve(),
  };
  inbox.rechecks += carried.rechecks;
  inbox.view = () => deletion;
  return deletion;
}

/** Who calls the ledger, and which step it is: counted up by each call. */
export function nextStep(deletion: Deletion): StepCall {
  deletion.step++;
  return { requestId: deletion.requestId, kind: deletion.input.subject.kind, runId: workflowInfo().firstExecutionRunId, step: deletion.step };
}

/** The ledger is elsewhere than this run of the code knows: carried further by a workflow task that Temporal has forgotten, or restored. */
export class LedgerAhead extends Error {}

/**
 * Ends the deletion when the ledger says that it is another's.
 * @returns whether the answer is ours to go on with
 * @throws LedgerAhead
 */
export function isOurs<Answer extends Behind & { outcome: string }>(deletion: Deletion, answer: Answer): answer is Exclude<Answer, NotOurs> {
  if (answer.outcome === 'ledger-ahead') throw new LedgerAhead();
  deletion.ledgerAt = Math.max(deletion.ledgerAt, answer.ledgerAt ?? 0);
  if (answer.outcome !== 'not-ours') return true;
  end(deletion, 'not-ours');
  return false;
}

/**
 * Before it waits, a deletion has to know all that the ledger knows: what it would wait for may have come already.
 * @throws LedgerAhead
 */
export function mustBeUpToDate({ step, ledgerAt, inbox }: Deletion): void {
  if (step < ledgerAt || inbox.reclaim) throw new LedgerAhead();
}

export function end(deletion: Deletion, outcome: NonNullable<Deletion['outcome']>): void {
  deletion.outcome = outcome;
  deletion.phase = 'ended';
}

export const hasSucceeded = (deletion: Deletion): boolean => deletion.succeededAttempt !== undefined;

/** For use after an await: whoever narrowed the outcome before it cannot know. */
export const hasEnded = (deletion: Deletion): boolean => deletion.outcome !== undefined;
