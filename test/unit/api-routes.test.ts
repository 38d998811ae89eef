import { readFileSync } from 'node:fs';
import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import { deletionCursor, idCursor, readDeletionCursor, readIdCursor } from '../../api/cursor.rules.js';
import { BusOutage, RecordRefused } from '../../bus/producer-errors.js';
import type { OutgoingRecord } from '../../bus/messages.js';
import type { SendResult } from '../../bus/producer.js';
import { deletionList, tenantList } from '../../contracts/api/lists.js';
import { PROBLEMS, problemAnswer } from '../../contracts/api/problems.js';
import { parseServiceDeletionRequest, parseUserDeletionRequest } from '../../contracts/topics/index.js';
import type { DeletionFilter, ListedDeletion } from '../../store/ledger/list.js';
import { openApi, openTestIssuer } from '../support/api.js';
import { aDeletion, aService, aTenant } from '../support/ledger-rows.js';

const listed = (requestId: string, more: Partial<ListedDeletion> = {}): ListedDeletion => ({ ...aDeletion({ requestId }), overdue: false, sortedAt: '2026-02-11T10:00:00.123456Z', ...more });
const recordOf = (more: Parameters<typeof aDeletion>[0] = {}) => ({ deletion: aDeletion(more), attempts: [], timeline: [], joined: [], verification: undefined, again: null });
const problem = (response: { json: () => unknown }) => problemAnswer.parse(response.json());

describe('a list of deletions', () => {
  it('asks the ledger for what the query names', async () => {
    const deletions = vi.fn((_filter: DeletionFilter) => Promise.resolve([]));
    const api = openApi({ reads: { deletions } });
    const query = 'status=FAILED&status=TIMEOUT&kind=service&tenantId=t-1&serviceType=app&parked=true&overdue=false&since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00%2B01:00&userId=ann%40x.org&subjectRef=v1.0a1b2c3d&serviceInstanceId=s-1&traceId=trace-1&limit=10';
    expect((await api.inject(`/api/v1/deletions?${query}`)).json()).toEqual({ items: [], next: null });
    expect(deletions).toHaveBeenLastCalledWith({
      statuses: ['FAILED', 'TIMEOUT'], kinds: ['service'], tenantIds: ['t-1'], serviceType: 'app', parked: true, overdue: false, since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00+01:00',
      userId: 'ann@x.org', subjectRef: 'v1.0a1b2c3d', serviceInstanceId: 's-1', traceId: 'trace-1',
    }, 11, undefined);
    await api.inject('/api/v1/deletions');
    expect(Object.values(deletions.mock.lastCall?.[0] ?? {}).filter((value) => value !== undefined)).toEqual([]);
  });

  it('goes on where its page ended, to the microsecond', async () => {
    const rows = [listed('r-3'), listed('r-2', { sortedAt: '2026-02-11T10:00:00.123455Z' }), listed('r-1')];
    const deletions = vi.fn((_filter: DeletionFilter, limit: number) => Promise.resolve(rows.slice(0, limit)));
    const api = openApi({ reads: { deletions }, webUi: { url: 'http://ui', namespace: 'default' } });
    const page = deletionList.parse((await api.inject('/api/v1/deletions?limit=2')).json());
    expect(page.items.map(({ requestId }) => requestId)).toEqual(['r-3', 'r-2']);
    expect(page.items[0]).toMatchObject({ userId: 'user_888', parked: false, final: false, overdue: false, timeline: { completed: null }, links: { temporal: expect.stringContaining('http://ui/') as string } });
    await api.inject(`/api/v1/deletions?limit=2&cursor=${page.next ?? ''}`);
    expect(deletions).toHaveBeenLastCalledWith(expect.anything(), 3, { order: 'received', at: '2026-02-11T10:00:00.123455Z', requestId: 'r-2' });
    expect((await api.inject('/api/v1/deletions?limit=3')).json()).toMatchObject({ next: null });
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'status=DONE', 'status=', 'kind=users', 'parked=yes', 'overdue=1', 'since=yesterday', 'until=2026-13-01T00:00:00Z', 'since=0000-01-01T00:00:00Z', 'tenantId=a%20b', 'tenantId=a&tenantId=b', 'userId=a%2Fb', 'subjectRef=ann', 'serviceInstanceId=', 'traceId=a~b', 'statuss=FAILED', 'cursor=abc', `cursor=${idCursor('x')}`, `cursor=${deletionCursor({ order: 'due', at: '2026-01-01T00:00:00Z', requestId: 'r' })}`])('refuses %s and says which field', async (query) => {
    const deletions = vi.fn(() => Promise.resolve([]));
    const response = await openApi({ reads: { deletions } }).inject(`/api/v1/deletions?${query}`);
    expect(response.statusCode).toBe(400);
    expect(problem(response)).toMatchObject({ type: '/problems/invalid-request', errors: [{ field: expect.stringMatching(/^querystring/) as string }] });
    expect(deletions).not.toHaveBeenCalled();
  });

  it('says that the ledger cannot be read', async () => {
    const response = await openApi({ reads: { deletions: () => Promise.reject(new Error('password of expunge')) } }).inject('/api/v1/deletions');
    expect([response.statusCode, response.body.includes('password')]).toEqual([503, false]);
  });
});

