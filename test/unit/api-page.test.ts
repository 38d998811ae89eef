import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { meAnswer } from '../../contracts/api/me.js';
import { PAGE_POLICY } from '../../api/routes/page.js';
import { openApi, openTestIssuer } from '../support/api.js';

const folder = new URL('../../api/page/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/')).filter((file) => /\.\w+$/.test(file));
const served = files.filter((file) => !/\.(ts|json)$/.test(file));
const text = (file: string): string => readFileSync(new URL(file, folder), 'utf8');

describe('the status page', () => {
  it('is served as it lies, without a token, and may load nothing but its own files', async () => {
    const { verifyToken } = await openTestIssuer();
    const api = openApi({ verifyToken });
    expect(served.length).toBeGreaterThan(20);
    for (const file of ['', ...served]) {
      const response = await api.inject(`/ui/${file}`);
      expect([file, response.statusCode, response.headers['content-security-policy'], response.headers['cache-control'], response.headers['x-content-type-options']]).toEqual([file, 200, PAGE_POLICY, 'no-cache', 'nosniff']);
      expect(response.body).toBe(text(file === '' ? 'index.html' : file));
      if (file.endsWith('.js')) expect(response.headers['content-type']).toMatch(/^(text|application)\/javascript/);
    }
    expect(PAGE_POLICY).not.toMatch(/unsafe|\*|https?:/);
  });

  it('is where / and /ui lead', async () => {
    const api = openApi();
    for (const path of ['/', '/ui']) {
      const response = await api.inject(path);
      expect([path, response.statusCode, new URL(String(response.headers.location), `http://localhost${path}`).pathname]).toEqual([path, 302, '/ui/']);
    }
    expect((await api.inject('/ui/')).headers['content-type']).toMatch(/^text\/html/);
  });

  it.each(['/ui/tsconfig.json', '/ui/nothing.js', '/ui/../server.ts', '/ui/%2e%2e/server.ts', '/ui/..%2fserver.ts', '/ui/rules', '/ui/styles/'])('has no %s', async (path) => {
    const response = await openApi().inject(path);
    expect([response.statusCode, response.headers['content-type']]).toEqual([404, 'application/problem+json']);
  });

  it('takes no other method than to read', async () => {
    const response = await openApi().inject({ method: 'POST', url: '/ui/' });
    expect([response.statusCode, response.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it('has no inline script or style, names no other site, and puts nothing in as markup', () => {
    const html = text('index.html');
    expect(html.match(/<script(?![^>]*\bsrc=")/g)).toBeNull();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
    for (const [, address] of html.matchAll(/(?:src|href)="([^"#]+)"/g)) expect(files.includes(String(address)) || address === '../docs/').toBe(true);
    for (const file of served.filter((one) => one.endsWith('.js'))) {
      expect([file, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|document\.cookie/.exec(text(file))]).toEqual([file, null]);
      expect([file, [...text(file).matchAll(/https?:\/\/[\w.]+/g)].map(String).filter((found) => found !== 'http://www.w3.org')]).toEqual([file, []]);
    }
  });
});

describe('who calls', () => {
  it('is told person, role and tenants', async () => {
    const { verifyToken, as } = await openTestIssuer();
    const api = openApi({ verifyToken });
    const me = async (headers: { authorization: string }) => meAnswer.parse((await api.inject({ url: '/api/v1/me', headers })).json());
    expect(await me(await as('operator'))).toEqual({ person: 'ann', role: 'operator', tenants: null, authentication: true });
    expect(await me(await as('viewer', { tenants: ['t-1', 't-2'] }))).toEqual({ person: 'ann', role: 'viewer', tenants: ['t-1', 't-2'], authentication: true });
    expect((await api.inject({ url: '/api/v1/me', headers: await as(undefined) })).statusCode).toBe(403);
    expect((await api.inject('/api/v1/me')).statusCode).toBe(401);
  });

  it('is anyone on this machine where nobody is asked for a token', async () => {
    expect((await openApi().inject('/api/v1/me')).json()).toEqual({ person: 'unauthenticated', role: 'admin', tenants: null, authentication: false });
  });
});

it('a caller who is fenced to tenants finds no users, by whatever they search', async () => {
  const { verifyToken, as } = await openTestIssuer();
  const asked: unknown[] = [];
  const api = openApi({ verifyToken, reads: { deletions: (filter) => {
    asked.push(filter);
    return Promise.resolve([]);
  } } });
  for (const query of ['userId=user_888', 'subjectRef=v1.0a1b2c3d', 'traceId=trace-1', 'serviceInstanceId=s-1']) {
    expect((await api.inject({ url: `/api/v1/deletions?${query}`, headers: await as('viewer', { tenants: ['t-1'] }) })).statusCode).toBe(200);
  }
  expect(asked).toHaveLength(4);
  for (const filter of asked) expect(filter).toMatchObject({ tenantIds: ['t-1'] }); // users' deletions are of none
});
