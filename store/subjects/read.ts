import type { SubjectKind } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';

/** How much of a kind is stored about a subject. */
export interface SubjectCount {
  readonly kind: SubjectKind;
  /** What is hidden (softly deleted) is stored, and counted. */
  readonly count: number;
  /** How many of them are hidden. */
  readonly hidden: number;
  /** When the oldest of them was first told of, by the producer's clock. */
  readonly since: Date;
}

/** That a subject was erased. */
export interface Tombstone {
  readonly erasedAt: Date;
  readonly requestId: string;
}

/**
 * Counts what is stored about a subject, by kind; a kind of which there is nothing is left out.
 * @param subjectRefs every reference that the user may be known by
 */
export const subjectCounts = (queryable: Queryable, subjectRefs: readonly string[]): Promise<SubjectCount[]> =>
  queryable.rows<SubjectCount>(
    `SELECT kind, count(*) AS count, count(*) FILTER (WHERE state = 1) AS hidden, min(since_at) AS since
     FROM subject_items WHERE subject_ref = ANY($1) GROUP BY kind ORDER BY kind`,
    [subjectRefs],
  );

/** The latest erasure of a subject, by whichever reference. */
export async function readTombstone(queryable: Queryable, subjectRefs: readonly string[]): Promise<Tombstone | undefined> {
  const [row] = await queryable.rows<Tombstone>('SELECT erased_at, request_id FROM subject_tombstones WHERE subject_ref = ANY($1) ORDER BY erased_at DESC LIMIT 1', [subjectRefs]);
  return row;
}
