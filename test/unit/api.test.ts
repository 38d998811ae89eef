import { describe, expect, it, vi } from 'vitest';
import { startApi } from '../../api/role.js';
import type { ApiReads } from '../../api/reads.js';
import { deletionAnswer, jobAnswer } from '../../contracts/api/deletions.js';
import { problemAnswer } from '../../contracts/api/problems.js';
import { subjectAnswer } from '../../contracts/api/subjects.js';
import { tenantAnswer } from '../../contracts/api/tenants.js';
import { loadConfig } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { isLoopback } from '../../platform/loopback.rules.js';
import { createMetrics } from '../../platform/metrics.js';
import type { TenantRecord } from '../../store/inventory/read.js';
import { openApi } from '../support/api.js';
import { anAttempt, aDeletion, aService, aTenant } from '../support/ledger-rows.js';

const silent = createLog({ level: 'silent' });

const apiWith = (reads: Partial<ApiReads>, webUi?: { url: string; namespace: string }) => openApi({ reads, webUi });

const recordOf = (deletion = aDeletion()) => ({ deletion, attempts: [], timeline: [], joined: [], verification: undefined, again: null });

describe('a deletion', () => {
  it('is answered with the fields of the source document first, in its order', async () => {
    const api = apiWith({ deletion: () => Promise.resolve(recordOf(aDeletion({
      requestId: 'uuid-1234', userId: 'user_888', status: 'COMPLETED', airflowRunId: 'manual__2026',
      receivedAt: new Date('2026-02-11T10:00:00Z'), completedAt: new Date('2026-02-11T10:05:00Z'), durationMs: 300_000,
    }))) });
    const response = await api.inject('/api/v1/deletions/uuid-1234');
    expect(response.statusCode).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(Object.keys(response.json()).slice(0, 5)).toEqual(['requestId', 'userId', 'status', 'timeline', 'airflow_ref']);
    expect(response.json()).toMatchObject({
      requestId: 'uuid-1234', userId: 'user_888', status: 'COMPLETED', airflow_ref: 'manual__2026', final: true, parked: false,
      timeline: { received: '2026-02-11T10:00:00.000Z', completed: '2026-02-11T10:05:00.000Z', duration_ms: 300_000 }, failure: null,
    });
    expect(deletionAnswer.parse(response.json())).toEqual(response.json());
  });

  it('of a user says what was expected, what is left, and which deletions are linked to it', async () => {
    const verification = { requestId: 'uuid-1234', deadlineAt: new Date('2026-02-12T10:00:00Z'), statedAt: null, verdict: null, residual: {}, unverifiable: {} } as const;
    const record = { ...recordOf(aDeletion({ status: 'COMPLETED', expected: { post: 2, media: 0 }, linkedTo: 'uuid-1233' })), attempts: [anAttempt({ expected: { post: 2 } })] };
    const answerTo = async (more: object) => deletionAnswer.parse((await apiWith({ deletion: () => Promise.resolve({ ...record, ...more }) }).inject('/api/v1/deletions/uuid-1234')).json());
    expect(await answerTo({ verification })).toMatchObject({
      expected: { post: 2, media: 0 }, linkedTo: 'uuid-1233', again: null, attempts: [{ expected: { post: 2 } }],
      verification: { status: 'PENDING', deadlineAt: '2026-02-12T10:00:00.000Z', statedAt: null },
    });
    const stated = { ...verification, statedAt: new Date('2026-02-12T10:00:01Z'), verdict: 'RESIDUAL', residual: { post: 1 }, unverifiable: { media: 3 } };
    expect(await answerTo({ verification: stated, again: 'uuid-1234~again~1' })).toMatchObject({
      again: 'uuid-1234~again~1', verification: { status: 'RESIDUAL', statedAt: '2026-02-12T10:00:01.000Z', residual: { post: 1 }, unverifiable: { media: 3 } },
    });
    expect(await answerTo({})).toMatchObject({ verification: null });
  });

  it('of a service names tenant, type and instance, and no user', async () => {
    const api = apiWith({ deletion: () => Promise.resolve({
      ...recordOf(aDeletion({ kind: 'service', userId: null, subjectRef: null, tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's-1', status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', failureMessage: 'no result within 24h' })),
      attempts: [anAttempt({ result: 'FAILURE', failureCode: 'DAG_FAILED', errorText: 'boom', revokedAt: new Date(0), revokedWhy: 'retried' })],
      timeline: [{ at: new Date(0), what: 'received', status: 'PENDING', attempt: 0, cause: 'request received', person: 'ann', reason: 'left' }],
      joined: ['other'],
    }) });
    const body = deletionAnswer.parse((await api.inject('/api/v1/deletions/r')).json());
    expect(body).not.toHaveProperty('userId');
    expect(body).toMatchObject({
      kind: 'service', tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's-1', parked: true, final: false, joined: ['other'],
      failure: { code: 'RESULT_TIMEOUT', message: 'no result within 24h' },
      attempts: [{ failure: { code: 'DAG_FAILED', message: 'boom' }, revoked: { why: 'retried' } }],
      history: [{ at: '1970-01-01T00:00:00.000Z', what: 'received', by: 'ann', reason: 'left' }],
    });
  });

  it('links to its run where the Web UI is known, its id escaped', async () => {
    const deletion = () => Promise.resolve(recordOf(aDeletion({ workflowId: 'user-deletion/v1.abc' })));
    const linked = await apiWith({ deletion }, { url: 'http://ui:8233', namespace: 'default' }).inject('/api/v1/deletions/r');
    expect(linked.json()).toMatchObject({ links: { temporal: 'http://ui:8233/namespaces/default/workflows/user-deletion%2Fv1.abc' } });
    expect((await apiWith({ deletion }).inject('/api/v1/deletions/r')).json()).toMatchObject({ links: {} });
  });

  it('takes the longest id and ~, and says what is wrong with others', async () => {
    const deletion = vi.fn<ApiReads['deletion']>(() => Promise.resolve(undefined));
    const api = apiWith({ deletion });
    expect((await api.inject(`/api/v1/deletions/${'a'.repeat(160)}`)).statusCode).toBe(404);
    await api.inject('/api/v1/deletions/tenant~t-1~2');
    expect(deletion).toHaveBeenLastCalledWith('tenant~t-1~2');
    for (const bad of ['a'.repeat(161), 'a%20b', '%00', "x'%20OR%201=1", '__proto__']) {
      const response = await api.inject(`/api/v1/deletions/${bad}`);
      expect([bad, response.statusCode, response.headers['content-type']]).toEqual([bad, 400, 'application/problem+json']);
      expect(problemAnswer.parse(response.json()).type).toBe('/problems/invalid-id');
    }
    expect(deletion).toHaveBeenCalledTimes(2);
  });
});

describe('a problem', () => {
  it('has a stable type that can be looked up', async () => {
    const api = apiWith({});
    for (const [path, type] of [
      ['/api/v1/deletions/none', '/problems/unknown-request'], ['/api/v1/jobs/none', '/problems/unknown-job'],
      ['/api/v1/tenants/none', '/problems/unknown-tenant'], ['/api/v1/nothing', '/problems/unknown-path'], ['/problems/none', '/problems/unknown-path'],
    ] as const) {
      const response = await api.inject(path);
      expect([path, response.statusCode, response.headers['content-type']]).toEqual([path, 404, 'application/problem+json']);
      expect(problemAnswer.parse(response.json())).toMatchObject({ type, status: 404 });
      expect((await api.inject(type)).json()).toMatchObject({ type, status: 404 });
    }
  });

  it('says that the ledger cannot be read, and nothing of why', async () => {
    const api = apiWith({ job: () => Promise.reject(new Error('password authentication failed for user "expunge"')) });
    const response = await api.inject('/api/v1/jobs/j');
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('5');
    expect(response.json()).toMatchObject({ type: '/problems/unavailable', status: 503 });
    expect(response.body).not.toContain('password');
  });

  it('says that the API itself failed, and nothing of how', async () => {
    const broken = aDeletion({ kind: 'user', userId: null });
    const response = await apiWith({ deletion: () => Promise.resolve(recordOf(broken)) }).inject('/api/v1/deletions/r');
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ type: '/problems/internal' });
    expect(response.body).not.toContain('userId');
  });

  it('answers a path that is no path, and a method that there is none of', async () => {
    const api = apiWith({});
    expect((await api.inject('/api/v1/deletions/%E0%A4%A')).json()).toMatchObject({ type: '/problems/bad-request', status: 400 });
    const posted = await api.inject({ method: 'POST', url: '/api/v1/deletions/r', payload: {} });
    expect([posted.statusCode, posted.headers.allow, posted.json()]).toEqual([405, 'GET, HEAD', expect.objectContaining({ type: '/problems/method-not-allowed' })]);
  });
});

describe('the fence', () => {
  it('asks the ledger for each answer', async () => {
    let stands = true;
    const job = vi.fn(() => Promise.resolve({ jobId: 'j', requestId: 'r', attempt: 1, stands, reason: stands ? 'current' : 'revoked: cancelled', lane: 'default', result: null, tenantId: null }));
    const api = apiWith({ job });
    const first = await api.inject('/api/v1/jobs/j');
    expect(jobAnswer.strict().parse(first.json())).toEqual({ jobId: 'j', requestId: 'r', attempt: 1, stands: true, reason: 'current' });
    expect(first.headers['cache-control']).toBe('no-store');
    stands = false;
    expect((await api.inject('/api/v1/jobs/j')).json()).toMatchObject({ stands: false, reason: 'revoked: cancelled' });
    expect(job).toHaveBeenCalledTimes(2);
  });
});

describe('a tenant', () => {
  it('is answered with its services and what is being done about them', async () => {
    const tenant = () => Promise.resolve({ tenant: aTenant({ tenantId: 't-1', emptyings: 2 }), cleanUps: [], services: [aService({ deletionRequestId: 'r', deletionStatus: 'PENDING' }), aService()] });
    const response = await apiWith({ tenant }).inject('/api/v1/tenants/t-1');
    expect(tenantAnswer.parse(response.json())).toEqual(response.json());
    expect(response.json()).toMatchObject({ tenantId: 't-1', emptyings: 2, workflowId: 'tenant/t-1', services: [{ dependsOn: ['s-2'], deletion: { requestId: 'r', status: 'PENDING' } }, { deletion: null }] });
  });

  it('links to its run when there is one: it has something to carry out only in a clean-up', async () => {
    const cleanUp: TenantRecord['cleanUps'][number] = { requestId: 'tenant~t-1~1', emptying: 1, status: 'COMPLETED', receivedAt: new Date(0), completedAt: new Date(1) };
    const linksOf = async (cleanUps: TenantRecord['cleanUps']) => {
      const api = apiWith({ tenant: () => Promise.resolve({ tenant: aTenant({ tenantId: 't-1' }), cleanUps, services: [] }) }, { url: 'http://ui:8233', namespace: 'default' });
      return tenantAnswer.parse((await api.inject('/api/v1/tenants/t-1')).json()).links;
    };
    expect(await linksOf([])).toEqual({});
    expect(await linksOf([cleanUp])).toEqual({ temporal: 'http://ui:8233/namespaces/default/workflows/tenant%2Ft-1' });
  });

  it('has an id by the rules of incoming ids', async () => {
    expect((await apiWith({}).inject('/api/v1/tenants/a~b')).json()).toMatchObject({ type: '/problems/invalid-id' });
  });
});

describe('a subject', () => {
  it('is answered with what is stored of each kind, and who keeps it', async () => {
    const subject = vi.fn<ApiReads['subject']>(() => Promise.resolve({ subjectRefs: ['v1.00000000'], counts: [{ kind: 'post', count: 3, hidden: 1, since: new Date(0) }], tombstone: { erasedAt: new Date(1), requestId: 'r' } }));
    const body = subjectAnswer.parse((await apiWith({ subject }).inject('/api/v1/subjects/by-user/ann%40example.org')).json());
    expect(body).toEqual({ subjectRefs: ['v1.00000000'], total: 3, stored: [{ kind: 'post', owner: 'content-service', count: 3, hidden: 1, since: '1970-01-01T00:00:00.000Z' }], erased: { at: '1970-01-01T00:00:00.001Z', requestId: 'r' } });
    await apiWith({ subject }).inject('/api/v1/subjects/v1.00000000');
    expect(subject.mock.calls).toEqual([[{ userId: 'ann@example.org' }], [{ subjectRef: 'v1.00000000' }]]);
  });

  it('has an id by the rules of such ids', async () => {
    for (const path of ['by-user/a~b', 'ann']) expect((await apiWith({}).inject(`/api/v1/subjects/${path}`)).json()).toMatchObject({ type: '/problems/invalid-id' });
  });
});

describe('the interface', () => {
  it('is loopback or refused, with the variable and the remedy', async () => {
    const config = loadConfig({ API_HOST: '0.0.0.0', DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/d' });
    await expect(startApi({ config, log: silent, metrics: createMetrics() })).rejects.toThrow(/API_HOST is "0\.0\.0\.0".*127\.0\.0\.1/s);
  });

  it.each([['127.0.0.1', true], ['127.9.9.9', true], ['::1', true], ['[::1]', true], ['localhost', true], ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false], ['::', false], ['10.0.0.1', false], ['127.0.0.1.example.org', false], ['localhost.example.org', false], ['', false]])('%s: loopback %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

it('serves health on the same port', async () => {
  const api = apiWith({});
  expect((await api.inject('/livez')).statusCode).toBe(200);
  expect((await api.inject('/readyz')).json()).toMatchObject({ ready: true });
  expect((await api.inject('/metrics')).body).toContain('expunge_in_flight');
});
