import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DELETION_KINDS, DELETION_STATUSES, isFinal, isParked } from '../../contracts/names/index.js';
import { listServices, listTenants } from '../../store/inventory/list.js';
import { listDeletions, orderOf, type DeletionFilter, type ListedDeletion } from '../../store/ledger/list.js';
import { serviceEvent } from '../support/deletions.js';
import { openStore, type TestStore } from '../support/store.js';

let store: TestStore;
let all: (ListedDeletion & { readonly subjectRef: string | null; readonly traceId: string })[];

/** Deletions of every kind and status, some received in the same microsecond. */
const FILL = `
  INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, tenant_id, service_type, service_instance_id, gdpr_mode, dry_run, trace_id, input, status, duplicate_of, requested_at, received_at, due_at)
  SELECT 'r-' || n, kind, 'w-' || n, CASE kind WHEN 'user' THEN 'v1.' || n % 2 END, CASE kind WHEN 'user' THEN 'u-' || n % 5 END, CASE WHEN kind <> 'user' THEN 't-' || n % 3 END,
    CASE kind WHEN 'service' THEN (ARRAY['app', 'database'])[n % 2 + 1] END, CASE kind WHEN 'service' THEN 's-' || n % 11 END, true, false, 'trace-' || n % 7, '{}', status, CASE status WHEN 'DUPLICATE' THEN 'r-0' END,
    now(), received_at, CASE WHEN n % 5 < 3 THEN received_at ELSE now() + interval '1 day' END
  FROM (SELECT n, (ARRAY['user', 'service', 'service', 'tenant'])[n / 8 % 4 + 1] AS kind, (ARRAY[${DELETION_STATUSES.map((status) => `'${status}'`).join(', ')}])[n % 8 + 1] AS status,
          '2026-02-11T10:00:00.000001Z'::timestamptz + n / 3 * interval '1 microsecond' AS received_at
        FROM generate_series(0, 199) n ORDER BY n) AS made`;

beforeAll(async () => {
  store = await openStore();
  await store.database.script(FILL);
  const more = new Map((await store.database.rows<{ requestId: string; subjectRef: string | null; traceId: string }>('SELECT request_id, subject_ref, trace_id FROM deletions')).map((row) => [row.requestId, row]));
  all = (await listDeletions(store.database, {}, 1_000)).map((row) => ({ ...row, ...more.get(row.requestId)! }));
});
afterAll(() => store.close());

/** Every page of a list, turned to the end. */
async function pages(filter: DeletionFilter, limit: number): Promise<string[]> {
  const found: string[] = [];
  for (let after: Parameters<typeof listDeletions>[3]; ; ) {
    const page = await listDeletions(store.database, filter, limit, after);
    found.push(...page.map(({ requestId }) => requestId));
    const last = page.at(-1);
    if (!last || page.length < limit) return found;
    after = { order: orderOf(filter), at: last.sortedAt, requestId: last.requestId };
  }
}

/** What a list should hold, from all rows. */
function expected(filter: DeletionFilter): string[] {
  const { statuses, kinds, tenantIds, serviceType, parked, overdue, since, until, userId, subjectRef, serviceInstanceId, traceId } = filter;
  const at = (row: ListedDeletion): string => row.sortedAt;
  const rows = all.filter((row) =>
    (!statuses || statuses.includes(row.status)) && (!kinds || kinds.includes(row.kind)) && (!tenantIds || (row.tenantId !== null && tenantIds.includes(row.tenantId)))
    && (serviceType === undefined || row.serviceType === serviceType) && (parked === undefined || isParked(row.status) === parked)
    && (overdue === undefined || (!isFinal(row.status) && row.dueAt.getTime() < Date.now()) === overdue)
    && (userId === undefined || row.userId === userId) && (subjectRef === undefined || row.subjectRef === subjectRef)
    && (serviceInstanceId === undefined || row.serviceInstanceId === serviceInstanceId) && (traceId === undefined || row.traceId === traceId)
    && (since === undefined || at(row) >= since) && (until === undefined || at(row) < until));
  // Of what is overdue here the due date is the time of receipt.
  return (overdue === true ? rows.toSorted((a, b) => (at(a) === at(b) ? (a.requestId < b.requestId ? -1 : 1) : at(a) < at(b) ? -1 : 1)) : rows).map(({ requestId }) => requestId);
}

