import { DELETION_KINDS, DELETION_STATUSES, isFinal, isParked } from '../../contracts/names/index.js';
import type { DeletionKind, DeletionStatus } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';
import { ALL_LIVE, LIVE, type Deletion } from './rows.js';

/** Which deletions are wanted; what is left out does not matter. */
export interface DeletionFilter {
  readonly statuses?: readonly DeletionStatus[] | undefined;
  readonly kinds?: readonly DeletionKind[] | undefined;
  /** Of any of these tenants: users' deletions are of none. */
  readonly tenantIds?: readonly string[] | undefined;
  readonly serviceType?: string | undefined;
  /** Of all of one user, one subject, one instance (of whatever tenant), one trace. */
  readonly userId?: string | undefined;
  readonly subjectRef?: string | undefined;
  readonly serviceInstanceId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly parked?: boolean | undefined;
  /** Not ended, and past its due date; false: all others. */
  readonly overdue?: boolean | undefined;
  /** Received at or after, and before: ISO 8601 with a zone. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Where a page ends: what the rows are sorted by, in UTC to the microsecond, and the last row's id. */
export interface DeletionPosition {
  readonly order: ListOrder;
  readonly at: string;
  readonly requestId: string;
}

/** `received`: the newest first. `due`: what is overdue the longest first. */
export type ListOrder = 'received' | 'due';

export const orderOf = ({ overdue }: DeletionFilter): ListOrder => (overdue === true ? 'due' : 'received');

/** A row of a list. */
export interface ListedDeletion
  extends Pick<Deletion, 'requestId' | 'kind' | 'workflowId' | 'userId' | 'tenantId' | 'serviceType' | 'serviceInstanceId' | 'emptying' | 'gdprMode' | 'dryRun' | 'status'
    | 'attempt' | 'failureCode' | 'failureMessage' | 'duplicateOf' | 'outcome' | 'airflowRunId' | 'receivedAt' | 'completedAt' | 'durationMs' | 'dueAt'> {
  readonly overdue: boolean;
  /** What it is sorted by, as a position wants it. */
  readonly sortedAt: string;
}

const COLUMNS = ['request_id', 'kind', 'workflow_id', 'user_id', 'tenant_id', 'service_type', 'service_instance_id', 'emptying', 'gdpr_mode', 'dry_run', 'status', 'attempt',
  'failure_code', 'failure_message', 'duplicate_of', 'outcome', 'airflow_run_id', 'received_at', 'completed_at', 'duration_ms', 'due_at'].map((column) => `d.${column}`).join(', ');
/** What few deletions have in common, with its column: the first that is asked for is what the rows are found by. */
const NARROW = [['userId', 'user_id'], ['subjectRef', 'subject_ref'], ['serviceInstanceId', 'service_instance_id'], ['traceId', 'trace_id']] as const satisfies readonly (readonly [keyof DeletionFilter, string])[];
const utc = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const selected = (sortColumn: string): string => `SELECT ${COLUMNS}, status IN ${LIVE} AND d.due_at < now() AS overdue, ${utc(sortColumn)} AS sorted_at`;

/**
 * One page of deletions, `limit` rows at the most, after the position that the page before ended at.
 * Reads no more than `limit` entries of an index for each status and kind, or status and tenant, that is asked for; by a user, a subject, an
 * instance or a trace, those of it.
 */
export async function listDeletions(queryable: Queryable, filter: DeletionFilter, limit: number, after?: DeletionPosition): Promise<ListedDeletion[]> {
  const { sql, params } = pageOf(filter, limit, after);
  return queryable.rows<ListedDeletion>(sql, params);
}

function pageOf(filter: DeletionFilter, limit: number, after: DeletionPosition | undefined): { sql: string; params: readonly unknown[] } {
  const params: unknown[] = [];
  const param = (value: unknown, type: string): string => `$${params.push(value)}::${type}`;
  const statuses = statusesOf(filter);
  const kinds = (): string[] => (filter.kinds ? [`kind = ANY(${param(filter.kinds, 'text[]')})`] : []);
  const tenants = (): string[] => (filter.tenantIds ? [`tenant_id = ANY(${param(filter.tenantIds, 'text[]')})`] : []);
  const serviceType = (): string[] => (filter.serviceType === undefined ? [] : [`service_type = ${param(filter.serviceType, 'text')}`]);
  const conditions: string[] = [];
  if (filter.since !== undefined) conditions.push(`received_at >= ${param(filter.since, 'timestamptz')}`);
  if (filter.until !== undefined) conditions.push(`received_at < ${param(filter.until, 'timestamptz')}`);

  const [rare, ...others] = NARROW.flatMap(([field, column]) => (filter[field] === undefined ? [] : [`${column} = ${param(filter[field], 'text')}`]));
  conditions.push(...others);

  if (orderOf(filter) === 'due') {
    if (rare !== undefined) conditions.push(rare);
    conditions.push(ALL_LIVE, 'due_at < now()', `status = ANY(${param(statuses, 'text[]')})`);
    conditions.push(...kinds(), ...tenants(), ...serviceType());
    if (after) conditions.push(`(due_at, request_id) > (${param(after.at, 'timestamptz')}, ${param(after.requestId, 'text')})`);
    return { sql: `${selected('d.due_at')} FROM deletions d WHERE ${conditions.join(' AND ')} ORDER BY d.due_at, d.request_id LIMIT ${param(limit, 'int')}`, params };
  }

  if (filter.overdue === false) conditions.push(`NOT (status IN ${LIVE} AND due_at < now())`);
  if (after) conditions.push(`(received_at, request_id) < (${param(after.at, 'timestamptz')}, ${param(after.requestId, 'text')})`);
  if (rare !== undefined) {
    conditions.unshift(rare, `status = ANY(${param(statuses, 'text[]')})`);
    conditions.push(...kinds(), ...tenants(), ...serviceType());
    return { sql: `${selected('d.received_at')} FROM deletions d WHERE ${conditions.join(' AND ')} ORDER BY d.received_at DESC, d.request_id DESC LIMIT ${param(limit, 'int')}`, params };
  }
  // The column that the index of this list begins with, and the values of it that are asked for.
  let scope: { column: string; values: readonly string[] };
  if (filter.tenantIds) {
    scope = { column: 'tenant_id', values: filter.tenantIds };
    conditions.push(...serviceType(), ...kinds());
  } else if (filter.serviceType !== undefined) {
    scope = { column: 'service_type', values: [filter.serviceType] };
    conditions.push(...kinds());
  } else {
    scope = { column: 'kind', values: filter.kinds ?? DELETION_KINDS };
  }
  const most = param(limit, 'int');
  return {
    sql: `WITH page AS (
      SELECT found.request_id, found.received_at
      FROM unnest(${param(scope.values, 'text[]')}) AS wanted (value) CROSS JOIN unnest(${param(statuses, 'text[]')}) AS asked (status)
      CROSS JOIN LATERAL (
        SELECT request_id, received_at FROM deletions
        WHERE ${[`${scope.column} = wanted.value`, 'status = asked.status', ...conditions].join(' AND ')}
        ORDER BY received_at DESC, request_id DESC LIMIT ${most}) found
      ORDER BY found.received_at DESC, found.request_id DESC LIMIT ${most})
    ${selected('d.received_at')} FROM page JOIN deletions d USING (request_id) ORDER BY page.received_at DESC, page.request_id DESC`,
    params,
  };
}

function statusesOf({ statuses = DELETION_STATUSES, parked, overdue }: DeletionFilter): readonly DeletionStatus[] {
  return statuses.filter((status) => (parked === undefined || isParked(status) === parked) && (overdue !== true || !isFinal(status)));
}
