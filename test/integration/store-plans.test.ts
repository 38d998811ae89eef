import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_VERIFICATION } from '../../contracts/names/index.js';
import { openDatabase, type Database, type Queryable } from '../../store/database.js';
import { forgetProcessedEvents } from '../../store/inventory/feed.js';
import { listServices, listTenants } from '../../store/inventory/list.js';
import { readTenant } from '../../store/inventory/read.js';
import { isAsItWas, liveRowsAfter, noteMend } from '../../store/ledger/live.js';
import { markPosted, takeOverdueJobs, takeRevokedJobs } from '../../store/ledger/jobs.js';
import { noteEcho } from '../../store/ledger/echo.js';
import { listDeletions } from '../../store/ledger/list.js';
import { readDeletion, readJob, readJobs, readUserOf } from '../../store/ledger/read.js';
import { ALL_LIVE, LIVE } from '../../store/ledger/rows.js';
import { readStats } from '../../store/ledger/stats.js';
import { hasEnded, recordResult, recordResults } from '../../store/ledger/results.js';
import { markSent, nextUnsent, outboxStats, purgeSent } from '../../store/outbox.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import { entomb, eraseSubject } from '../../store/subjects/erase.js';
import { forgetGoneItems, forgetResurrections, forgetSubjectEvents } from '../../store/subjects/forget.js';
import { readSubject } from '../../store/subjects/read.js';
import { currentInventory, receiveRequest, serviceEvent, serviceSubject, userSubject } from '../support/deletions.js';
import { activitiesOn, gatherStatements, openStore, type Statement, type TestStore } from '../support/store.js';

let store: TestStore;

/** A ledger that has been at work for a while: most has ended and was sent, some is under way. */
const FILL = `
  INSERT INTO tenants (tenant_id, status) SELECT 't-' || n, 'ACTIVE' FROM generate_series(1, 1000) n;
  INSERT INTO tenants (tenant_id, status, other_deletions) SELECT 'x-' || n, 'UNKNOWN', CASE WHEN n % 50 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 1000) n;
  INSERT INTO services (tenant_id, service_instance_id, service_type, status, provisioned_at, event_at)
    SELECT 't-' || (n % 1000 + 1), 's-' || n, 'database', CASE WHEN n % 3 = 0 THEN 'ACTIVE' ELSE 'ERASED' END, now(), now() FROM generate_series(1, 5000) n;
  INSERT INTO deletions (request_id, kind, workflow_id, tenant_id, service_type, service_instance_id, gdpr_mode, dry_run, trace_id, input, status, claimed_run, attempt, requested_at, due_at)
    SELECT 'r-' || n, 'service', 'service-deletion/t-' || (n % 1000 + 1) || '/s-' || n, 't-' || (n % 1000 + 1), 'database', 's-' || n, false, false, 'trace-' || n, '{}',
      CASE WHEN n % 50 = 0 THEN 'SENT_TO_AIRFLOW' ELSE 'COMPLETED' END, 'run-' || n, 1, now(), now() + interval '30 days' FROM generate_series(1, 5000) n;
  INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, gdpr_mode, dry_run, trace_id, input, status, claimed_run, attempt, requested_at, due_at)
    SELECT 'u-' || n, 'user', 'user-deletion/v1.' || n, 'v1.' || n, 'user-' || n, true, false, 'trace-' || n, '{}', 'COMPLETED', 'run-u-' || n, 1, now(), now() + interval '30 days' FROM generate_series(1, 5000) n;
  INSERT INTO deletions (request_id, kind, workflow_id, subject_ref, user_id, gdpr_mode, dry_run, trace_id, input, status, duplicate_of, outcome, requested_at, due_at)
    SELECT 'd-' || n, 'user', 'user-deletion/v1.' || n, 'v1.' || n, 'user-' || n, true, false, 'trace-' || n, '{}', 'DUPLICATE', 'u-' || n, 'COMPLETED', now(), now() FROM generate_series(1, 1000) n;
  INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause, posted_at, result, result_at, revoked_at)
    SELECT 'del_req_' || request_id, request_id, 1, 'dag', 'default', 1, 'the request', now(), CASE WHEN status = 'COMPLETED' THEN 'SUCCESS' END, now(), CASE WHEN status = 'COMPLETED' AND substr(md5(request_id), 1, 1) = '0' THEN now() END
    FROM deletions WHERE status <> 'DUPLICATE';
  INSERT INTO timeline (request_id, what, status, attempt, cause) SELECT request_id, what, status, 1, 'a test' FROM deletions, unnest(ARRAY['received', 'claimed', 'sent to Airflow', 'completed']) what;
  INSERT INTO outbox (event_id, request_id, lane, target, destination, key, body, sent_at)
    SELECT request_id || '/' || n, request_id, n, 'kafka', 'nova.deletion.events', 'k', '{}', CASE WHEN status = 'COMPLETED' OR n > 2 THEN now() END FROM deletions, generate_series(1, 3) n;
  INSERT INTO subject_items (kind, item_id, state, event_at, subject_ref, since_at, noted_at)
    SELECT (ARRAY['post', 'media', 'message'])[n % 3 + 1], 'i-' || n, CASE WHEN n % 5 = 0 THEN 2 ELSE 0 END, now(), CASE WHEN n % 5 > 0 THEN 'v1.' || n % 1000 END, now(), now() - n * interval '1 hour' FROM generate_series(1, 20000) n;
  INSERT INTO subject_ids (subject_ref, user_id) SELECT 'v1.' || n, 'user-' || n FROM generate_series(0, 4999) n;
  INSERT INTO subject_tombstones (subject_ref, erased_at, request_id) SELECT 'v0.' || n, now(), 'r-' || n FROM generate_series(1, 5000) n;
  INSERT INTO verifications (request_id, deadline_at, stated_at, verdict) SELECT request_id, now(), now(), 'CLEAN' FROM deletions WHERE kind = 'user' AND status = 'COMPLETED';
  UPDATE verifications SET verdict = 'RESIDUAL', stated_at = now() - random() * interval '30 days' WHERE substr(md5(request_id), 1, 1) = '0';
  UPDATE deletions SET completed_at = now() - random() * interval '30 days' WHERE status = 'COMPLETED';
  INSERT INTO subject_resurrections (subject_ref, kind, last_at, events, noted_at) SELECT 'v0.' || n, 'post', now(), 1, now() - n * interval '1 hour' FROM generate_series(1, 5000) n;
  INSERT INTO processed_events (consumer_group, event_id) SELECT 'expunge-ingress', 'e-' || n FROM generate_series(1, 5000) n;
`;

