import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startApi } from '../../api/role.js';
import { deletionAnswer } from '../../contracts/api/deletions.js';
import { createHealth } from '../../platform/health.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { subjectAnswer } from '../../contracts/api/subjects.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import { entomb, eraseSubject } from '../../store/subjects/erase.js';
import { openBridgeHouse, revoke, sentJob, until, type BridgeHouse } from '../support/bridges.js';
import { freshId, provision, receiveRequest } from '../support/deletions.js';

let house: BridgeHouse;
let api: RunningRole;
let url: string;
const metrics = createMetrics();

const get = async (path: string) => {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${inject('stack')['EXPUNGE_API_TOKEN'] ?? ''}` } });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
};
const json = async (path: string) => JSON.parse((await get(path)).body) as Record<string, unknown>;

beforeAll(async () => {
  house = await openBridgeHouse(['api'], { API_PORT: '0' });
  const health = createHealth({ registry: metrics.registry });
  health.addReadiness('api', () => api.ready());
  api = await startApi(house.deps({ metrics, health }));
  const { port } = house.logged.map((line) => JSON.parse(line) as { port?: number }).find((line) => line.port !== undefined) ?? {};
  url = `http://127.0.0.1:${String(port)}`;
});

afterAll(async () => {
  await api.stop();
  await house.close().catch(() => undefined); // the last test drops the database
});

test('a request is answered as the ledger has it, with the link to its run', async () => {
  const userId = freshId('user');
  const { input, workflowId } = await receiveRequest(house.database, { subject: { kind: 'user', subjectRef: 'v1.0123456789abcdef' }, userId });
  const answer = deletionAnswer.parse(await json(`/api/v1/deletions/${input.requestId}`));
  expect(answer).toMatchObject({ requestId: input.requestId, userId, status: 'PENDING', workflowId, history: [{ what: 'received', status: 'PENDING' }], attempts: [], jobId: null });
  expect(answer.links.temporal).toBe(`${house.config.temporal.uiUrl ?? ''}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`);
  expect(Date.parse(answer.dueAt) - Date.parse(answer.timeline.received)).toBe(input.policy.dueInMs);
});

test('a job stands until it is revoked, and no longer', async () => {
  const { jobId, requestId } = await sentJob(house.database);
  expect(await json(`/api/v1/jobs/${jobId}`)).toEqual({ jobId, requestId, attempt: 1, stands: true, reason: 'current' });
  await revoke(house.database, jobId);
  expect(await json(`/api/v1/jobs/${jobId}`)).toEqual({ jobId, requestId, attempt: 1, stands: false, reason: 'revoked: withdrawn' });
  expect(deletionAnswer.parse(await json(`/api/v1/deletions/${requestId}`)).attempts[0]?.revoked?.why).toBe('withdrawn');
  expect(await get('/api/v1/jobs/del_req_never')).toMatchObject({ status: 404, type: 'application/problem+json' });
});

test('a tenant is answered with its services and what is being done about each', async () => {
  const tenantId = freshId('tenant');
  await provision(house.database, tenantId, { app: ['db'], db: [] });
  const { input } = await receiveRequest(house.database, { subject: { kind: 'service', tenantId, serviceType: 'database', serviceInstanceId: 'db' } });
  await receiveRequest(house.database, { subject: { kind: 'service', tenantId, serviceType: 'database', serviceInstanceId: 'app' }, dryRun: true });
  expect(await json(`/api/v1/tenants/${tenantId}`)).toMatchObject({
    tenantId, status: 'ACTIVE', emptyings: 0, cleanUps: [],
    services: [{ serviceInstanceId: 'app', dependsOn: ['db'], deletion: null }, { serviceInstanceId: 'db', status: 'ACTIVE', deletion: { requestId: input.requestId, status: 'PENDING' } }],
  });
});

test('a subject is answered by its user id, by any of its references, and after its erasure', async () => {
  const userId = freshId('user');
  const refs = createSubjectRefs(house.config.subjectPeppers);
  const [newest = '', older = ''] = refs.candidates(userId);
  const at = new Date('2025-01-15T10:30:00Z');
  const post = (subjectRef: string) => ({ eventId: freshId('evt'), kind: 'post', itemId: freshId('post'), state: 'live', at, owner: { userId, subjectRefs: [subjectRef] } }) as const;
  await applySubjectEvents(house.database, [post(older), post(newest), { ...post(newest), kind: 'media', state: 'hidden' }]);
  const stored = [{ kind: 'media', owner: 'media-service', count: 1, hidden: 1, since: at.toISOString() }, { kind: 'post', owner: 'content-service', count: 2, hidden: 0, since: at.toISOString() }];
  expect(await json(`/api/v1/subjects/by-user/${userId}`)).toEqual({ subjectRefs: [newest, older], total: 3, stored, erased: null });
  expect(subjectAnswer.parse(await json(`/api/v1/subjects/${older}`))).toEqual({ subjectRefs: [older, newest], total: 3, stored, erased: null });
  await house.database.transaction(async (tx) => {
    entomb(tx, { subjectRef: newest, requestId: 'req-1', erasedAt: new Date('2025-02-01T00:00:00Z') });
    await eraseSubject(tx, newest);
  });
  expect(await json(`/api/v1/subjects/by-user/${userId}`)).toEqual({ subjectRefs: [newest, older], total: 0, stored: [], erased: { at: '2025-02-01T00:00:00.000Z', requestId: 'req-1' } });
});

test('metrics count the ledger when they are asked for', async () => {
  const inFlight = async () => Number(/expunge_in_flight\{kind="service",status="PENDING"\} (\d+)/.exec((await get('/metrics')).body)?.[1]);
  const before = await inFlight();
  await receiveRequest(house.database, { subject: { kind: 'service', tenantId: freshId('tenant'), serviceType: 'email', serviceInstanceId: 'i' } });
  await until('the new deletion is counted', async () => (await inFlight()) === before + 1);
  expect((await get('/metrics')).body).toMatch(/expunge_overdue 0\n/);
});

test('without its ledger it is alive, not ready, says 503 and shows no old numbers; the fence answers nothing', async () => {
  const { jobId } = await sentJob(house.database);
  expect((await get('/readyz')).status).toBe(200);
  const { pathname } = new URL(house.config.database.url);
  await house.database.rows('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
  await house.database.close();
  const { openDatabase } = await import('../../store/database.js');
  const server = openDatabase({ url: new URL('/postgres', house.config.database.url).href });
  await server.rows(`DROP DATABASE ${pathname.slice(1)} WITH (FORCE)`);
  await server.close();

  expect(await get(`/api/v1/jobs/${jobId}`)).toMatchObject({ status: 503, type: 'application/problem+json' });
  expect(await get(`/api/v1/jobs/${jobId}`)).toMatchObject({ body: expect.not.stringContaining('stands') as string });
  expect((await get('/livez')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(503);
  await until('the gauges are left out', async () => !/expunge_(overdue|due_soon|in_flight)[ {]/.test((await get('/metrics')).body.replaceAll(/^#.*$/gm, '')));
});
