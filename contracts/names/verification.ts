import type { SubjectKind } from './subject-kinds.js';

/** How much of each kind; a kind that is left out was not counted. */
export type SubjectCounts = Readonly<Partial<Record<SubjectKind, number>>>;

/** Counts in words: `2 post, 1 message`. */
export function countsInWords(counts: SubjectCounts): string {
  const some = Object.entries(counts).filter(([, n]) => n > 0);
  return some.length === 0 ? 'nothing' : some.map(([kind, n]) => `${n} ${kind}`).join(', ');
}

/**
 * What is stated of a completed deletion. CLEAN: nothing is left of what was known to exist. RESIDUAL: something is.
 * UNVERIFIABLE: of something nobody can tell. NOTHING_KNOWN: the index had never heard of the user, so there was nothing to verify.
 */
export const VERDICTS = ['CLEAN', 'RESIDUAL', 'UNVERIFIABLE', 'NOTHING_KNOWN'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The input of a verification's workflow: the ledger has the rest. */
export interface VerificationInput {
  readonly requestId: string;
  /** Where it runs. */
  readonly lane: string;
}

/** The workflow that verifies one completed deletion. */
export const verificationWorkflowId = (requestId: string): string => `verification/${requestId}`;

/** How what is left of a user is looked for after a completed deletion. */
export interface VerificationPolicy {
  /** From the completion to the statement of what is left. */
  readonly deadlineMs: number;
  /** What a residual leads to, besides its alert. */
  readonly onResidual: 'alert' | 'delete-again';
  /** How many linked deletions one request may lead to, one after another. */
  readonly deleteAgainAtMost: number;
}

/** Holds for deletions that began before there were verifications. */
export const DEFAULT_VERIFICATION: VerificationPolicy = { deadlineMs: 24 * 3_600_000, onResidual: 'alert', deleteAgainAtMost: 1 };