beforeAll(async () => {
  store = await openStore();
  await store.database.script(FILL);
  await store.database.script('ANALYZE');
  await currentInventory(store.database);
});
afterAll(() => store.close());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

async function planOf({ sql, params }: Statement, on: Queryable = store.database): Promise<Plan> {
  const [row] = await on.rows<Record<string, [{ Plan: Plan }]>>(`EXPLAIN (FORMAT JSON) ${sql}`, params);
  const plan = row && Object.values(row)[0];
  if (!plan) throw new Error(`no plan for ${sql}`);
  return plan[0].Plan;
}

/** Tables that a statement reads from one end to the other. */
async function readWhole(statement: Statement): Promise<string[]> {
  return nodesOf(await planOf(statement)).flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? '?'] : []));
}

/** Tables that stay small whatever happens. */
const SMALL = ['inventory_feed', 'outbox_lanes', 'outbox_relays', 'schema_migrations'];

/** The statements that `work` makes, with the large tables that each reads whole. */
async function wholeTables(work: (database: Database) => Promise<unknown>): Promise<{ statements: number; slow: string[] }> {
  const { database, statements } = gatherStatements(store.database);
  await work(database);
  const slow: string[] = [];
  for (const statement of statements) {
    const tables = (await readWhole(statement)).filter((table) => !SMALL.includes(table));
    if (tables.length > 0) slow.push(`${tables.join(', ')}: ${statement.sql}`);
  }
  return { statements: statements.length, slow };
}

type Scene = [string, number, (database: Database) => Promise<unknown>];