describe('a cursor', () => {
  it('comes back as it was, and is nothing else', () => {
    const position = { order: 'received', at: '2026-02-11T10:00:00.123456Z', requestId: 'tenant~t~1' } as const;
    expect(readDeletionCursor(deletionCursor(position), 'received')).toEqual(position);
    expect(readDeletionCursor(deletionCursor(position), 'due')).toBeUndefined();
    expect(readIdCursor(idCursor('t-1'))).toBe('t-1');
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const bad of ['', '!', made(null), made({}), made(['received', 'x', 'r']), made(['received', '2026-02-11T10:00:00Z', "'; DROP"]), made(['received', '2026-02-11T10:00:00Z', 'r', 'more']), made(['id', 7])]) {
      expect([bad, readDeletionCursor(bad, 'received'), readIdCursor(bad)]).toEqual([bad, undefined, undefined]);
    }
  });
});

describe('tenants and services', () => {
  it('are listed by their ids, page by page', async () => {
    const tenants = vi.fn((_filter: object, limit: number) => Promise.resolve(['t-1', 't-2'].map((tenantId) => ({ ...aTenant({ tenantId }), activeServices: 3 })).slice(0, limit)));
    const services = vi.fn((_tenantId: string, _statuses: unknown, limit: number) => Promise.resolve([aService({ serviceInstanceId: 's-1' }), aService({ serviceInstanceId: 's-2' })].slice(0, limit)));
    const api = openApi({ reads: { tenants, services } });
    const page = tenantList.parse((await api.inject('/api/v1/tenants?status=ACTIVE&status=EMPTY&limit=1')).json());
    expect(page.items).toMatchObject([{ tenantId: 't-1', activeServices: 3 }]);
    expect(readIdCursor(page.next ?? '')).toBe('t-1');
    expect(tenants).toHaveBeenLastCalledWith({ statuses: ['ACTIVE', 'EMPTY'], tenantIds: undefined }, 2, undefined);
    const found = await api.inject(`/api/v1/tenants/t-1/services?status=ERASED&limit=1&cursor=${idCursor('s-0')}`);
    expect(found.json()).toMatchObject({ items: [{ serviceInstanceId: 's-1' }], next: idCursor('s-1') });
    expect(services).toHaveBeenLastCalledWith('t-1', ['ERASED'], 2, 's-0');
  });
});

