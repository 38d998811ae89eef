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

/** Everything that the inventory knows of one subject. */
export interface SubjectRecord {
  /** Those asked for, then those that the inventory knows the same user by. */
  readonly subjectRefs: readonly string[];
  readonly counts: readonly SubjectCount[];
  readonly tombstone: Tombstone | undefined;
}

/** Reads what is known of a subject. @param subjectRefs one or more of its user's references, the newest first */
export async function readSubject(queryable: Queryable, subjectRefs: readonly string[]): Promise<SubjectRecord> {
  const others = await queryable.rows<{ subjectRef: string }>(
    `SELECT DISTINCT other.subject_ref FROM subject_ids one JOIN subject_ids other USING (user_id)
     WHERE one.subject_ref = ANY($1) AND other.subject_ref <> ALL($1) ORDER BY other.subject_ref`,
    [subjectRefs],
  );
  const all = [...subjectRefs, ...others.map(({ subjectRef }) => subjectRef)];
  const [counts, tombstone] = await Promise.all([subjectCounts(queryable, all), readTombstone(queryable, all)]);
  return { subjectRefs: all, counts, tombstone };
}