/** What one deletion asks on its way. */
const ONE_DELETION: readonly Scene[] = [
  ['when a request is received and looked up', 3, async (database) => {
    const { input } = await receiveRequest(database, { subject: userSubject(), userId: 'user-new' });
    await receiveRequest(database, { subject: input.subject, requestId: input.requestId, userId: 'user-new' });
    await hasEnded(database, input.requestId);
  }],
  ['when it is mended', 2, async (database) => {
    await isAsItWas(database, { requestId: 'r-50', claimedRun: null });
    await noteMend(database, { requestId: 'r-50', claimedRun: null }, 'a test');
  }],
  ['when a deletion goes from its claim to its end, with a join and a reminder', 25, async (database) => {
    const subject = serviceSubject('t-7', 's-6');
    const activities = activitiesOn(database);
    const [{ input }, joining] = [await receiveRequest(database, { subject }), await receiveRequest(database, { subject })];
    const call = { requestId: input.requestId, runId: 'run-plans', cause: 'the request' };
    await activities.claim({ ...call, step: 0 });
    expect(await activities.trigger({ ...call, step: 1 })).toMatchObject({ outcome: 'sent' });
    await activities.join({ ...call, step: 2, requestIds: [joining.input.requestId] });
    const jobId = `del_req_${input.requestId}`;
    await markPosted(database, [jobId]);
    await recordResult(database, { jobId, airflowRunId: jobId, status: 'FAILURE', counts: {}, errorText: null, failureCode: 'DAG_FAILED' });
    await activities.park({ ...call, step: 3, status: 'FAILED', failureCode: 'DAG_FAILED', blockedBy: [] });
    await activities.remind({ ...call, step: 4, what: 'still-parked' });
    await activities.reopen({ ...call, step: 5 });
    expect(await activities.trigger({ ...call, step: 6 })).toMatchObject({ outcome: 'sent' });
    expect(await activities.complete({ ...call, step: 7, attempt: 2 })).toMatchObject({ outcome: 'completed' });
    await activities.decideEmptying('t-7');
  }],
  ['when a request is withdrawn and another carries on', 8, async (database) => {
    const subject = userSubject();
    const activities = activitiesOn(database);
    const [first, second] = [await receiveRequest(database, { subject, userId: 'u' }), await receiveRequest(database, { subject, userId: 'u' })];
    const call = { requestId: first.input.requestId, runId: 'run-plans-2' };
    await activities.claim({ ...call, step: 0 });
    await activities.join({ ...call, step: 1, requestIds: [second.input.requestId] });
    expect(await activities.cancel({ ...call, step: 2, act: {} })).toMatchObject({ outcome: 'withdrawn' });
  }],
  ['when a user is deleted, verified and deleted again, and an event tells of it afterwards', 20, async (database) => {
    const activities = activitiesOn(database);
    const verification = { ...DEFAULT_VERIFICATION, deadlineMs: 1, onResidual: 'delete-again' } as const;
    const { input: { requestId } } = await receiveRequest(database, { subject: { kind: 'user', subjectRef: 'v1.78' }, userId: 'user-78', policy: { verification } });
    const call = { requestId, runId: 'run-plans-3', kind: 'user' } as const;
    await activities.claim({ ...call, step: 0, sendFor: 'the request' });
    const jobId = `del_req_${requestId}`;
    await recordResult(database, { jobId, airflowRunId: jobId, status: 'SUCCESS', counts: {}, errorText: null, failureCode: 'DAG_FAILED' });
    expect(await activities.complete({ ...call, step: 1, attempt: 1, subjectRef: 'v1.78' })).toMatchObject({ outcome: 'completed' });
    expect(await activities.verify({ requestId })).toMatchObject({ outcome: 'stated', verdict: 'RESIDUAL', again: `${requestId}~again~1` });
    expect(await activities.verify({ requestId })).toMatchObject({ outcome: 'stated' });
    await readUserOf(database, requestId);
    expect(await noteEcho(database, { requestId: 'another', subjectRefs: ['v1.78', 'v0.78'], deletedAt: new Date(0) })).toBe(requestId);
  }],
];

