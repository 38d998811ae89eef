import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { callerOf, mayAccess, personOf, UnusableClaims } from '../../api/access/caller.rules.js';
import { createTokenVerifier } from '../../api/access/token-verifier.js';
import { problemAnswer } from '../../contracts/api/problems.js';
import { personId } from '../../contracts/topics/index.js';
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from '../../stack/tokens.js';
import { openApi, openTestIssuer } from '../support/api.js';
import { aDeletion, aTenant } from '../support/ledger-rows.js';

let access: Awaited<ReturnType<typeof openTestIssuer>>;
beforeAll(async () => {
  access = await openTestIssuer();
});

const ofTenant = (tenantId: string) => ({ deletion: aDeletion({ requestId: `r-${tenantId}`, kind: 'service', userId: null, subjectRef: null, tenantId, serviceType: 'app', serviceInstanceId: 's-1' }), attempts: [], timeline: [], joined: [], verification: undefined, again: null });
const ofUser = { deletion: aDeletion({ requestId: 'r-user' }), attempts: [], timeline: [], joined: [], verification: undefined, again: null };

const guarded = (more: Parameters<typeof openApi>[0] = {}) => openApi({
  verifyToken: access.verifyToken,
  ...more,
  reads: {
    deletion: (requestId) => Promise.resolve(requestId === 'r-user' ? ofUser : requestId.startsWith('r-') ? ofTenant(requestId.slice(2)) : undefined),
    job: (jobId) => Promise.resolve({ jobId, requestId: 'r', attempt: 1, stands: true, reason: 'current', lane: 'default', result: null, tenantId: jobId === 'j-user' ? null : jobId.slice(2) }),
    tenant: (tenantId) => Promise.resolve({ tenant: aTenant({ tenantId }), services: [], cleanUps: [] }),
    ...more.reads,
  },
});

