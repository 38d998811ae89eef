import type { DeletionKind } from '../../contracts/names/index.js';
import { traceContext, type TraceContext } from '../../contracts/topics/index.js';
import { currentPlace } from '../../platform/tracing/spans.js';
import type { Queryable } from '../database.js';
import type { Deletion, OutboxMessage } from './rows.js';

type Received = Pick<Deletion, 'traceparent' | 'tracestate'>;

/** Where a deletion is now in its trace: at the span that is open, if that is of its trace; else where it was received. */
export function placeNow({ traceparent, tracestate }: Received): TraceContext | undefined {
  const received = traceContext(traceparent, tracestate);
  const open = currentPlace();
  return open && (!received || traceIdOf(open) === traceIdOf(received)) ? open : received;
}

const traceIdOf = ({ traceparent }: TraceContext): string | undefined => traceparent.split('-')[1];

/** A message that is sent from a place in a trace; one that has a place already keeps it. */
export const at = (message: OutboxMessage, place: TraceContext | undefined): OutboxMessage =>
  place === undefined || 'traceparent' in message.headers ? message : { ...message, headers: { ...message.headers, ...place } };

/** What spans of a deletion say of it, and where it was received. */
export interface TracedDeletion {
  readonly place: TraceContext;
  readonly requestId: string;
  readonly kind: DeletionKind;
  readonly subjectRef: string | null;
  readonly lane: string;
}

type TracedRow = Omit<TracedDeletion, 'place'> & { readonly traceparent: string; readonly tracestate: string | null };
const TRACED = `d.request_id, d.kind, d.subject_ref, d.input -> 'policy' ->> 'lane' AS lane, d.traceparent, d.tracestate`;
const tracedOf = ({ traceparent, tracestate, ...row }: TracedRow): TracedDeletion => ({ ...row, place: traceContext(traceparent, tracestate) ?? { traceparent } });

/** Deletions that are traced, by their request ids. */
export async function readTraced(queryable: Queryable, requestIds: readonly string[]): Promise<Map<string, TracedDeletion>> {
  const rows = await queryable.rows<TracedRow>(`SELECT ${TRACED} FROM deletions d WHERE d.request_id = ANY($1) AND d.traceparent IS NOT NULL`, [requestIds]);
  return new Map(rows.map((row) => [row.requestId, tracedOf(row)]));
}

/** Deletions that are traced, by the ids of their jobs. */
export async function readTracedByJob(queryable: Queryable, jobIds: readonly string[]): Promise<Map<string, TracedDeletion>> {
  const rows = await queryable.rows<TracedRow & { readonly jobId: string }>(
    `SELECT a.job_id, ${TRACED} FROM attempts a JOIN deletions d USING (request_id) WHERE a.job_id = ANY($1) AND d.traceparent IS NOT NULL`,
    [jobIds],
  );
  return new Map(rows.map(({ jobId, ...row }) => [jobId, tracedOf(row)]));
}

/** Where a tenant's latest completed deletion was, in its trace. */
export async function readPlaceOfTenant(queryable: Queryable, tenantId: string): Promise<TraceContext | undefined> {
  const [row] = await queryable.rows<{ traceparent: string | null; tracestate: string | null }>(
    'SELECT last_traceparent AS traceparent, last_tracestate AS tracestate FROM tenants WHERE tenant_id = $1',
    [tenantId],
  );
  return row && traceContext(row.traceparent, row.tracestate);
}