describe('no statement reads a large table whole', () => {
  test('and one that does would be seen', async () => {
    const { slow } = await wholeTables((database) => database.rows(`SELECT * FROM deletions WHERE reason = 'x'`));
    expect(slow).toHaveLength(1);
  });

  test.each<Scene>([
    ...ONE_DELETION,
    ['when services come and go', 9, async (database) => {
      await serviceEvent(database, { tenantId: 't-9', serviceInstanceId: 's-8', eventType: 'service.deprovisioned' });
      await serviceEvent(database, { tenantId: 't-9', serviceInstanceId: 's-8' });
    }],
    ['when the outbox is sent and purged', 5, async (database) => {
      const rows = await nextUnsent(database, { target: 'kafka', lanes: [0, 1, 2, 3, 4, 5, 6, 7], limit: 100 });
      expect(rows.length).toBeGreaterThan(0);
      await nextUnsent(database, { target: 'signal', lanes: [0, 1], limit: 100 });
      await markSent(database, rows.slice(0, 1).map(({ id }) => id));
      await purgeSent(database, 24 * 3_600_000);
      await outboxStats(database);
    }],
    ['when the watcher looks for jobs, the fence asks, and old events are forgotten', 4, async (database) => {
      await takeOverdueJobs(database, { everyMs: 60_000, atLeastEveryMs: 900_000 }, 20);
      await takeRevokedJobs(database, 60_000, 20);
      await readJob(database, 'del_req_r-50');
      await forgetProcessedEvents(database, 7 * 24 * 3_600_000);
    }],
    ['when the reconciler walks over the live rows', 2, async (database) => {
      const [first] = await liveRowsAfter(database, { quietMs: 0, limit: 200 });
      await liveRowsAfter(database, { after: first?.place, quietMs: 60_000, limit: 200 });
    }],
    ['when events of subjects are taken in, a subject is read and erased, and what is old is forgotten', 15, async (database) => {
      const owner = { userId: 'user-77', subjectRefs: ['v1.77', 'v0.77'] } as const;
      await applySubjectEvents(database, ['i-77', 'i-new'].map((itemId) => ({ eventId: itemId, kind: 'post', itemId, state: 'live', at: new Date(), owner })));
      const erased = { userId: 'user-erased', subjectRefs: ['v0.77'] } as const;
      expect(await applySubjectEvents(database, [{ eventId: 'i-back', kind: 'post', itemId: 'i-back', state: 'live', at: new Date(Date.now() + 60_000), owner: erased }])).toMatchObject({ resurrections: [{ subjectRef: 'v0.77' }] });
      await readSubject(database, ['v1.77']);
      await database.transaction(async (tx) => {
        entomb(tx, { subjectRef: 'v1.77', requestId: 'r', erasedAt: new Date() });
        await eraseSubject(tx, 'v1.77');
      });
      await forgetSubjectEvents(database);
      await forgetGoneItems(database, 90 * 24 * 3_600_000, 10);
      await forgetResurrections(database, 90 * 24 * 3_600_000, 10);
    }],
    ['when the API lists deletions, tenants and services', 19, async (database) => {
      const after = { order: 'received', at: new Date().toISOString(), requestId: 'r' } as const;
      for (const filter of [{}, { statuses: ['FAILED'] }, { kinds: ['tenant'] }, { tenantIds: ['t-7'] }, { tenantIds: ['t-7', 't-8'], serviceType: 'database' }, { serviceType: 'database' }, { parked: true }, { userId: 'user-7' }, { subjectRef: 'v1.7' }, { serviceInstanceId: 's-7' }, { traceId: 'trace-7', parked: true }, { since: '2026-01-01T00:00:00Z', until: '2030-01-01T00:00:00Z' }] as const) {
        await listDeletions(database, filter, 51);
        await listDeletions(database, filter, 51, after);
      }
      await listDeletions(database, { overdue: true, tenantIds: ['t-7'] }, 51, { ...after, order: 'due' });
      await listTenants(database, { statuses: ['ACTIVE'] }, 51, 't-5');
      await listTenants(database, { tenantIds: ['t-5'] }, 51);
      await listServices(database, 't-7', ['ACTIVE'], 51, 's-1');
    }],
    ['when the API is asked for a request, a tenant, or the numbers', 8, async (database) => {
      await readDeletion(database, 'u-77');
      await readTenant(database, 't-77');
      await readStats(database, 1_000);
    }],
  ])('%s', async (_, least, work) => {
    const { statements, slow } = await wholeTables(work);
    expect(slow).toEqual([]);
    expect(statements).toBeGreaterThanOrEqual(least);
  });

  test('and the gauges count from indexes alone', async () => {
    for (const table of ['deletions', 'verifications', 'tenants']) await store.database.script(`VACUUM ANALYZE ${table}`);
    const { database, statements } = gatherStatements(store.database);
    await readStats(database, 1_000);
    const nodes = (await Promise.all(statements.map((statement) => planOf(statement)))).flatMap(nodesOf);
    const scans = nodes.filter((node) => ['deletions', 'verifications', 'tenants'].includes(node['Relation Name'] ?? ''));
    expect(scans.map((node) => `${node['Relation Name'] ?? ''}: ${node['Node Type']} ${node['Index Name'] ?? ''}`).sort()).toEqual([
      'deletions: Index Only Scan deletions_ended',
      'deletions: Index Only Scan deletions_live',
      'tenants: Index Only Scan tenants_unknown',
      'verifications: Index Only Scan verifications_to_look_at',
    ]);
  });
});