const unsigned = (header: object, claims: object): string => `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
const inAnHour = () => Math.floor(Date.now() / 1000) + 3_600;
const claims = (more: object = {}) => ({ sub: 'mallory', roles: ['admin'], iss: TOKEN_ISSUER, aud: TOKEN_AUDIENCE, exp: inAnHour(), ...more });

describe('a token', () => {
  const refused: [string, string, () => Promise<string> | string][] = [
    ['expired', 'The token has expired.', () => access.issuer.issue({ subject: 'ann', role: 'admin', expiresInMs: -60_000 })],
    ['for another audience', 'The token is for another audience.', () => access.issuer.issue({ subject: 'ann', role: 'admin', expiresInMs: 60_000, audience: 'payroll' })],
    ['of another issuer', 'The token is from another issuer.', () => access.issuer.issue({ subject: 'ann', role: 'admin', expiresInMs: 60_000, issuer: 'https://elsewhere' })],
    ['with alg none', 'algorithm', () => unsigned({ alg: 'none', typ: 'JWT' }, claims())],
    ['signed with the public key as a secret', 'algorithm', async () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(readFileSync(access.issuer.jwksFile))],
    ['signed by a stranger under the right key id', 'signature', async () => {
      const [{ kid }] = (JSON.parse(readFileSync(access.issuer.jwksFile, 'utf8')) as { keys: [{ kid: string }] }).keys;
      return new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid }).sign((await generateKeyPair('ES256')).privateKey);
    }],
    ['signed by a key that is not published', 'does not publish', async () => new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid: 'other' }).sign((await generateKeyPair('ES256')).privateKey)],
    ['whose tenant claim is empty', 'names no tenant', () => access.issuer.issue({ subject: 'ann', role: 'admin', tenants: [], expiresInMs: 60_000 })],
    ['that is no token', 'understands', () => 'abc.def.ghi'],
    ['that is endless', 'longer', () => `${'a'.repeat(10_000)}.b.c`],
  ];
  it.each(refused)('%s is refused', async (_what, said, token) => {
    const response = await guarded().inject({ url: '/api/v1/deletions/r-user', headers: { authorization: `Bearer ${await token()}` } });
    expect(response.statusCode).toBe(401);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(problemAnswer.parse(response.json())).toMatchObject({ type: '/problems/unauthenticated', detail: expect.stringContaining(said) as string });
  });

  it('that nobody sent is asked for; a scheme other than Bearer is none', async () => {
    for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
      const response = await guarded().inject({ url: '/api/v1/jobs/j', headers });
      expect([response.statusCode, response.json<{ type: string }>().type]).toEqual([401, '/problems/unauthenticated']);
      expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="expunge"/);
    }
  });

  it('that is good opens, by its role and no further', async () => {
    const api = guarded();
    const status = async (method: 'GET' | 'POST', url: string, role?: string) => (await api.inject({ method, url, headers: await access.as(role), ...(method === 'POST' ? { payload: { reason: 'x' } } : {}) })).statusCode;
    expect(await status('GET', '/api/v1/deletions/r-user', 'viewer')).toBe(200);
    expect(await status('GET', '/api/v1/deletions/r-user', 'admin')).toBe(200);
    expect(await status('GET', '/api/v1/deletions/r-user')).toBe(403);
    expect(await status('GET', '/api/v1/deletions/r-user', 'superuser')).toBe(403);
    for (const act of ['retry', 'cancel', 'hold', 'release']) expect([act, await status('POST', `/api/v1/deletions/r-user/${act}`, 'viewer')]).toEqual([act, 403]);
    expect(await status('POST', '/api/v1/deletions', 'viewer')).toBe(403);
    expect(await status('POST', '/api/v1/tenants/t-1/erase', 'operator')).toBe(403);
  });

  it('is asked for by every path under /api, also those that do not exist yet for a method', async () => {
    const api = guarded();
    await api.ready();
    const { paths } = api.swagger() as { paths: Record<string, Record<string, unknown>> };
    const operations = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method })));
    expect(operations.length).toBeGreaterThan(12);
    for (const { path, method } of operations.filter((one) => one.path.startsWith('/api/'))) {
      const response = await api.inject({ method: method.toUpperCase() as 'GET', url: path.replace(/\{\w+\}/g, 'x'), ...(method === 'post' ? { payload: {} } : {}) });
      expect([method, path, response.statusCode]).toEqual([method, path, 401]);
    }
  });

  it('is verified by keys that are fetched, and is not at fault when they cannot be', async () => {
    const keys = createServer((_request, response) => void response.setHeader('content-type', 'application/json').end(readFileSync(access.issuer.jwksFile)));
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    const verifierAt = (port: number) => createTokenVerifier({ jwks: { url: `http://127.0.0.1:${port}/jwks` }, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE, algorithms: ['ES256'], claims: { roles: 'roles', tenant: 'tenant' } });
    const { port } = keys.address() as AddressInfo;
    const ask = async (verifyToken: ReturnType<typeof verifierAt>) => guarded({ verifyToken }).inject({ url: '/api/v1/deletions/r-user', headers: await access.as('viewer') });
    expect((await ask(verifierAt(port))).statusCode).toBe(200);
    await new Promise((resolve) => keys.close(resolve));
    const away = await ask(verifierAt(port));
    expect([away.statusCode, away.headers['retry-after'], away.json<{ type: string }>().type]).toEqual([503, '5', '/problems/unavailable']);
  });
});

