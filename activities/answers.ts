import type { DeletionInput, DeletionStatus, FailureCode, ParkedStatus, PersonAct, ReconcileReport, SubjectCounts, Verdict } from '../contracts/names/index.js';
import type { Behind, NotOurs, StepCall } from '../store/ledger/step.js';

/** Who asks, and which step of a deletion's workflow it is; and the answer to whoever must not go on. */
export type { Behind, NotOurs, StepCall };

/** A run whose place another takes. */
export interface TakeOver {
  /** The first run of the chain that is lost: what the ledger row must still be claimed by. */
  readonly run: string;
  /** Why it is taken for lost, in words. */
  readonly why: string;
}

export interface ClaimCall extends StepCall {
  /** Why the first attempt is to be sent in the same breath, in words; it is not when anything stands against it. */
  readonly sendFor?: string;
  /** The run that was lost, when this one takes its place. */
  readonly takeOver?: TakeOver;
}
export interface Claimed {
  readonly outcome: 'claimed';
  /** What the deletion goes on under: another request than asked for when that was withdrawn. */
  readonly requestId: string;
  readonly status: DeletionStatus;
  readonly attempt: number;
  /** The last step that was committed: where the counting goes on. */
  readonly step: number;
  readonly graceLeftMs: number;
  /** Since the current attempt was sent; 0 before the first. */
  readonly sentMsAgo: number;
  readonly held: boolean;
  readonly joined: readonly string[];
  /** Until the due date, by the database's clock; negative when it is past. */
  readonly dueInMs: number;
  /** An attempt whose SUCCESS the ledger has, but which no run has acted on. */
  readonly succeededAttempt: number | null;
  /** Why it is parked, when it is. */
  readonly failureCode: FailureCode | null;
  /** Automatic retries since someone last moved it. Histories of before have none. */
  readonly retriesUsed?: number;
  /** Why the next attempt is made, when the ledger knows. */
  readonly cause?: string | null;
  /** How often it was moved again after it had been parked. Histories of before have none. */
  readonly reopened?: number;
}
/** This very chain of runs has ended it. */
export interface HasEnded {
  readonly outcome: 'ended';
  readonly status: 'COMPLETED' | 'CANCELLED';
  /** The last attempt; 0 when there was none. Histories of before have none. */
  readonly attempt?: number;
  /** Requests of the same subject that nobody has taken up: a completion may have set them free. Histories of before have none. */
  readonly leftOver?: readonly DeletionInput[];
}
export type ClaimAnswer = Claimed | HasEnded | NotOurs;

export interface TriggerCall extends StepCall {
  /** Why this attempt is made, in words. */
  readonly cause: string;
}
export type TriggerAnswer =
  | { readonly outcome: 'sent'; readonly attempt: number }
  /** What depends on the service is itself being deleted. */
  | { readonly outcome: 'waiting'; readonly dependants: readonly string[] }
  | { readonly outcome: 'blocked'; readonly dependants: readonly string[] }
  /** Nobody knows at present what depends on it, or what exists of the user. */
  | { readonly outcome: 'stale-inventory' }
  | { readonly outcome: 'provisioned-anew' }
  /** Tenant only: it has services again, and its clean-up was cancelled in this step. */
  | { readonly outcome: 'refilled' }
  | NotOurs;

/** Tenant only: whether it still has no services; refilled: it has, and its clean-up was cancelled in this step. */
export type ConfirmAnswer = { readonly outcome: 'empty' | 'refilled' } | NotOurs;

export interface CompleteCall extends StepCall {
  readonly attempt: number;
  /** Users only: what the row has too, said so that nobody has to read it first. */
  readonly subjectRef?: string;
}
export type CompleteAnswer =
  | {
      readonly outcome: 'completed';
      readonly durationMs: number;
      /** Requests that had joined, but asked for an incarnation of the service that is there still. */
      readonly leftOver: readonly DeletionInput[];
    }
  | NotOurs;

export interface FailedAttemptCall extends StepCall {
  readonly attempt: number;
  readonly failureCode: FailureCode;
  /** Until the next automatic attempt. */
  readonly retryInMs: number;
}
export type NotedAnswer = { readonly outcome: 'noted' } | NotOurs;