test('what the bridges ask for several jobs at once is planned for any number of them, and not each time', async () => {
  const oneConnection = openDatabase({ url: store.databaseUrl, poolSize: 1 });
  try {
    const awaited = await store.database.rows<{ jobId: string }>(`SELECT a.job_id FROM attempts a JOIN deletions d USING (request_id) WHERE d.status = 'SENT_TO_AIRFLOW' AND a.result IS NULL ORDER BY a.job_id`);
    const jobIds = awaited.map(({ jobId }) => jobId);
    const times = 10;
    for (let count = 1; count <= times; count++) {
      const some = jobIds.splice(0, count);
      expect((await readJobs(oneConnection, some)).size).toBe(count);
      expect((await markPosted(oneConnection, some)).size).toBe(count);
      const results = some.map((jobId) => ({ jobId, airflowRunId: jobId, status: 'SUCCESS', counts: {}, errorText: null, failureCode: 'DAG_FAILED' }) as const);
      expect((await recordResults(oneConnection, results)).filter((one) => 'outcome' in one && one.outcome === 'wake')).toHaveLength(count);
    }
    const plans = await oneConnection.rows<{ generic: number; custom: number }>('SELECT generic_plans AS generic, custom_plans AS custom FROM pg_prepared_statements');
    // PostgreSQL tries five plans for the very values before it settles on one for any.
    expect(plans).toEqual(Array.from({ length: 3 }, () => ({ generic: times - 5, custom: 5 })));
  } finally {
    await oneConnection.close();
  }
});

describe('no statement of one deletion reads what is live of all others', () => {
  // An index of the live rows is small when statistics are gathered while few are live, and may be large long before they are gathered again.
  beforeAll(async () => {
    await store.database.script(`UPDATE deletions SET status = 'COMPLETED', completed_at = now() WHERE status IN ${LIVE}`);
    for (const table of ['deletions', 'attempts', 'outbox', 'verifications', 'services']) await store.database.script(`VACUUM ANALYZE ${table}`);
  });

  /** Indexes that a statement reads from one end to the other. */
  const wholeIndexes = async (statement: Statement): Promise<string[]> =>
    nodesOf(await planOf(statement)).flatMap(({ 'Index Name': name, 'Index Cond': condition }) => (name !== undefined && condition === undefined ? [`${name}: ${statement.sql}`] : []));

  /** Those that the index of all live rows can serve: that it does in a ledger in which nothing else but the primary key finds a deletion. */
  async function byLiveRows(statements: readonly Statement[]): Promise<string[]> {
    const found: string[] = [];
    const done = new Error('the indexes come back');
    await store.database.transaction(async (tx) => {
      const others = await tx.rows<{ name: string }>(`SELECT indexname AS name FROM pg_indexes WHERE tablename = 'deletions' AND indexname NOT IN ('deletions_pkey', 'deletions_live')`);
      expect(others.length).toBeGreaterThan(5);
      for (const { name } of others) tx.write(`DROP INDEX ${name}`);
      for (const statement of statements) if (nodesOf(await planOf(statement, tx)).some((node) => node['Index Name'] === 'deletions_live')) found.push(statement.sql);
      throw done;
    }).catch((error: unknown) => {
      if (error !== done) throw error;
    });
    return found;
  }

  test('and one that does would be seen', async () => {
    const all = { sql: `SELECT FROM deletions WHERE ${ALL_LIVE} AND service_type = $1`, params: ['database'] };
    expect(await wholeIndexes(all)).toEqual([`deletions_live: ${all.sql}`]);
    expect(await byLiveRows([all])).toEqual([all.sql]);
  });

  test.each(ONE_DELETION)('%s', async (_, least, work) => {
    const { database, statements } = gatherStatements(store.database);
    await work(database);
    expect((await Promise.all(statements.map(wholeIndexes))).flat()).toEqual([]);
    expect(statements.length).toBeGreaterThanOrEqual(least);
    // Of two indexes that cost the same PostgreSQL takes one in a small ledger and the other in a large one: so there is to be no choice.
    expect(await byLiveRows(statements)).toEqual([]);
    // A join may go through all of its inner side, whatever index that has.
    expect(statements.filter(({ sql }) => sql.includes(LIVE) && /\bJOIN deletions\b/.test(sql))).toEqual([]);
  });
});
