import type { Queryable } from '../database.js';
import { ALL_LIVE, LIVE, type Deletion } from './rows.js';

/** A live row, as the reconciler looks at it. */
export interface LiveRow extends Pick<Deletion, 'requestId' | 'kind' | 'workflowId' | 'claimedRun' | 'input'> {
  /** Where the row is in the walk over all of them. */
  readonly place: string;
}

/**
 * The next live rows of a walk by due date, oldest first, of which nothing was written for `quietMs`.
 * @param after the place of the last row of the page before; the beginning when left out
 * @throws RangeError for a place that is none
 */
export async function liveRowsAfter(queryable: Queryable, { after, quietMs, limit }: { readonly after?: string | undefined; readonly quietMs: number; readonly limit: number }): Promise<LiveRow[]> {
  const [dueAt, requestId] = after === undefined ? ['-infinity', ''] : placeOf(after);
  // As text: JavaScript's dates are too coarse to go on from.
  const rows = await queryable.rows<Omit<LiveRow, 'place'> & { readonly due: string }>(
    `SELECT request_id, kind, workflow_id, claimed_run, input, due_at::text AS due FROM deletions
     WHERE ${ALL_LIVE} AND (due_at, request_id) > ($1::timestamptz, $2) AND updated_at < now() - $3 * interval '1 millisecond'
     ORDER BY due_at, request_id LIMIT $4`,
    [dueAt, requestId, quietMs, limit],
  );
  return rows.map(({ due, ...row }) => ({ ...row, place: `${due}|${row.requestId}` }));
}

function placeOf(after: string): [string, string] {
  const bar = after.indexOf('|');
  if (bar < 1) throw new RangeError(`${after} is no place in the walk over live rows`);
  return [after.slice(0, bar), after.slice(bar + 1)];
}

/** Whether the row is live still, and owned by whom it was when it was read. */
export async function isAsItWas(queryable: Queryable, { requestId, claimedRun }: Pick<LiveRow, 'requestId' | 'claimedRun'>): Promise<boolean> {
  const [row] = await queryable.rows(`SELECT 1 FROM deletions WHERE request_id = $1 AND claimed_run IS NOT DISTINCT FROM $2 AND status IN ${LIVE}`, [requestId, claimedRun]);
  return row !== undefined;
}

/**
 * Writes into the timeline how the row is mended, unless it has ended or changed hands since it was read.
 * @returns whether it was as it was
 */
export async function noteMend(queryable: Queryable, { requestId, claimedRun }: Pick<LiveRow, 'requestId' | 'claimedRun'>, cause: string): Promise<boolean> {
  const [row] = await queryable.rows(
    `INSERT INTO timeline (request_id, what, status, attempt, cause)
     SELECT request_id, 'reconciled', status, attempt, $3 FROM
       (SELECT * FROM deletions WHERE request_id = $1 AND claimed_run IS NOT DISTINCT FROM $2 AND status IN ${LIVE} FOR UPDATE) d
     RETURNING id`,
    [requestId, claimedRun, cause],
  );
  return row !== undefined;
}
