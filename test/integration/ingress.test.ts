import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createStartOrJoin } from '../../bridges/ingress/start-or-join.js';
import { startIngress } from '../../bridges/ingress/role.js';
import { deadLetterTopic, TOPICS, workflowIdFor } from '../../contracts/names/index.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { SERVICE_FEED, stalenessMs } from '../../store/inventory/feed.js';
import { readDeletion } from '../../store/ledger/read.js';
import { openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { freshId, outboxOf, receiveRequest } from '../support/deletions.js';

let house: BridgeHouse;
let ingress: RunningRole;
let dead: Watched;
let startedMs = 0;
const metrics = createMetrics();

const userRequest = (eventId: string, userId: string, more: object = {}) => ({
  topic: TOPICS.userDeletionRequest,
  key: userId,
  value: JSON.stringify({ eventId, traceId: `trace-${eventId}`, timestamp: '2026-02-11T10:00:00Z', payload: { userId, reason: 'gdpr_request', source: 'account-service', ...more } }),
  headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
});
const serviceRequest = (traceId: string, tenantId: string, serviceInstanceId: string) => ({
  topic: TOPICS.serviceDeletionRequest,
  key: tenantId,
  value: JSON.stringify({ traceId, key: tenantId, payload: { tenantId, serviceType: 'email', serviceInstanceId, requestedBy: 'admin', timestamp: '2026-02-11T12:00:00Z', gdprMode: false } }),
});
const refOf = (userId: string): string => createSubjectRefs(house.config.subjectPeppers).current(userId);
const arrived = async (requestId: string) => {
  await until(`the ledger has ${requestId}`, async () => (await readDeletion(house.database, requestId)) !== undefined);
};
const signalsOf = async (workflowId: string): Promise<string[]> => {
  const { events } = await house.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
};

beforeAll(async () => {
  house = await openBridgeHouse(['ingress']);
  dead = await house.watch(...[TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest].map(deadLetterTopic));
  ingress = await startIngress(house.deps({ metrics }));
  await until('the ingress reads', () => ingress.ready());
  const readyAt = Date.now();
  await until('the inventory is marked as caught up', async () => (await stalenessMs(house.database, SERVICE_FEED)) !== undefined);
  startedMs = Date.now() - readyAt;
});

afterAll(async () => {
  const stoppingAt = Date.now();
  await ingress.stop();
  expect(Date.now() - stoppingAt).toBeLessThan(10_000);
  await house.close();
});

describe('a request', () => {
  test('enters the ledger, is told of, and starts the workflow of its subject', async () => {
    const [requestId, userId] = [freshId('req'), freshId('user')];
    await house.send(userRequest(requestId, userId));
    await arrived(requestId);
    const workflowId = workflowIdFor({ kind: 'user', subjectRef: refOf(userId) });
    await until('the workflow runs', async () => (await house.client.workflow.getHandle(workflowId).describe().catch(() => undefined))?.status.name === 'RUNNING');

    const record = await readDeletion(house.database, requestId);
    expect(record?.deletion).toMatchObject({ kind: 'user', userId, subjectRef: refOf(userId), workflowId, status: 'PENDING', source: 'account-service', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    expect(record?.timeline.map(({ what }) => what)).toEqual(['received']);
    const [event] = await outboxOf(house.database, requestId);
    expect(event).toMatchObject({ eventId: `${requestId}/requested/1`, destination: 'nova.deletion.events', key: refOf(userId) });
  });

  test('is found by its search attributes, and Temporal never sees the user', async () => {
    const [requestId, userId] = [freshId('req'), freshId('user')];
    await house.send(userRequest(requestId, userId));
    const workflowId = workflowIdFor({ kind: 'user', subjectRef: refOf(userId) });
    const handle = house.client.workflow.getHandle(workflowId);
    await until('the workflow is there', async () => (await handle.describe().catch(() => undefined)) !== undefined);
    const { typedSearchAttributes, raw } = await handle.describe();
    const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
    expect(attributes).toMatchObject({ RequestId: requestId, TraceId: `trace-${requestId}`, GdprMode: true, DeletionStatus: 'PENDING' });
    const history = await handle.fetchHistory();
    const payloads = JSON.stringify([raw, history], (name, value: unknown) => (name === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value));
    expect(payloads).toContain(requestId);
    expect(payloads).not.toContain(userId);
    expect(house.logged.join('')).not.toContain(userId);
  });

  test('that comes again changes nothing', async () => {
    const [traceId, tenantId, instance] = [freshId('trace'), freshId('tenant'), freshId('srv')];
    const request = serviceRequest(traceId, tenantId, instance);
    await house.send(request, request, request);
    const requestId = `${traceId}_${instance}`;
    await arrived(requestId);
    const workflowId = workflowIdFor({ kind: 'service', tenantId, serviceType: 'email', serviceInstanceId: instance });
    // Without a worker the row is not claimed, so each repeat reaches the run, which knows the request for its own.
    await until('the repeats were handled', async () => (await signalsOf(workflowId).catch(() => [])).length === 2);
    expect((await readDeletion(house.database, requestId))?.timeline).toHaveLength(1);
    expect(await outboxOf(house.database, requestId)).toHaveLength(1);
  });

  test('for a subject whose deletion runs is signalled to it', async () => {
    const [first, second, userId] = [freshId('req'), freshId('req'), freshId('user')];
    await house.send(userRequest(first, userId), userRequest(second, userId));
    const workflowId = workflowIdFor({ kind: 'user', subjectRef: refOf(userId) });
    await until('the second joined', async () => (await signalsOf(workflowId).catch(() => [])).length === 1);
    expect(await signalsOf(workflowId)).toEqual(['join']);
    expect((await readDeletion(house.database, second))?.deletion.workflowId).toBe(workflowId);
  });

  test('under an id that another subject has is kept as a dead letter, and counted', async () => {
    const [requestId, userId, other] = [freshId('req'), freshId('user'), freshId('user')];
    await house.send(userRequest(requestId, userId));
    await arrived(requestId);
    await house.send(userRequest(requestId, other));
    await until('the dead letter is there', () => dead.seen.some(({ key }) => key === other));
    expect(dead.seen.find(({ key }) => key === other)?.headers).toMatchObject({ 'dlq-error-class': 'REQUEST_ID_TAKEN' });
    expect((await readDeletion(house.database, requestId))?.deletion.userId).toBe(userId);
    expect((await metrics.requestConflicts.get()).values[0]?.value).toBe(1);
  });

  test('that cannot be read does not stop what comes behind it', async () => {
    const [requestId, userId] = [freshId('req'), freshId('user')];
    await house.send({ topic: TOPICS.userDeletionRequest, key: userId, value: '{"eventId":' }, { topic: TOPICS.userDeletionRequest, key: userId, value: null }, userRequest(requestId, userId));
    await arrived(requestId);
    await until('both dead letters are there', () => dead.seen.filter(({ key }) => key === userId).length === 2);
  });

  test('as a dry run joins nothing', async () => {
    const [real, dry, userId] = [freshId('req'), freshId('req'), freshId('user')];
    await house.send(userRequest(real, userId), userRequest(dry, userId, { dryRun: true }));
    await arrived(dry);
    const { deletion } = (await readDeletion(house.database, dry))!;
    expect(deletion.workflowId).toBe(`user-deletion/${refOf(userId)}/dry-run/${dry}`);
    await until('its workflow runs', async () => (await house.client.workflow.getHandle(deletion.workflowId).describe().catch(() => undefined)) !== undefined);
  });

  test('goes by the reference of an older pepper while a live deletion does', async () => {
    const [older, newer, userId] = [freshId('req'), freshId('req'), freshId('user')];
    const [, oldRef] = createSubjectRefs(house.config.subjectPeppers).candidates(userId);
    await receiveRequest(house.database, { requestId: older, subject: { kind: 'user', subjectRef: oldRef! }, userId });
    await house.send(userRequest(newer, userId));
    await arrived(newer);
    expect((await readDeletion(house.database, newer))?.deletion.workflowId).toBe(`user-deletion/${oldRef!}`);
  });
});

describe('start or join', () => {
  test('starts again when the run has closed', async () => {
    const startOrJoin = createStartOrJoin(house.client);
    const request = await receiveRequest(house.database, { subject: { kind: 'service', tenantId: freshId('tenant'), serviceType: 'email', serviceInstanceId: freshId('srv') } });
    expect(await startOrJoin(request)).toBe('started');
    expect(await startOrJoin(request)).toBe('joined');
    await house.client.workflow.getHandle(request.workflowId).terminate();
    expect(await startOrJoin(request)).toBe('started');
  });

  test('starts again when the run closes between start and join', async () => {
    const request = await receiveRequest(house.database, { subject: { kind: 'service', tenantId: freshId('tenant'), serviceType: 'email', serviceInstanceId: freshId('srv') } });
    await createStartOrJoin(house.client)(request);
    let closed = false;
    const racing = createStartOrJoin({
      withDeadline: async (deadline, act) => {
        try {
          return await house.client.withDeadline(deadline, act);
        } catch (error) {
          if (!closed) await house.client.workflow.getHandle(request.workflowId).terminate();
          closed = true;
          throw error;
        }
      },
      workflow: house.client.workflow,
    });
    expect(await racing(request)).toBe('started');
    expect(closed).toBe(true);
  });
});

test('service events feed the inventory, each once', async () => {
  const [tenantId, instance, eventId] = [freshId('tenant'), freshId('srv'), freshId('evt')];
  const event = { topic: TOPICS.serviceEvents, key: tenantId, value: JSON.stringify({ eventId, eventType: 'service.provisioned', tenantId, serviceType: 'app', serviceInstanceId: instance, dependsOn: [], timestamp: '2026-02-11T09:00:00Z' }) };
  await house.send(event, event);
  await until('the service is known', async () => (await house.database.rows('SELECT FROM services WHERE tenant_id = $1', [tenantId])).length === 1);
});

test('the inventory is marked as caught up soon after the start, and stays fresh', async () => {
  expect(startedMs).toBeLessThan(3_000);
  await until('a later mark', async () => ((await stalenessMs(house.database, SERVICE_FEED)) ?? Infinity) < 1_000);
});
