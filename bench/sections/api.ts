import { createHash } from 'node:crypto';
import type { DeletionFilter } from '../../store/ledger/list.js';
import { listDeletions } from '../../store/ledger/list.js';
import { listServices, listTenants } from '../../store/inventory/list.js';
import type { Queryable } from '../../store/database.js';
import { startContestant } from '../contestants.js';
import { latenciesOf, type Latencies } from '../measure/statistics.rules.js';
import { shown, type SectionReport } from '../report/report.js';
import type { Rig } from '../rig.js';
import { addPastDeletions, SERVICES_TO_A_PAST_TENANT } from '../scale/past-deletions.js';
import { openSomePast } from '../scale/open-past.js';

export interface ApiOptions {
  /** Deletions in the ledger, in hundreds of thousands. */
  readonly rows: number;
  readonly calls: number;
  readonly env: Readonly<Record<string, string>>;
}

const GOAL_P99_MS = 20;
const WARM_UP = 100;
/** As many as a console with some people before it has under way. */
const AT_ONCE = 2;
const REQUESTS_PER_MINUTE = '100000000';

/** One question, asked again and again with other values. */
interface Question {
  readonly name: string;
  readonly path: (n: number) => string;
  /** The statement behind it, where the plan is to be shown. */
  readonly read?: (queryable: Queryable) => Promise<unknown>;
}

interface Answered {
  readonly name: string;
  readonly latencies: Latencies;
  /** What PostgreSQL itself took for the list's statement, in ms. */
  readonly databaseMs: number | undefined;
  readonly plan: string;
  readonly wholeTables: readonly string[];
}

/** How long the API takes to answer over a ledger as years of work leave it, and how PostgreSQL finds the rows. */
export async function runApi(rig: Rig, options: ApiOptions): Promise<SectionReport> {
  const [known] = await rig.ledger.rows<{ present: boolean }>(`SELECT EXISTS (SELECT FROM deletions WHERE request_id = 'past-0') AS present`);
  if (!known?.present) {
    rig.say(`api: writing ${options.rows} deletions`);
    await addPastDeletions(rig.ledger, options.rows, (done) => {
      rig.say(`  ${done}`);
    });
  }
  await openSomePast(rig.ledger);
  const api = await startContestant(rig, 'expunge', { split: 'apart', roles: ['api'], env: { ...options.env, API_RATE_LIMIT: REQUESTS_PER_MINUTE } });
  const found: Answered[] = [];
  try {
    const questions = await questionsOver(options.rows, (path) => ask(rig, path));
    for (const question of questions) {
      for (let n = 0; n < WARM_UP; n++) await ask(rig, question.path(n));
      const latencies = latenciesOf(await timed(options.calls, (n) => ask(rig, question.path(WARM_UP + n))));
      const { databaseMs, plan, wholeTables } = question.read ? await planOf(rig.ledger, question.read) : { databaseMs: undefined, plan: '', wholeTables: [] };
      rig.say(`  ${question.name}: p50 ${shown(latencies.p50)} ms, p99 ${shown(latencies.p99)} ms`);
      found.push({ name: question.name, latencies, databaseMs, plan, wholeTables });
    }
  } finally {
    await api.stop();
  }
  return report(found, options);
}

/** Well spread and the same in each run. */
const spread = (n: number, below: number): number => (n * 7_919) % below;

/** As the rows of the past have it. */
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