export interface ParkCall extends StepCall {
  readonly status: ParkedStatus;
  readonly failureCode: FailureCode;
  readonly blockedBy: readonly string[];
}
export type ParkAnswer = { readonly outcome: 'parked'; readonly dueInMs: number } | NotOurs;

export interface RemindCall extends StepCall {
  readonly what: 'still-parked' | 'due-soon' | 'overdue';
}
export type RemindAnswer = { readonly outcome: 'reminded' } | NotOurs;

export interface JoinCall extends StepCall {
  readonly requestIds: readonly string[];
}
export type JoinAnswer = { readonly outcome: 'joined'; readonly joined: readonly string[] } | NotOurs;

export interface ActCall extends StepCall {
  readonly act: PersonAct;
}
export interface ReopenCall extends StepCall {
  /** A person's retry; undefined when something else moved the deletion. */
  readonly act?: PersonAct;
  readonly cause: string;
}
export type CancelAnswer =
  | { readonly outcome: 'cancelled' }
  /** One request of several was withdrawn; the deletion goes on, under `requestId`. */
  | { readonly outcome: 'withdrawn'; readonly requestId: string; readonly withdrawn: string }
  | { readonly outcome: 'unknown-request'; readonly requestId: string }
  /** Too late: the ledger has a SUCCESS of this attempt, of which the workflow has not heard yet. */
  | { readonly outcome: 'succeeded'; readonly attempt: number }
  | NotOurs;

/** What is to be done for a tenant now. */
export type TenantAnswer =
  | { readonly outcome: 'nothing'; readonly why: string }
  | { readonly outcome: 'clean-up'; readonly input: DeletionInput };

export interface EraseCall {
  readonly tenantId: string;
  readonly act: PersonAct;
}
export type EraseAnswer = { readonly outcome: 'clean-up'; readonly input: DeletionInput } | { readonly outcome: 'refused'; readonly why: string };

export interface VerifyCall {
  /** The completed request. */
  readonly requestId: string;
}
export type VerifyAnswer =
  | { readonly outcome: 'stated'; readonly verdict: Verdict; readonly residual: SubjectCounts; /** The request of the deletion that follows. */ readonly again: string | null }
  /** Something is left that may still go. */
  | { readonly outcome: 'left'; readonly left: SubjectCounts; readonly deadlineInMs: number }
  /** Whoever must be asked cannot be asked now. */
  | { readonly outcome: 'unknown'; readonly deadlineInMs: number }
  /** The request has no verification. */
  | { readonly outcome: 'none' };

/** Every activity, by the name that workflows call it. All of them only write to PostgreSQL, at most once per step. */
export interface Activities {
  claim(call: ClaimCall): Promise<ClaimAnswer>;
  trigger(call: TriggerCall): Promise<TriggerAnswer>;
  confirmEmpty(call: StepCall): Promise<ConfirmAnswer>;
  complete(call: CompleteCall): Promise<CompleteAnswer>;
  noteFailedAttempt(call: FailedAttemptCall): Promise<NotedAnswer>;
  park(call: ParkCall): Promise<ParkAnswer>;
  remind(call: RemindCall): Promise<RemindAnswer>;
  join(call: JoinCall): Promise<JoinAnswer>;
  reopen(call: ReopenCall): Promise<NotedAnswer>;
  hold(call: ActCall): Promise<NotedAnswer>;
  showHold(call: StepCall): Promise<NotedAnswer>;
  release(call: ActCall): Promise<NotedAnswer>;
  cancel(call: ActCall): Promise<CancelAnswer>;
  decideEmptying(tenantId: string): Promise<TenantAnswer>;
  requestErasure(call: EraseCall): Promise<EraseAnswer>;
  verify(call: VerifyCall): Promise<VerifyAnswer>;
}

export interface ReconcileCall {
  /** The place after which the page begins; the beginning when left out. */
  readonly after?: string;
  /** Every workflow that runs is to ask the ledger anew. */
  readonly reclaim: boolean;
}
export interface ReconciledPage {
  readonly report: ReconcileReport;
  /** Where the next page begins; none when this was the last. */
  readonly next?: string;
}

/** What the reconciler's workflow calls; normal activities, because they ask Temporal. */
export interface ReconcileActivities {
  reconcilePage(call: ReconcileCall): Promise<ReconciledPage>;
}
