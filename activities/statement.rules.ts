import { countsInWords, SUBJECT_KINDS, type SubjectCounts, type SubjectKind } from '../contracts/names/index.js';
import type { Statement } from '../store/ledger/verifications.js';

/** What is known when a completed deletion is looked at. */
export interface Findings {
  /** What existed at the completion, and exists still as far as the inventory knows. */
  readonly left: SubjectCounts;
  /** Kinds that the inventory sees go. */
  readonly seesGo: ReadonlySet<SubjectKind>;
  /** Airflow's own counts; one that bears a kind's name tells how much of it was erased. */
  readonly erased: Readonly<Record<string, number>> | null;
}

/**
 * What can be stated of a completed deletion. A kind that the inventory does not see go is compared with what Airflow
 * counted; where Airflow did not count it, nobody can tell whether it is left.
 */
export function statementOf({ left, seesGo, erased }: Findings): Statement {
  const residual: Partial<Record<SubjectKind, number>> = {};
  const unverifiable: Partial<Record<SubjectKind, number>> = {};
  for (const kind of SUBJECT_KINDS) {
    const known = left[kind] ?? 0;
    const counted = erased && Object.hasOwn(erased, kind) ? erased[kind] : undefined;
    if (seesGo.has(kind)) add(residual, kind, known);
    else if (counted !== undefined) add(residual, kind, known - counted);
    else add(unverifiable, kind, known);
  }
  return { residual, unverifiable, verdict: someOf(residual) ? 'RESIDUAL' : someOf(unverifiable) ? 'UNVERIFIABLE' : 'CLEAN' };
}

function add(counts: Partial<Record<SubjectKind, number>>, kind: SubjectKind, n: number): void {
  if (n > 0) counts[kind] = n;
}

const someOf = (counts: SubjectCounts): boolean => Object.keys(counts).length > 0;

/** What may still go by itself: there is something to wait for until the deadline. */
export const mayStillGo = ({ left, seesGo }: Pick<Findings, 'left' | 'seesGo'>): boolean => [...seesGo].some((kind) => (left[kind] ?? 0) > 0);

/** Whether nothing of the kinds counted exists. */
export const isNothing = (counts: SubjectCounts): boolean => Object.values(counts).every((n) => n === 0);

/** A statement in words, for the timeline. */
export function statementInWords({ residual, unverifiable, verdict }: Statement): string {
  if (verdict === 'CLEAN') return 'nothing is left of what was known to exist';
  const parts = [
    ...(someOf(residual) ? [`left: ${countsInWords(residual)}`] : []),
    ...(someOf(unverifiable) ? [`no event tells whether this is gone: ${countsInWords(unverifiable)}`] : []),
  ];
  return parts.join('; ');
}
