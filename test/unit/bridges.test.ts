import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { orderByInstance } from '../../bridges/ingress/order.js';
import { fromServiceRequest, fromUserDeleted, fromUserRequest } from '../../bridges/ingress/requests.js';
import { periodically } from '../../bridges/periodically.js';
import { createSlots } from '../../bridges/slots.js';
import { deletionStart, tenantStart, verificationStart } from '../../bridges/workflow-starts.js';
import { TOPICS } from '../../contracts/names/index.js';
import { parseServiceDeletionRequest, parseUserDeletionRequest } from '../../contracts/topics/index.js';
import { loadConfig } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { loadPolicies } from '../../platform/policies.js';
import { incoming } from '../support/bridges.js';

const policies = loadPolicies(loadConfig({}));
const sample = (name: string) => {
  const { value } = JSON.parse(readFileSync(new URL(`../samples/${name}.json`, import.meta.url), 'utf8')) as { value: unknown };
  return { key: null, value: Buffer.from(JSON.stringify(value)), headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } };
};
const silent = createLog({ level: 'silent' });

describe('a request becomes', () => {
  const user = sample('users.deletion.request');
  const service = sample('tenant.service.deletion.request');

  test('for a user, a deletion under its event id, known outside the ledger by its reference only', () => {
    const draft = fromUserRequest(parseUserDeletionRequest(user), user, 'v1.0123456789', policies);
    expect(draft).toMatchObject({ workflowId: 'user-deletion/v1.0123456789', userId: 'user_888', source: 'account-service', reason: 'gdpr_request', traceparent: user.headers.traceparent, requestedAt: new Date('2026-02-11T10:00:00Z') });
    expect(draft.input).toMatchObject({ requestId: 'uuid-1234', traceId: 'trace-abc-999', gdprMode: true, dryRun: false, graceMs: 0, policy: { dagId: 'user_cleanup_dag', lane: 'default' } });
    expect(JSON.stringify([draft.input, deletionStart(draft.input, draft.workflowId)])).not.toContain('user_888');
  });

  test('for a service, a deletion of its instance under trace and instance', () => {
    const draft = fromServiceRequest(parseServiceDeletionRequest(service), service, policies);
    expect(draft).toMatchObject({ workflowId: 'service-deletion/tenant-12345/srv-abc-001', requestedBy: 'admin-user-uuid' });
    expect(draft.input).toMatchObject({ requestId: 'trace-uuid-999_srv-abc-001', gdprMode: false });
    expect(JSON.stringify([draft.input, deletionStart(draft.input, draft.workflowId)])).not.toContain('admin-user-uuid');
  });

  test('of a user whom the service of identities has deleted, a deletion at once, or after a grace', () => {
    const message = incoming('nova.identity.events', {});
    const terms = { policies, softDeleteGraceMs: 5_000 };
    const value = { user_id: 'user_888', deleted_at: '2026-02-11T10:00:00Z', soft_delete: false };
    const hard = fromUserDeleted(value, 'evt-1', message, 'v1.0123456789', terms);
    expect(hard).toMatchObject({ workflowId: 'user-deletion/v1.0123456789', userId: 'user_888', source: 'identity-service', reason: 'identity.user.deleted', requestedAt: new Date('2026-02-11T10:00:00Z') });
    expect(hard.input).toMatchObject({ requestId: 'evt-1', traceId: 'evt-1', gdprMode: true, dryRun: false, graceMs: 0, subject: { kind: 'user', subjectRef: 'v1.0123456789' } });
    const soft = fromUserDeleted({ ...value, soft_delete: true }, 'a-topic-of-a-name-that-is-longer-than-the-id-of-a-trace-may-be:12:345', message, 'v1.0123456789', terms);
    expect(soft.input).toMatchObject({ graceMs: 5_000, traceId: 'ic-of-a-name-that-is-longer-than-the-id-of-a-trace-may-be:12:345' });
    expect(JSON.stringify([hard.input, soft.input, deletionStart(soft.input, soft.workflowId)])).not.toContain('user_888');
  });

  test('as a dry run, a workflow of its own', () => {
    const value = parseUserDeletionRequest(user);
    const draft = fromUserRequest({ ...value, payload: { ...value.payload, dryRun: true } }, user, 'v1.0123456789', policies);
    expect(draft.workflowId).toBe('user-deletion/v1.0123456789/dry-run/uuid-1234');
    expect(draft.input.dryRun).toBe(true);
  });

  test('a start in its lane’s queue, with attributes to find it by', () => {
    const value = parseServiceDeletionRequest(service);
    const draft = fromServiceRequest({ ...value, payload: { ...value.payload, serviceType: 'hadoop-cluster' } }, service, policies);
    const { taskQueue, typedSearchAttributes, staticSummary, staticDetails } = deletionStart(draft.input, draft.workflowId);
    expect(taskQueue).toBe('expunge-heavy');
    expect(Object.fromEntries((typedSearchAttributes as { key: { name: string }; value: unknown }[]).map(({ key, value: set }) => [key.name, set]))).toEqual({
      RequestId: 'trace-uuid-999_srv-abc-001', TraceId: 'trace-uuid-999', DeletionStatus: 'PENDING', GdprMode: false, TenantId: 'tenant-12345', ServiceType: 'hadoop-cluster', ServiceInstanceId: 'srv-abc-001',
    });
    expect(staticSummary).toBe('Delete hadoop-cluster srv-abc-001 of tenant tenant-12345');
    expect(staticDetails).toContain('service_cleanup_dag__heavy');
    expect(tenantStart('t-1')).toMatchObject({ workflowId: 'tenant/t-1', taskQueue: 'expunge' });
    expect(verificationStart({ requestId: 'r-1', lane: 'heavy' })).toMatchObject({ workflowId: 'verification/r-1', taskQueue: 'expunge-heavy' });
  });
});