describe('a list of deletions', () => {
  test('has every one once, the newest first', () => {
    expect(new Set(all.map(({ requestId }) => requestId)).size).toBe(200);
    const keys = all.map(({ sortedAt, requestId }) => `${sortedAt} ${requestId}`);
    expect(keys).toEqual(keys.toSorted().reverse());
    expect(new Set(all.map(({ sortedAt }) => sortedAt)).size).toBeLessThan(100);
    expect(new Set(all.map(({ kind, status }) => `${kind} ${status}`)).size).toBeGreaterThan(12);
  });

  const filters: DeletionFilter[] = [
    {}, ...DELETION_STATUSES.map((status) => ({ statuses: [status] })), { statuses: ['PENDING', 'COMPLETED'] }, ...DELETION_KINDS.map((kind) => ({ kinds: [kind] })), { kinds: ['user', 'tenant'], statuses: ['FAILED'] },
    { tenantIds: ['t-1'] }, { tenantIds: ['t-0', 't-2'] }, { tenantIds: ['t-1'], serviceType: 'app', kinds: ['service'], statuses: ['TIMEOUT', 'PENDING'] }, { tenantIds: ['t-none'] }, { tenantIds: ['t-1'], kinds: ['user'] },
    { serviceType: 'database' }, { serviceType: 'database', parked: true }, { serviceType: 'app', kinds: ['tenant'] }, { parked: true }, { parked: false }, { parked: true, statuses: ['FAILED', 'COMPLETED'] },
    { overdue: true }, { overdue: false }, { overdue: true, parked: true }, { overdue: true, tenantIds: ['t-1'], kinds: ['service'], serviceType: 'app' }, { overdue: true, statuses: ['COMPLETED'] },
    { userId: 'u-1' }, { userId: 'u-none' }, { userId: 'u-2', statuses: ['COMPLETED', 'DUPLICATE'] }, { subjectRef: 'v1.1' }, { subjectRef: 'v1.1', userId: 'u-3', parked: true }, { userId: 'u-1', tenantIds: ['t-1'] },
    { serviceInstanceId: 's-3' }, { serviceInstanceId: 's-3', tenantIds: ['t-1', 't-2'], serviceType: 'app' }, { serviceInstanceId: 's-4', overdue: true }, { serviceInstanceId: 's-4', traceId: 'trace-3', overdue: false },
    { traceId: 'trace-3' }, { traceId: 'trace-3', kinds: ['service'], since: '2026-02-11T10:00:00.000020Z' }, { traceId: 'trace-3', overdue: true },
    { since: '2026-02-11T10:00:00.000020Z' }, { until: '2026-02-11T10:00:00.000020Z', kinds: ['user'] }, { since: '2026-02-11T10:00:00.000010Z', until: '2026-02-11T10:00:00.000040Z', overdue: true },
  ];
  test.each(filters.map((filter) => [JSON.stringify(filter), filter] as const))('by %s holds what fits, on pages of any size', async (_text, filter) => {
    for (const limit of [1, 7, 500]) expect(await pages(filter, limit)).toEqual(expected(filter));
  });

  test('says what is overdue', async () => {
    for (const row of all) expect([row.requestId, row.overdue]).toEqual([row.requestId, !isFinal(row.status) && row.dueAt.getTime() < Date.now()]);
    expect((await listDeletions(store.database, { overdue: true }, 5)).every(({ overdue }) => overdue)).toBe(true);
  });
});

describe('lists of the inventory', () => {
  beforeAll(async () => {
    for (const tenantId of ['a-1', 'a-2', 'a-3']) for (const serviceInstanceId of ['s-1', 's-2', 's-3']) await serviceEvent(store.database, { tenantId, serviceInstanceId });
    await serviceEvent(store.database, { tenantId: 'a-2', serviceInstanceId: 's-2', eventType: 'service.deprovisioned', timestamp: new Date(Date.now() + 1_000) });
    await store.database.rows(`UPDATE tenants SET status = 'EMPTY' WHERE tenant_id = 'a-3'`);
  });
  const ids = async (...args: Parameters<typeof listTenants> extends [unknown, ...infer Rest] ? Rest : never) => (await listTenants(store.database, ...args)).map(({ tenantId, activeServices }) => `${tenantId}:${activeServices}`);

  test('have tenants by their ids, within the fence', async () => {
    expect(await ids({}, 10)).toEqual(['a-1:3', 'a-2:2', 'a-3:3']);
    expect(await ids({}, 1, 'a-1')).toEqual(['a-2:2']);
    expect(await ids({ statuses: ['EMPTY', 'ERASED'] }, 10)).toEqual(['a-3:3']);
    expect(await ids({ tenantIds: ['a-2', 'a-9'] }, 10)).toEqual(['a-2:2']);
    expect(await ids({ tenantIds: ['a-2'], statuses: ['EMPTY'] }, 10)).toEqual([]);
  });
  test('have the services of a tenant by their ids', async () => {
    const services = async (...rest: [Parameters<typeof listServices>[2], number, string?]) => (await listServices(store.database, 'a-2', ...rest)).map(({ serviceInstanceId, status }) => `${serviceInstanceId} ${status}`);
    expect(await services(undefined, 10)).toEqual(['s-1 ACTIVE', 's-2 DEPROVISIONED', 's-3 ACTIVE']);
    expect(await services(['ACTIVE'], 1, 's-1')).toEqual(['s-3 ACTIVE']);
  });
});