async function questionsOver(rows: number, page: (path: string) => Promise<unknown>): Promise<Question[]> {
  const tenants = Math.floor(rows / (2 * SERVICES_TO_A_PAST_TENANT));
  const tenant = (n: number): string => `past-tenant-${spread(n, tenants)}`;
  const month = (n: number): string => new Date(Date.now() - spread(n, 300) * 86_400_000).toISOString();
  const list = (name: string, query: (n: number) => string, filter: DeletionFilter): Question =>
    ({ name: `list, ${name}`, path: (n) => `/api/v1/deletions?limit=50${query(n)}`, read: (queryable) => listDeletions(queryable, filter, 51) });
  const { next } = (await page('/api/v1/deletions?limit=200&kind=user')) as { next: string };
  return [
    { name: 'one deletion', path: (n) => `/api/v1/deletions/past-${spread(n, rows)}` },
    { name: 'one job (the fence)', path: (n) => `/api/v1/jobs/del_req_past-${2 * spread(n, Math.floor(rows / 20)) * 10}` },
    list('no filter', () => '', {}),
    { name: 'list, a later page', path: () => `/api/v1/deletions?limit=50&kind=user&cursor=${next}` },
    ...(['PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT', 'COMPLETED', 'CANCELLED', 'DUPLICATE'] as const).map((status) => list(`status ${status}`, () => `&status=${status}`, { statuses: [status] })),
    ...(['user', 'service', 'tenant'] as const).map((kind) => list(`kind ${kind}`, () => `&kind=${kind}`, { kinds: [kind] })),
    list('tenant', (n) => `&tenantId=${tenant(n)}`, { tenantIds: ['past-tenant-7'] }),
    list('tenant and status', (n) => `&tenantId=${tenant(n)}&status=COMPLETED`, { tenantIds: ['past-tenant-7'], statuses: ['COMPLETED'] }),
    list('service type', () => '&serviceType=cloud-storage', { serviceType: 'cloud-storage' }),
    list('service type nobody has', () => '&serviceType=nobody-has', { serviceType: 'nobody-has' }),
    list('user', (n) => `&userId=past-user-${2 * spread(n, Math.floor(rows / 2))}`, { userId: 'past-user-8' }),
    list('subject', (n) => `&subjectRef=v1.${md5(String(2 * spread(n, Math.floor(rows / 2))))}`, { subjectRef: `v1.${md5('8')}` }),
    list('service instance', (n) => `&serviceInstanceId=service-${2 * spread(n, Math.floor(rows / 2)) + 1}`, { serviceInstanceId: 'service-9' }),
    list('trace', (n) => `&traceId=${md5(`trace${spread(n, rows)}`)}`, { traceId: md5('trace7') }),
    list('parked', () => '&parked=true', { parked: true }),
    list('overdue', () => '&overdue=true', { overdue: true }),
    list('overdue of a tenant', (n) => `&overdue=true&tenantId=${tenant(n)}`, { overdue: true, tenantIds: ['past-tenant-7'] }),
    list('received until', (n) => `&until=${month(n)}`, { until: month(100) }),
    list('received since and until', (n) => `&since=${month(n + 1)}&until=${month(n)}`, { since: month(200), until: month(100) }),
    { name: 'tenants', path: (n) => `/api/v1/tenants?limit=50&status=EMPTY&cursor=${Buffer.from(JSON.stringify(['id', tenant(n)])).toString('base64url')}`, read: (queryable) => listTenants(queryable, { statuses: ['EMPTY'] }, 51, 'past-tenant-7') },
    { name: 'services of a tenant', path: (n) => `/api/v1/tenants/${tenant(n)}/services`, read: (queryable) => listServices(queryable, 'past-tenant-7', undefined, 51) },
  ];
}

async function ask({ env }: Rig, path: string): Promise<unknown> {
  const response = await fetch(`${env['EXPUNGE_API_URL'] ?? ''}${path}`, { headers: { authorization: `Bearer ${env['EXPUNGE_API_TOKEN'] ?? ''}` } });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${JSON.stringify(body)}`);
  return body;
}

async function timed(calls: number, call: (n: number) => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) {
      const n = next++;
      const startedAt = performance.now();
      await call(n);
      tookMs.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return tookMs;
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** The plan of the only statement that `read` makes, as PostgreSQL carried it out: generic, as a prepared statement that is used again has it. */
async function planOf(ledger: Queryable & Pick<Rig['ledger'], 'transaction'>, read: (queryable: Queryable) => Promise<unknown>): Promise<{ databaseMs: number; plan: string; wholeTables: string[] }> {
  let statement: { sql: string; params: readonly unknown[] } | undefined;
  await read({ rows: (sql, params = []) => { statement = { sql, params }; return Promise.resolve([]); }, script: () => Promise.resolve() });
  if (!statement) throw new Error('nothing was asked of the ledger');
  const { sql, params } = statement;
  const [row] = await ledger.transaction(async (tx) => {
    await tx.rows('SET LOCAL plan_cache_mode = force_generic_plan');
    return tx.rows<Record<string, [{ readonly Plan: Plan; readonly 'Execution Time': number }]>>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`, params);
  });
  const explained = row && Object.values(row)[0]?.[0];
  if (!explained) throw new Error('no plan');
  const top = explained.Plan;
  const nodes = nodesOf(top);
  const indexes = [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))];
  const wholeTables = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'] ?? '?');
  const blocks = (top['Shared Hit Blocks'] ?? 0) + (top['Shared Read Blocks'] ?? 0);
  return { databaseMs: explained['Execution Time'], plan: `${indexes.join(', ') || 'no index'}${wholeTables.length > 0 ? `; ${wholeTables.join(', ')} read whole` : ''}; ${blocks} blocks`, wholeTables };
}

function report(found: readonly Answered[], { rows, calls }: ApiOptions): SectionReport {
  const slowest = Math.max(...found.map(({ latencies }) => latencies.p99));
  const whole = found.filter(({ wholeTables }) => wholeTables.length > 0).map(({ name }) => name);
  return {
    section: 'api',
    tables: [{
      title: `Answers of the API over ${rows} deletions, in ms: ${calls} calls of each, ${AT_ONCE} at once, over HTTP and with a token`,
      head: ['question', 'p50', 'p95', 'p99', 'max', 'in PostgreSQL', 'found by'],
      rows: found.map(({ name, latencies: { p50, p95, p99, max }, databaseMs, plan }) => [name, shown(p50), shown(p95), shown(p99), shown(max), databaseMs === undefined ? '' : shown(databaseMs), plan]),
    }],
    goals: [
      { what: 'p99 of every question', goal: `under ${GOAL_P99_MS} ms`, found: `${shown(slowest)} ms`, met: slowest < GOAL_P99_MS },
      { what: 'lists that read a table whole', goal: 'none', found: whole.join(', ') || 'none', met: whole.length === 0 },
    ],
    data: found,
  };
}