describe('the order of what comes in', () => {
  const of = (topic: string, key: string, value: unknown) => orderByInstance(incoming(topic, value, { key: Buffer.from(key) }));
  const request = (tenantId: string, serviceInstanceId: string) => ({ traceId: 't', payload: { tenantId, serviceType: 'email', serviceInstanceId, requestedBy: 'admin', timestamp: '2026-02-11T12:00:00Z', gdprMode: false } });

  test('is, for requests about services, that of the instance', () => {
    const orders = [['acme', 'db'], ['acme', 'mail'], ['acme', 'db'], ['other', 'db']].map(([tenantId = '', instance = '']) => of(TOPICS.serviceDeletionRequest, tenantId, request(tenantId, instance)));
    expect(new Set(orders).size).toBe(3);
    expect(orders[0]).toBe(orders[2]);
  });
  test('is that of its key for one that cannot be read, and for all other topics', () => {
    expect(of(TOPICS.serviceDeletionRequest, 'acme', '{')).toBe('acme');
    expect(of(TOPICS.serviceDeletionRequest, 'acme', request('other', 'db'))).toBe('acme');
    expect(of(TOPICS.serviceEvents, 'acme', request('acme', 'db'))).toBe('acme');
    expect(orderByInstance(incoming(TOPICS.userDeletionRequest, {}))).toBeNull();
  });
});

describe('slots of a lane', () => {
  const never = new AbortController().signal;

  test('are never exceeded, are handed on in turn, and are the lane’s own', async () => {
    const slots = createSlots((lane) => (lane === 'heavy' ? 2 : 8));
    const order: string[] = [];
    let open = 0;
    let most = 0;
    const waits: boolean[] = [];
    const act = (name: string) => slots.within('heavy', never, async (waited) => {
      waits.push(waited);
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(name);
      open--;
    });
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map(act));
    expect(await slots.within('default', never, (waited) => Promise.resolve(waited))).toBe(false);
    await all;
    expect(most).toBe(2);
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(waits).toEqual([false, false, true, true, true]);
  });

  test('are given back by work that fails', async () => {
    const slots = createSlots(() => 1);
    await expect(slots.within('x', never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await slots.within('x', never, (waited) => Promise.resolve(waited))).toBe(false);
  });

  test('are not waited for once the wait is broken off, and none is lost by it', async () => {
    const slots = createSlots(() => 1);
    let finish: () => void = () => undefined;
    const first = slots.within('x', never, () => new Promise<void>((resolve) => (finish = resolve)));
    const giveUp = new AbortController();
    const second = slots.within('x', giveUp.signal, () => Promise.resolve('never'));
    giveUp.abort(new Error('stopping'));
    await expect(second).rejects.toThrow('stopping');
    finish();
    await first;
    expect(await slots.within('x', never, (waited) => Promise.resolve(waited))).toBe(false);
  });
});

describe('work done periodically', () => {
  const until = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2)); };

  test('is done at once, again when woken, and once more when it was woken meanwhile', async () => {
    let done = 0;
    let finish: () => void = () => undefined;
    const loop = periodically(() => { done++; return new Promise<void>((resolve) => (finish = resolve)); }, { name: 'test', everyMs: 60_000, log: silent });
    await until(() => done === 1);
    loop.wake();
    loop.wake();
    finish();
    await until(() => done === 2);
    finish();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toBe(2);
    loop.wake();
    await until(() => done === 3);
    finish();
    await loop.stop();
    expect(done).toBe(3);
  });

  test('is called again as soon as it wants to be', async () => {
    let done = 0;
    const loop = periodically(() => Promise.resolve(++done < 3 ? 0 : undefined), { name: 'test', everyMs: 60_000, log: silent });
    await until(() => done === 3);
    await loop.stop();
    expect(done).toBe(3);
  });

  test('goes on after failures, with waits that waking does not cut short', async () => {
    let done = 0;
    const loop = periodically(() => (++done === 1 ? Promise.reject(new Error('down')) : Promise.resolve()), { name: 'test', everyMs: 60_000, log: silent, backoff: { firstMs: 100, maxMs: 100 } });
    await until(() => !loop.healthy());
    const failedAt = performance.now();
    for (let i = 0; i < 10; i++) loop.wake();
    await until(() => done === 2);
    expect(performance.now() - failedAt).toBeGreaterThan(40);
    await until(() => loop.healthy());
    await loop.stop();
  });
});
