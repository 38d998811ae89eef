import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthorityUnavailable, createInventoryAuthority } from '../../activities/inventory-authority.js';
import { freshId, serviceSubject } from '../support/deletions.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

interface Listed {
  readonly serviceInstanceId: string;
  readonly serviceType: string;
  readonly dependsOn?: readonly string[];
  readonly provisionedAt: string;
}
const PROVISIONED = '2026-01-01T00:00:00Z';
const service = (serviceInstanceId: string, dependsOn: readonly string[] = []): Listed => ({ serviceInstanceId, serviceType: 'database', dependsOn, provisionedAt: PROVISIONED });

/** A company's own inventory, over HTTP. */
const tenants = new Map<string, readonly Listed[]>();
let answerInstead: { readonly status: number; readonly body: string } | undefined;
let asked: (string | undefined)[] = [];
let server: Server;
let url: string;
let house: WorkflowHouse;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    const [, tenantId = ''] = /^\/inventory\/tenants\/([^/]+)\/services$/.exec(request.url ?? '') ?? [];
    const services = tenants.get(decodeURIComponent(tenantId));
    const { status, body } = answerInstead ?? { status: services ? 200 : 404, body: JSON.stringify(services ? { services } : { title: 'unknown tenant' }) };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/inventory/`;
  house = await openWorkflowHouse({ server: 'real', inventoryAuthority: createInventoryAuthority({ url, token: 'secret' }) });
}, 300_000);
afterAll(async () => {
  await house.close();
  server.close();
});

describe('with an authority over the inventory', () => {
  test('a database is blocked by the app that the authority lists, and goes when it lists it no more; the last one empties the tenant', async () => {
    const tenantId = freshId('tenant');
    tenants.set(tenantId, [service('app', ['db']), service('db')]);
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    const { deletion } = await house.untilStatus(db.input.requestId, 'FAILED');
    expect(deletion.failureCode).toBe('DEPENDENCY_BLOCKED');
    expect(asked.at(-1)).toBe('Bearer secret');

    tenants.set(tenantId, [service('db')]);
    await db.handle.signal('retry');
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    await db.handle.result();
    const statuses = () => house.database.rows('SELECT status FROM tenants WHERE tenant_id = $1', [tenantId]);
    expect(await statuses()).toEqual([{ status: 'EMPTY' }]);
    // The authority is slow, and lists it still: what was erased stays erased.
    await house.client.workflow.execute('tenant', { workflowId: `tenant/${tenantId}`, taskQueue: 'expunge', args: [{ tenantId }] });
    expect(await statuses()).toEqual([{ status: 'EMPTY' }]);
  });

  test('nothing is decided while it cannot be asked, or answers in a form that nobody knows', async () => {
    const tenantId = freshId('tenant');
    tenants.set(tenantId, [service('db')]);
    answerInstead = { status: 503, body: '{}' };
    asked = [];
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.until(db.input.requestId, 'asked several times', () => asked.length >= 3);
    expect((await house.read(db.input.requestId)).deletion).toMatchObject({ status: 'PENDING', attempt: 0 });
    answerInstead = undefined;
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    await db.handle.result();
  });

  test.each([
    ['an error', 500, '{}'],
    ['a 404 that is a page of a wrong address', 404, '<html></html>'],
    ['a service without the time it was provisioned', 200, '{"services":[{"serviceInstanceId":"a","serviceType":"b"}]}'],
    ['an id that is none', 200, `{"services":[{"serviceInstanceId":"../a","serviceType":"b","provisionedAt":"${PROVISIONED}"}]}`],
    ['no list at all', 200, '[]'],
  ])('%s is no empty tenant', async (_, status, body) => {
    answerInstead = { status, body };
    await expect(createInventoryAuthority({ url })('anyone')).rejects.toBeInstanceOf(AuthorityUnavailable);
    answerInstead = undefined;
  });
});