describe('a request', () => {
  const published = async (payload: object, options: Parameters<typeof openApi>[0] = {}, headers = {}) => {
    const records: OutgoingRecord[] = [];
    const send = (record: OutgoingRecord): SendResult => {
      records.push(record);
      return { ok: true };
    };
    const response = await openApi({ send, ...options }).inject({ method: 'POST', url: '/api/v1/deletions', payload, headers });
    return { response, records };
  };

  it('for a user goes to its topic, keyed by the user, under its eventId, with who asked', async () => {
    const { verifyToken, as } = await openTestIssuer();
    const { response, records } = await published({ kind: 'user', userId: 'user_888', reason: 'gdpr_request', eventId: 'e-1', traceId: 'a'.repeat(32) }, { verifyToken }, await as('operator'));
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ requestId: 'e-1', traceId: 'a'.repeat(32), links: { self: '/api/v1/deletions/e-1' } });
    expect(response.headers.location).toBe('/api/v1/deletions/e-1');
    expect(records).toHaveLength(1);
    const { topic, key, value, headers } = records[0]!;
    expect({ topic, key }).toEqual({ topic: 'users.deletion.request', key: 'user_888' });
    expect(parseUserDeletionRequest({ key: Buffer.from(String(key)), value: Buffer.from(String(value)) })).toMatchObject({ eventId: 'e-1', payload: { userId: 'user_888', reason: 'gdpr_request', source: 'expunge-api', requestedBy: 'ann' } });
    expect(String(headers?.['traceparent'])).toMatch(/^00-a{32}-[0-9a-f]{16}-01$/);
  });

  it('for a service goes to its topic, keyed by the tenant; its id is made of trace and instance', async () => {
    const ask = { kind: 'service', tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's-1', gdprMode: true };
    const { response, records } = await published({ ...ask, eventId: 'e-2', dryRun: true });
    expect(response.json()).toMatchObject({ requestId: 'e-2_s-1', traceId: 'e-2' });
    expect(records[0]).toMatchObject({ topic: 'tenant.service.deletion.request', key: 't-1' });
    expect(parseServiceDeletionRequest({ key: Buffer.from('t-1'), value: Buffer.from(String(records[0]?.value)) }).payload).toMatchObject({ ...{ tenantId: 't-1', serviceInstanceId: 's-1', gdprMode: true }, dryRun: true, requestedBy: 'unauthenticated' });
    expect((await published(ask)).response.json()).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f]{32}_s-1$/) as string });
    expect(problem((await published({ ...ask, eventId: 'e', traceId: 't' })).response)).toMatchObject({ type: '/problems/invalid-request' });
  });

  it('asked again is the same request; of another subject it is a conflict', async () => {
    const reads = { deletion: () => Promise.resolve(recordOf({ requestId: 'e-1', userId: 'user_888' })) };
    const same = await published({ kind: 'user', userId: 'user_888', reason: 'x', eventId: 'e-1' }, { reads });
    expect([same.response.statusCode, same.records.length]).toEqual([202, 1]);
    const other = await published({ kind: 'user', userId: 'user_999', reason: 'x', eventId: 'e-1' }, { reads });
    expect([other.response.statusCode, other.records.length, problem(other.response).type]).toEqual([409, 0, '/problems/request-id-taken']);
    expect(other.response.body).not.toContain('user_888');
  });

  it('is taken while the ledger cannot be read', async () => {
    const { response, records } = await published({ kind: 'user', userId: 'u', reason: 'x' }, { reads: { deletion: () => Promise.reject(new Error('down')) } });
    expect([response.statusCode, records.length]).toEqual([202, 1]);
  });

  it.each([
    [{ kind: 'user', userId: 'u' }, 'body.reason'], [{ kind: 'user', userId: 'u', reason: '  ' }, 'body.reason'], [{ kind: 'user', userId: 'a b', reason: 'x' }, 'body.userId'], [{ kind: 'user', userId: 'u', reason: 'x', dryrun: true }, 'body'],
    [{ kind: 'tenant', tenantId: 't' }, 'body.kind'], [{}, 'body.kind'], [{ kind: 'service', tenantId: 't', serviceType: 'a', serviceInstanceId: 's' }, 'body.gdprMode'], [{ kind: 'user', userId: 'u', reason: 'x', eventId: 'a~b' }, 'body.eventId'], [['x'], 'body'],
    [{ kind: 'user', userId: 'u', reason: 'x'.repeat(1_001) }, 'body.reason'],
  ])('%j is refused for %s', async (payload, field) => {
    const { response, records } = await published(payload);
    expect([response.statusCode, records.length]).toEqual([400, 0]);
    expect(problem(response)).toMatchObject({ type: '/problems/invalid-request', errors: [{ field }] });
  });

  it('that is no JSON, or none at all, is not understood', async () => {
    const api = openApi();
    const post = async (payload: string | undefined, type = 'application/json') => {
      const response = await api.inject({ method: 'POST', url: '/api/v1/deletions', headers: { 'content-type': type }, ...(payload === undefined ? {} : { payload }) });
      return [response.statusCode, problem(response).type];
    };
    expect(await post('{')).toEqual([400, '/problems/bad-request']);
    expect(await post('')).toEqual([400, '/problems/bad-request']);
    expect(await post('{"kind": "user", "__proto__": {}}')).toEqual([400, '/problems/bad-request']);
    expect(await post('kind=user', 'application/x-www-form-urlencoded')).toEqual([415, '/problems/unsupported-media-type']);
  });

  it('is not taken while Kafka is away, and the answer says that asking again does no harm', async () => {
    const { response } = await published({ kind: 'user', userId: 'u', reason: 'x' }, { send: () => ({ ok: false, error: new BusOutage(new Error('broker-7.internal')) }) });
    expect([response.statusCode, response.headers['retry-after'], problem(response).detail.includes('eventId'), response.body.includes('broker-7')]).toEqual([503, '5', true, false]);
    const refused = await published({ kind: 'user', userId: 'u', reason: 'x' }, { send: () => ({ ok: false, error: new RecordRefused('TOPIC_AUTHORIZATION_FAILED', 'users.deletion.request') }) });
    expect(problem(refused.response).type).toBe('/problems/internal');
  });
});

