import { isFinal } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';
import { idsIn, type Attempt, type Deletion } from './rows.js';
import { readLinked, readVerification, type Verification } from './verifications.js';

/** A line of the timeline, as written. */
export interface TimelineRow {
  readonly at: Date;
  readonly what: string;
  readonly status: string;
  readonly attempt: number;
  readonly cause: string;
  readonly person: string | null;
  readonly reason: string | null;
}

/** Everything the ledger knows of one request. */
export interface DeletionRecord {
  readonly deletion: Deletion;
  readonly attempts: readonly Attempt[];
  readonly timeline: readonly TimelineRow[];
  /** The requests that joined this one. */
  readonly joined: readonly string[];
  /** What is left of a user after the completion; undefined before it, and for other kinds. */
  readonly verification: Verification | undefined;
  /** The deletion that followed, because something was left. */
  readonly again: string | null;
}

/** Reads one request with its attempts and its whole timeline. */
export async function readDeletion(queryable: Queryable, requestId: string): Promise<DeletionRecord | undefined> {
  const [deletion] = await queryable.rows<Deletion>('SELECT * FROM deletions WHERE request_id = $1', [requestId]);
  if (!deletion) return undefined;
  const [attempts, timeline, joined, verification, again] = await Promise.all([
    queryable.rows<Attempt>('SELECT * FROM attempts WHERE request_id = $1 ORDER BY attempt', [requestId]),
    queryable.rows<TimelineRow>('SELECT * FROM timeline WHERE request_id = $1 ORDER BY id', [requestId]),
    queryable.rows<{ requestId: string }>('SELECT request_id FROM deletions WHERE duplicate_of = $1 ORDER BY received_at', [requestId]),
    readVerification(queryable, requestId),
    readLinked(queryable, requestId),
  ]);
  return { deletion, attempts, timeline, joined: joined.map((row) => row.requestId), verification, again };
}

/** Whose data a user's request is about, and when its deletion was completed; undefined for a request of another kind. */
export async function readUserOf(queryable: Queryable, requestId: string): Promise<{ readonly userId: string; readonly completedAt: Date | null } | undefined> {
  const [row] = await queryable.rows<{ userId: string | null; completedAt: Date | null }>('SELECT user_id, completed_at FROM deletions WHERE request_id = $1', [requestId]);
  return row && row.userId !== null ? { userId: row.userId, completedAt: row.completedAt } : undefined;
}

/** Whether a job may still erase. */
export interface JobStanding {
  readonly jobId: string;
  readonly requestId: string;
  readonly attempt: number;
  readonly stands: boolean;
  readonly reason: string;
  readonly lane: string;
  readonly result: 'SUCCESS' | 'FAILURE' | null;
  /** null for a user's. */
  readonly tenantId: string | null;
}

/** The fence: tells whether jobs still stand. @returns by job id; none for a job that the ledger never sent */
export async function readJobs(queryable: Queryable, jobIds: readonly string[]): Promise<Map<string, JobStanding>> {
  const rows = await queryable.rows<StandingRow>(`SELECT ${STANDING} FROM attempts a JOIN deletions d USING (request_id) WHERE a.job_id = ANY ${idsIn('$1')}`, [jobIds]);
  return new Map(rows.map((row) => [row.jobId, standingOf(row)]));
}

/** The same for one; undefined for a job that the ledger never sent. */
export const readJob = async (queryable: Queryable, jobId: string): Promise<JobStanding | undefined> => (await readJobs(queryable, [jobId])).get(jobId);

/** What a job's standing is read from, of an attempt `a` and its deletion `d`. */
export const STANDING = 'a.job_id, request_id, a.attempt, a.lane, a.result, a.revoked_at, a.revoked_why, d.status, d.tenant_id';

export type StandingRow = Pick<Attempt, 'jobId' | 'requestId' | 'attempt' | 'lane' | 'result' | 'revokedAt' | 'revokedWhy'> & Pick<Deletion, 'status' | 'tenantId'>;

export function standingOf({ jobId, requestId, attempt, lane, result, revokedAt, revokedWhy, status, tenantId }: StandingRow): JobStanding {
  const reason = revokedAt ? `revoked: ${revokedWhy ?? 'no reason kept'}` : isFinal(status) ? `the deletion is ${status}` : 'current';
  return { jobId, requestId, attempt, stands: revokedAt === null && !isFinal(status), reason, lane, result, tenantId };
}
