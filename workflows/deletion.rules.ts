import type { DeletionPolicy } from '../contracts/names/index.js';

/** What a deletion's workflow is doing. */
export type Phase = 'starting' | 'grace' | 'held' | 'pending' | 'sent' | 'backoff' | 'parked' | 'ended';

/** What the rules look at. */
export interface DeletionView {
  readonly requestId: string;
  readonly phase: Phase;
  readonly attempt: number;
  readonly held: boolean;
}

/** What a person can ask of a deletion. */
export type ActName = 'retry' | 'cancel' | 'hold' | 'release';

/** Why an act cannot be done now, in words for the person who asked; undefined when it can. */
export function refusalOf(act: ActName, { phase, attempt, held }: DeletionView): string | undefined {
  const state = `the deletion is ${DESCRIPTIONS[phase]}${attempt > 0 ? ` (attempt ${attempt})` : ''}`;
  if (phase === 'ended') return 'the deletion has ended';
  // The ledger was not asked yet where the deletion is: the act waits for that.
  if (phase === 'starting') return undefined;
  switch (act) {
    case 'retry':
      return phase === 'parked' || phase === 'backoff' ? undefined : `not parked: ${state}`;
    case 'cancel':
      return phase === 'sent' ? `too late to cancel: ${state}; it can be cancelled when this attempt is over` : undefined;
    case 'hold':
      return held ? 'on hold already' : undefined;
    case 'release':
      return held ? undefined : `not on hold: ${state}`;
  }
}

const DESCRIPTIONS: Record<Phase, string> = {
  starting: 'starting',
  grace: 'in its grace period',
  held: 'on hold',
  pending: 'about to be sent',
  sent: 'with Airflow',
  backoff: 'waiting for its next attempt',
  parked: 'parked',
  ended: 'over',
};

/** What an attempt that brought no success leads to. */
export type AfterFailure = { readonly move: 'retry'; readonly inMs: number } | { readonly move: 'park' };

/** Automatic retries by policy, with exponential backoff; then parked. No retry mends a missing eraser, so it is parked at once. */
export function afterFailedAttempt(
  policy: Pick<DeletionPolicy, 'autoRetries' | 'retryBackoffMs' | 'maxRetryBackoffMs'>,
  retriesUsed: number,
  failureCode: string,
): AfterFailure {
  if (HOPELESS.has(failureCode) || retriesUsed >= policy.autoRetries) return { move: 'park' };
  return { move: 'retry', inMs: Math.min(policy.retryBackoffMs * 2 ** retriesUsed, policy.maxRetryBackoffMs) };
}

const HOPELESS: ReadonlySet<string> = new Set(['NO_ERASER', 'CONF_REFUSED', 'RUN_MISMATCH']);

/** How long before the due date people are told that it comes near. */
export const DUE_SOON_MS = 3 * 24 * 3_600_000;

export interface Reminder {
  readonly inMs: number;
  readonly what: 'still-parked' | 'due-soon' | 'overdue';
}

/**
 * When a parked deletion is told of again: every parking window, and around its due date (GDPR 12(3)).
 * @param dueInMs until the due date; negative when it is past
 */
export function nextReminder(parkingWindowMs: number, dueInMs: number): Reminder {
  const reminders: Reminder[] = [
    { inMs: dueInMs - DUE_SOON_MS, what: 'due-soon' },
    { inMs: dueInMs, what: 'overdue' },
    { inMs: parkingWindowMs, what: 'still-parked' },
  ];
  return reminders.filter(({ inMs }) => inMs > 0).reduce((first, other) => (other.inMs < first.inMs ? other : first));
}

/** How long to wait before looking again at what a deletion waits for; a signal cuts it short. */
export function waitBeforeLookingAgainMs(reason: 'waiting' | 'stale-inventory', looks: number): number {
  return reason === 'stale-inventory' ? Math.min(1_000 * 2 ** looks, 30_000) : Math.min(30_000 * 2 ** looks, 3_600_000);
}

/** A block is looked at twice before anyone is told: the dependants' own deletion may have been asked for in the same breath. */
export const SECOND_LOOK_MS = 2_000;