describe('a tenant claim', () => {
  it('fences reads: what is outside is not there', async () => {
    const api = guarded();
    const headers = await access.as('admin', { tenants: ['t-1'] });
    const get = async (url: string) => {
      const response = await api.inject({ url, headers });
      return [response.statusCode, response.json<{ type?: string }>().type];
    };
    expect(await get('/api/v1/deletions/r-t-1')).toEqual([200, undefined]);
    for (const other of ['r-t-2', 'r-user', 'nowhere']) expect(await get(`/api/v1/deletions/${other}`)).toEqual([404, '/problems/unknown-request']);
    expect(await get('/api/v1/jobs/j-t-1')).toEqual([200, undefined]);
    for (const other of ['j-t-2', 'j-user']) expect(await get(`/api/v1/jobs/${other}`)).toEqual([404, '/problems/unknown-job']);
    expect(await get('/api/v1/tenants/t-1')).toEqual([200, undefined]);
    expect(await get('/api/v1/tenants/t-2')).toEqual([404, '/problems/unknown-tenant']);
    expect(await get('/api/v1/tenants/t-2/services')).toEqual([404, '/problems/unknown-tenant']);
    for (const path of ['v1.00000000', 'by-user/ann']) expect(await get(`/api/v1/subjects/${path}`)).toEqual([404, '/problems/unknown-subject']);
  });

  it('says of what is outside no other word than of what does not exist', async () => {
    const headers = await access.as('viewer', { tenants: ['t-1'] });
    const body = async (api: ReturnType<typeof guarded>) => (await api.inject({ url: '/api/v1/deletions/r-t-2', headers })).body;
    expect(await body(guarded())).toBe(await body(guarded({ reads: { deletion: () => Promise.resolve(undefined) } })));
  });

  it('fences lists', async () => {
    const deletions = vi.fn(() => Promise.resolve([]));
    const tenants = vi.fn(() => Promise.resolve([]));
    const api = guarded({ reads: { deletions, tenants } });
    const headers = await access.as('viewer', { tenants: ['t-1', 't-2'] });
    await api.inject({ url: '/api/v1/deletions', headers });
    expect(deletions).toHaveBeenLastCalledWith(expect.objectContaining({ tenantIds: ['t-1', 't-2'] }), 51, undefined);
    await api.inject({ url: '/api/v1/deletions?tenantId=t-2', headers });
    expect(deletions).toHaveBeenLastCalledWith(expect.objectContaining({ tenantIds: ['t-2'] }), 51, undefined);
    expect((await api.inject({ url: '/api/v1/deletions?tenantId=t-3', headers })).json()).toEqual({ items: [], next: null });
    expect(deletions).toHaveBeenCalledTimes(2);
    await api.inject({ url: '/api/v1/tenants', headers });
    expect(tenants).toHaveBeenLastCalledWith(expect.objectContaining({ tenantIds: ['t-1', 't-2'] }), 51, undefined);
  });

  it('fences acts and requests', async () => {
    const temporal = vi.fn(() => Promise.reject(new Error('nobody is asked')));
    const send = vi.fn(() => ({ ok: true }) as const);
    const api = guarded({ temporal, send });
    const headers = await access.as('admin', { tenants: ['t-1'] });
    const post = async (url: string, payload: object) => (await api.inject({ method: 'POST', url, headers, payload })).statusCode;
    for (const act of ['retry', 'cancel', 'hold', 'release']) expect([act, await post(`/api/v1/deletions/r-t-2/${act}`, { reason: 'x' })]).toEqual([act, 404]);
    expect(await post('/api/v1/tenants/t-2/erase', { reason: 'x' })).toBe(404);
    expect(await post('/api/v1/deletions', { kind: 'service', tenantId: 't-2', serviceType: 'app', serviceInstanceId: 's', gdprMode: true })).toBe(404);
    expect(await post('/api/v1/deletions', { kind: 'user', userId: 'u', reason: 'x' })).toBe(403);
    expect(temporal).not.toHaveBeenCalled();
    expect(send).not.toHaveBeenCalled();
    expect(await post('/api/v1/deletions', { kind: 'service', tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's', gdprMode: true })).toBe(202);
  });
});

describe('who a token speaks for', () => {
  const names = { roles: 'realm_access.roles', tenant: 'https://expunge/tenant' };
  it('is read from claims by name or by path; the highest role counts', () => {
    expect(callerOf({ sub: 'ann', realm_access: { roles: ['operator', 'viewer', 'x'] }, 'https://expunge/tenant': 't-1' }, names)).toEqual({ person: 'ann', role: 'operator', tenants: ['t-1'] });
    expect(callerOf({ sub: 'ann', roles: 'viewer admin' }, { roles: 'roles', tenant: 'tenant' })).toEqual({ person: 'ann', role: 'admin', tenants: undefined });
    expect(callerOf({ sub: 'ann' }, names).role).toBeUndefined();
  });
  it.each([[null], [''], [[]], [['t', '']], [7], [{}], [[7]]])('is nobody with the tenant claim %j', (tenant) => {
    expect(() => callerOf({ sub: 'ann', tenant }, { roles: 'roles', tenant: 'tenant' })).toThrow(UnusableClaims);
  });
  it('keeps a subject that a timeline can hold, and gives any other a name of its own', () => {
    for (const subject of ['ann', 'ann@example.org', 'svc:bot+1']) expect(personOf(subject)).toBe(subject);
    const strange = ['auth0|17', 'auth0_17', 'auth0/17', 'x'.repeat(65), 'x'.repeat(66), 'Ämne', '__proto__'].map(personOf);
    expect(new Set(strange).size).toBe(strange.length);
    for (const person of strange) expect(personId.safeParse(person).success).toBe(true);
  });
  it('with no fence may see all, with one what is of its tenants', () => {
    expect(mayAccess({ person: 'a', role: 'viewer', tenants: undefined }, null)).toBe(true);
    expect(mayAccess({ person: 'a', role: 'viewer', tenants: ['t'] }, 't')).toBe(true);
    expect(mayAccess({ person: 'a', role: 'viewer', tenants: ['t'] }, null)).toBe(false);
  });
});