describe('an act', () => {
  const clientThat = (executeUpdate: (...args: unknown[]) => Promise<unknown>) =>
    () => Promise.resolve({ withDeadline: (_deadline: number, work: () => unknown) => work(), workflow: { getHandle: () => ({ executeUpdate }), executeUpdateWithStart: executeUpdate } } as unknown as Client);
  const done = { requestId: 'r', status: 'retrying', message: 'will be tried again now' };

  it('goes to the workflow as an update, by the token’s subject', async () => {
    const { verifyToken, as } = await openTestIssuer();
    const update = vi.fn(() => Promise.resolve(done));
    const api = openApi({ reads: { deletion: () => Promise.resolve(recordOf({ requestId: 'r', status: 'FAILED' })) }, temporal: clientThat(update), verifyToken });
    for (const [act, name] of [['retry', 'retryNow'], ['cancel', 'cancelNow'], ['hold', 'holdNow'], ['release', 'releaseNow']]) {
      const response = await api.inject({ method: 'POST', url: `/api/v1/deletions/r/${String(act)}`, payload: { reason: 'ticket 4711' }, headers: await as('operator') });
      expect([act, response.statusCode, response.json()]).toEqual([act, 200, done]);
      expect(update).toHaveBeenLastCalledWith(name, { args: [{ by: 'ann', reason: 'ticket 4711', requestId: 'r' }] });
    }
  });

  it('that the workflow refuses, or that comes after the end, is a conflict that says why', async () => {
    const refusing = clientThat(() => Promise.reject(new WorkflowUpdateFailedError('failed', ApplicationFailure.nonRetryable('it is not parked', 'Refused'))));
    const retry = async (status: 'PENDING' | 'COMPLETED') => {
      const response = await openApi({ reads: { deletion: () => Promise.resolve(recordOf({ requestId: 'r', status })) }, temporal: refusing }).inject({ method: 'POST', url: '/api/v1/deletions/r/retry', payload: {} });
      return problem(response);
    };
    expect(await retry('PENDING')).toMatchObject({ type: '/problems/refused', status: 409, detail: expect.stringContaining('not parked') as string });
    expect(await retry('COMPLETED')).toMatchObject({ type: '/problems/refused', detail: expect.stringContaining('COMPLETED') as string });
  });

  it('of an unknown request is 404; without a body, or a cancel without a reason, 400', async () => {
    const api = openApi();
    const post = async (url: string, payload?: object) => problem(await api.inject({ method: 'POST', url, ...(payload ? { payload } : {}) })).type;
    expect(await post('/api/v1/deletions/r/retry', {})).toBe('/problems/unknown-request');
    expect(await post('/api/v1/tenants/t/erase', { reason: 'x' })).toBe('/problems/unknown-tenant');
    expect(await post('/api/v1/deletions/r/cancel', {})).toBe('/problems/invalid-request');
    expect(await post('/api/v1/deletions/r/retry')).toBe('/problems/invalid-request');
    expect(await post('/api/v1/deletions/a%20b/retry', {})).toBe('/problems/invalid-id');
  });
});

describe('the description', () => {
  it('is OpenAPI 3.1 and describes every route with its answers', async () => {
    const api = openApi();
    const document = (await api.inject('/openapi.json')).json<{ openapi: string; paths: Record<string, Record<string, { operationId: string; responses: Record<string, object>; security: unknown; requestBody?: unknown }>> }>();
    expect(document.openapi).toMatch(/^3\.1\./);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path, method, ...about })));
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      'get /api/v1/dead-letters', 'get /api/v1/dead-letters/{id}', 'get /api/v1/deletions', 'get /api/v1/deletions/{requestId}', 'get /api/v1/jobs/{jobId}', 'get /api/v1/me', 'get /api/v1/subjects/by-user/{userId}', 'get /api/v1/subjects/{subjectRef}', 'get /api/v1/tenants', 'get /api/v1/tenants/{tenantId}', 'get /api/v1/tenants/{tenantId}/services', 'get /problems/{name}',
      'post /api/v1/dead-letters/replay', 'post /api/v1/dead-letters/{id}/replay', 'post /api/v1/deletions', 'post /api/v1/deletions/{requestId}/cancel', 'post /api/v1/deletions/{requestId}/hold', 'post /api/v1/deletions/{requestId}/release', 'post /api/v1/deletions/{requestId}/retry', 'post /api/v1/tenants/{tenantId}/erase',
    ]);
    for (const { path, responses, security } of operations.filter((one) => one.path.startsWith('/api/'))) {
      expect([path, Object.keys(responses)]).toEqual([path, expect.arrayContaining(['400', '401', '403', '429', '500', '503']) as string[]]);
      expect(security).toEqual([{ bearer: [] }]);
    }
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const said of ['"format":"date-time"', '`next` of the page before', '"example":"uuid-1234"', '"$ref":"#/components/schemas/Problem"']) expect(JSON.stringify(document)).toContain(said);
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const api = openApi();
    const page = await api.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    for (const [, path = ''] of page.body.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) expect([path, (await api.inject(`/docs/${path}`)).statusCode]).toEqual([path, 200]);
  });

  it('of every problem is in docs/api.md', () => {
    const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
    for (const [name, { status }] of Object.entries(PROBLEMS)) expect(text).toContain(`| \`/problems/${name}\` | ${status} |`);
  });
});
