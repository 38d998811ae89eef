import type { SubjectKind, Verdict } from '../../contracts/names/index.js';
import type { Queryable } from '../database.js';
import { ALL_LIVE } from './rows.js';

/** What the metrics tell of the ledger as it stands. Dry runs count for nothing. */
export interface LedgerStats {
  readonly inFlight: readonly { readonly kind: string; readonly status: string; readonly count: number }[];
  readonly parked: readonly { readonly kind: string; readonly code: string; readonly count: number }[];
  readonly overdue: number;
  readonly dueSoon: number;
  /** How long deletions have waited for Airflow while none has ended; 0 when none waits. */
  readonly noProgressSeconds: number;
  /** Tenants of which services were deleted that the inventory has never heard of. */
  readonly tenantsUnknown: number;
  /** Statements of the last day that somebody has to look at, by verdict. */
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  /** Erased subjects of whom something was told in the last day that exists since their erasure, by kind. */
  readonly resurrected: Readonly<Partial<Record<SubjectKind, number>>>;
}

/** What happened this long ago is watched no more. */
const RECENT_MS = 86_400_000;
/** More than these are not counted: "many" is the same alert. */
const MOST_COUNTED = 10_000;

interface LiveGroup {
  readonly kind: string;
  readonly status: string;
  readonly code: string | null;
  readonly count: number;
  readonly overdue: number;
  readonly dueSoon: number;
  readonly waitsSeconds: number | null;
}
interface Others extends Pick<LedgerStats, 'tenantsUnknown' | 'verdicts' | 'resurrected'> {
  readonly endedSecondsAgo: number | null;
}

/** Counts live deletions and what is to be looked at, from indexes alone; `dueSoonMs` is how far ahead "soon" looks. */
export async function readStats(queryable: Queryable, dueSoonMs: number): Promise<LedgerStats> {
  const [live, [others]] = await Promise.all([
    queryable.rows<LiveGroup>(
      `SELECT kind, status, CASE WHEN status IN ('FAILED', 'TIMEOUT') THEN failure_code END AS code, count(*)::int AS count,
         (count(*) FILTER (WHERE due_at < now()))::int AS overdue,
         (count(*) FILTER (WHERE due_at >= now() AND due_at < now() + $1 * interval '1 millisecond'))::int AS due_soon,
         extract(epoch FROM now() - min(sent_at) FILTER (WHERE status = 'SENT_TO_AIRFLOW'))::float8 AS waits_seconds
       FROM deletions WHERE ${ALL_LIVE} AND NOT dry_run
       GROUP BY 1, 2, 3`,
      [dueSoonMs],
    ),
    queryable.rows<Others>(
      `SELECT extract(epoch FROM now() - (SELECT max(completed_at) FROM deletions))::float8 AS ended_seconds_ago,
         (SELECT count(*)::int FROM (SELECT FROM tenants WHERE status = 'UNKNOWN' AND gdpr_deletions + other_deletions > 0 LIMIT $2) t) AS tenants_unknown,
         (SELECT coalesce(jsonb_object_agg(verdict, n), '{}') FROM (SELECT verdict, count(*) AS n FROM (
            SELECT verdict FROM verifications WHERE verdict IN ('RESIDUAL', 'UNVERIFIABLE') AND stated_at > now() - $1 * interval '1 millisecond' LIMIT $2) v
          GROUP BY verdict) by_verdict) AS verdicts,
         (SELECT coalesce(jsonb_object_agg(kind, n), '{}') FROM (SELECT kind, count(*) AS n FROM (
            SELECT r.kind FROM subject_resurrections r WHERE r.noted_at > now() - $1 * interval '1 millisecond'
              AND NOT EXISTS (SELECT FROM subject_tombstones t WHERE t.subject_ref = r.subject_ref AND t.erased_at >= r.last_at) LIMIT $2) r
          GROUP BY kind) by_kind) AS resurrected`,
      [RECENT_MS, MOST_COUNTED],
    ),
  ]);
  const total = (field: 'overdue' | 'dueSoon'): number => live.reduce((sum, row) => sum + row[field], 0);
  const waits = Math.max(0, ...live.map(({ waitsSeconds }) => waitsSeconds ?? 0));
  return {
    inFlight: sumBy(live, ({ kind, status }) => ({ kind, status })),
    parked: sumBy(live.filter(({ status }) => status === 'FAILED' || status === 'TIMEOUT'), ({ kind, code }) => ({ kind, code: code ?? 'UNKNOWN' })),
    overdue: total('overdue'),
    dueSoon: total('dueSoon'),
    noProgressSeconds: Math.min(waits, others?.endedSecondsAgo ?? Infinity),
    tenantsUnknown: others?.tenantsUnknown ?? 0,
    verdicts: others?.verdicts ?? {},
    resurrected: others?.resurrected ?? {},
  };
}

/** Adds up rows that have the same labels. */
function sumBy<Labels extends Readonly<Record<string, string>>>(rows: readonly LiveGroup[], labelsOf: (row: LiveGroup) => Labels): (Labels & { readonly count: number })[] {
  const sums = new Map<string, Labels & { readonly count: number }>();
  for (const row of rows) {
    const labels = labelsOf(row);
    const name = Object.values(labels).join('/');
    sums.set(name, { ...labels, count: (sums.get(name)?.count ?? 0) + row.count });
  }
  return [...sums.values()];
}
