import type { Queryable } from '../database.js';

/** That a user was deleted, as the service that keeps the users tells it. */
export interface ToldDeletion {
  readonly requestId: string;
  /** Every reference that the user may be known by. */
  readonly subjectRefs: readonly string[];
  /** By that service's clock. */
  readonly deletedAt: Date;
}

/**
 * Whether an erasure of the same user was completed after a deletion that is told of only now: then nothing is left to be
 * erased, and it is noted in the timeline of that erasure, once. Often it is the erasure itself that is told of.
 * @returns the request that the erasure was for; undefined when the deletion has to be carried out
 */
export async function noteEcho(queryable: Queryable, { requestId, subjectRefs, deletedAt }: ToldDeletion): Promise<string | undefined> {
  const [erased] = await queryable.rows<{ requestId: string }>(
    `WITH erased AS (
       SELECT t.request_id FROM subject_tombstones t
       WHERE t.subject_ref = ANY($2) AND t.erased_at >= $3 AND NOT EXISTS (SELECT FROM deletions WHERE request_id = $1)
       ORDER BY t.erased_at DESC LIMIT 1),
     noted AS (
       INSERT INTO timeline (request_id, what, status, attempt, cause)
       SELECT d.request_id, 'told of', d.status, d.attempt, $4 FROM erased JOIN deletions d USING (request_id)
       WHERE NOT EXISTS (SELECT FROM timeline line WHERE line.request_id = d.request_id AND line.what = 'told of' AND line.cause = $4))
     SELECT request_id FROM erased`,
    [requestId, subjectRefs, deletedAt, `event ${requestId}: the user was deleted at ${deletedAt.toISOString()}, before this erasure was completed`],
  );
  return erased?.requestId;
}