describe('without authentication', () => {
  it.each([['localhost', 200], ['localhost:8080', 200], ['127.0.0.1:8080', 200], ['[::1]:8080', 200], ['expunge.example.org', 421], ['127.0.0.1.example.org', 421], ['localhost.example.org:8080', 421], ['10.0.0.1', 421], ['evil.example@localhost', 421]])('a call to %j is answered with %d', async (host, status) => {
    const response = await openApi({ reads: { deletion: () => Promise.resolve(ofUser) } }).inject({ url: '/api/v1/deletions/r-user', headers: { host } });
    expect(response.statusCode).toBe(status);
    if (status === 421) expect(response.json()).toMatchObject({ type: '/problems/wrong-host' });
  });

  it('a page of another origin is not answered', async () => {
    const send = vi.fn(() => ({ ok: true }) as const);
    const api = openApi({ send });
    const payload = { kind: 'user', userId: 'u', reason: 'x' };
    expect((await api.inject({ method: 'POST', url: '/api/v1/deletions', payload, headers: { origin: 'https://evil.example' } })).statusCode).toBe(421);
    expect((await api.inject({ method: 'POST', url: '/api/v1/deletions', payload: JSON.stringify(payload), headers: { 'content-type': 'text/plain' } })).statusCode).toBe(415);
    expect(send).not.toHaveBeenCalled();
    expect((await api.inject({ method: 'POST', url: '/api/v1/deletions', payload, headers: { origin: 'http://127.0.0.1:8080' } })).statusCode).toBe(202);
  });
});

describe('limits', () => {
  it('refuse a body of 10 MB, before anything of it is looked at', async () => {
    const api = guarded();
    const headers = { ...(await access.as('operator')), 'content-type': 'application/json' };
    const response = await api.inject({ method: 'POST', url: '/api/v1/deletions', headers, payload: JSON.stringify({ kind: 'user', userId: 'u', reason: 'x'.repeat(10_000_000) }) });
    expect([response.statusCode, problemAnswer.parse(response.json()).type]).toEqual([413, '/problems/too-large']);
    const nobody = await api.inject({ method: 'POST', url: '/api/v1/deletions', headers: { 'content-type': 'application/json' }, payload: 'x'.repeat(10_000_000) });
    expect(nobody.statusCode).toBe(401);
  });

  it('let 6,000 of 10,000 calls in a burst through, tell the others when to come again, and leave other callers alone', async () => {
    const api = guarded({ requestsPerMinute: 6_000 });
    const ann = await access.as('viewer');
    const statuses = new Map<number, number>();
    let last: Awaited<ReturnType<typeof api.inject>> | undefined;
    for (let sent = 0; sent < 10_000; sent += 500) {
      for (const response of await Promise.all(Array.from({ length: 500 }, () => api.inject({ url: '/api/v1/deletions/r-user', headers: ann })))) {
        statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
        if (response.statusCode === 429) last = response;
      }
    }
    expect(Object.fromEntries(statuses)).toEqual({ 200: 6_000, 429: 4_000 });
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0);
    expect(problemAnswer.parse(last?.json()).type).toBe('/problems/too-many-requests');
    expect((await api.inject({ url: '/api/v1/jobs/j-t-1', headers: ann })).statusCode).toBe(200);
    expect((await api.inject({ url: '/api/v1/deletions/r-user', headers: await access.as('viewer', { subject: 'bob' }) })).statusCode).toBe(200);
  }, 60_000);

  it('count calls without a good token by where they come from', async () => {
    const api = guarded({ requestsPerMinute: 3 });
    const statuses: number[] = [];
    for (let call = 0; call < 5; call++) statuses.push((await api.inject({ url: '/api/v1/deletions/r', headers: { authorization: 'Bearer a.b.c' } })).statusCode);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await api.inject({ url: '/api/v1/deletions/r-user', headers: await access.as('viewer') })).statusCode).toBe(200);
  });
});

describe('pages of other origins', () => {
  it('may not call unless they are named', async () => {
    const preflight = { method: 'OPTIONS', url: '/api/v1/deletions', headers: { origin: 'https://console.example.org', 'access-control-request-method': 'GET' } } as const;
    const off = await guarded().inject(preflight);
    expect(off.headers['access-control-allow-origin']).toBeUndefined();
    const on = guarded({ corsOrigins: ['https://console.example.org'] });
    expect((await on.inject(preflight)).headers['access-control-allow-origin']).toBe('https://console.example.org');
    expect((await on.inject({ ...preflight, headers: { ...preflight.headers, origin: 'https://evil.example' } })).headers['access-control-allow-origin']).not.toBe('https://evil.example');
  });
});
