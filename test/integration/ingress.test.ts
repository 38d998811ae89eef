import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngress } from '../../bridges/ingress/ingress.js';
import { createStartOrJoin } from '../../bridges/ingress/start-or-join.js';
import { startIngress } from '../../bridges/ingress/role.js';
import { deadLetterTopic, TOPICS, workflowIdFor } from '../../contracts/names/index.js';
import { createMetrics } from '../../platform/metrics.js';
import { loadPolicies } from '../../platform/policies.js';
import type { RunningRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { SERVICE_FEED, stalenessMs } from '../../store/inventory/feed.js';
import { readDeletion } from '../../store/ledger/read.js';
import { incoming, openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { freshId, outboxOf, receiveRequest } from '../support/deletions.js';
import { novaSample } from '../support/nova-samples.js';
import { gatherStatements } from '../support/store.js';

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
  dead = await house.watch(...[TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, house.config.kafka.novaTopics.identity].map(deadLetterTopic));
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

  test('enters the ledger with all others that are in hand, and its workflow is started with so many at once', async () => {
    const { database, statements } = gatherStatements(house.database);
    let startAll = (): void => undefined;
    const mayStart = new Promise<void>((resolve) => (startAll = resolve));
    const starting: string[] = [];
    const routes = createIngress({
      database, metrics, log: house.log, policies: loadPolicies(house.config), subjectRefs: createSubjectRefs(house.config.subjectPeppers),
      topicPrefix: 'nova', identityTopic: house.config.kafka.novaTopics.identity, softDeleteGraceMs: 0,
      startOrJoin: async ({ workflowId }) => {
        starting.push(workflowId);
        await mayStart;
        return 'started';
      },
    });
    const requestIds = Array.from({ length: 150 }, () => freshId('req'));
    const handled = requestIds.map(async (requestId) => {
      const { topic, value, headers } = userRequest(requestId, `user-of-${requestId}`);
      await routes[topic]?.(incoming(topic, value, { headers }));
    });
    await until('as many start as may', () => starting.length === 64);
    expect(statements).toHaveLength(1);
    const [found] = await house.database.rows<{ n: number }>('SELECT count(*) AS n FROM deletions WHERE request_id = ANY($1)', [requestIds]);
    expect(found?.n).toBe(150);
    startAll();
    await Promise.all(handled);
    expect(new Set(starting).size).toBe(150);
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

describe('a user whom the service of identities has deleted', () => {
  const topic = 'nova.identity.events';
  const DAY_MS = 86_400_000;
  const deleted = (userId: string, { soft = false, at = new Date(), headers = {} }: { readonly soft?: boolean; readonly at?: Date; readonly headers?: Record<string, string> } = {}) => ({
    topic, key: userId, value: JSON.stringify({ user_id: userId, deleted_at: at.toISOString(), soft_delete: soft }), headers: { event_type: 'identity.user.deleted', ...headers },
  });
  const byUser = (userId: string) => house.database.rows<{ requestId: string; status: string; source: string; reason: string; graceMs: number; workflowId: string; dueInDays: number }>(
    `SELECT request_id, status, source, reason, (input->>'graceMs')::float8 AS grace_ms, workflow_id, round(extract(epoch FROM due_at - received_at) / 86400)::int AS due_in_days FROM deletions WHERE user_id = $1 ORDER BY received_at`, [userId]);
  const asked = async (userId: string) => {
    await until(`a request about ${userId} is there`, async () => (await byUser(userId)).length > 0);
    return byUser(userId);
  };

  test('for good: the deletion starts at once, under the id of the event', async () => {
    const [userId, eventId] = [freshId('user'), freshId('evt')];
    await house.send(deleted(userId, { headers: { event_id: eventId, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } }));
    expect(await asked(userId)).toMatchObject([{ requestId: eventId, graceMs: 0, dueInDays: 30, source: 'identity-service', reason: 'identity.user.deleted' }]);
    const workflowId = workflowIdFor({ kind: 'user', subjectRef: refOf(userId) });
    await until('the workflow runs', async () => (await house.client.workflow.getHandle(workflowId).describe().catch(() => undefined)) !== undefined);
    expect((await readDeletion(house.database, eventId))?.deletion).toMatchObject({ workflowId, traceId: '0af7651916cd43dd8448eb211c80319c' });
    await house.send(deleted(userId, { headers: { event_id: eventId } }));
    await until('the repeat was handled', async () => (await signalsOf(workflowId)).length === 1);
    expect(await byUser(userId)).toHaveLength(1);
  });

  test('the sample of the source document, softly: the deletion has a grace, and is due a month after it', async () => {
    const { key, headers, value } = novaSample('identity.user.deleted');
    await house.send({ topic, key, headers, value: JSON.stringify(value, null, 2) });
    expect(await asked(key)).toMatchObject([{ requestId: headers['event_id'], graceMs: 30 * DAY_MS, dueInDays: 60, reason: 'identity.user.deleted, soft' }]);
  });

  test('without an id of its event is known by where the message lies', async () => {
    const userId = freshId('user');
    await house.send(deleted(userId));
    const [row] = await asked(userId);
    expect(row?.requestId).toMatch(/^nova\.identity\.events:\d+:\d+$/);
  });

  test('softly, joins a request for the same user, and the other way round', async () => {
    const [userId, eventId, requestId] = [freshId('user'), freshId('evt'), freshId('req')];
    await house.send(deleted(userId, { soft: true, headers: { event_id: eventId } }));
    await asked(userId);
    await house.send(userRequest(requestId, userId));
    const workflowId = workflowIdFor({ kind: 'user', subjectRef: refOf(userId) });
    await until('the request joined', async () => (await signalsOf(workflowId).catch(() => [])).length === 1);
    expect(await signalsOf(workflowId)).toEqual(['join']);
    expect((await byUser(userId)).map(({ workflowId: id }) => id)).toEqual([workflowId, workflowId]);
  });

  test('before an erasure that is completed by now: nothing is left to be done, and that is noted there, once', async () => {
    const [userId, requestId, eventId, later] = [freshId('user'), freshId('req'), freshId('evt'), freshId('evt')];
    await receiveRequest(house.database, { requestId, subject: { kind: 'user', subjectRef: refOf(userId) }, userId });
    await house.database.rows(`UPDATE deletions SET status = 'COMPLETED', completed_at = now() WHERE request_id = $1`, [requestId]);
    // By the reference of an older pepper.
    const [, oldRef] = createSubjectRefs(house.config.subjectPeppers).candidates(userId);
    await house.database.rows('INSERT INTO subject_tombstones (subject_ref, erased_at, request_id) VALUES ($1, now(), $2)', [oldRef, requestId]);
    const echo = deleted(userId, { at: new Date(Date.now() - 5_000), headers: { event_id: eventId } });
    await house.send(echo, echo, deleted(userId, { at: new Date(Date.now() + 60_000), headers: { event_id: later } }));
    await arrived(later);
    expect((await byUser(userId)).map((row) => row.requestId)).toEqual([requestId, later]);
    expect((await readDeletion(house.database, requestId))?.timeline.filter(({ what }) => what === 'told of')).toHaveLength(1);
    expect((await metrics.identityEchoes.get()).values[0]?.value).toBe(2);
  });

  test('other events of that topic, and what is no event, are none of the ingress\'s business; a faulty deletion is a dead letter', async () => {
    const [userId, bad, good] = [freshId('user'), freshId('user'), freshId('user')];
    const profile = novaSample('identity.user.profile_updated');
    await house.send(
      { topic, key: userId, headers: profile.headers, value: JSON.stringify({ ...profile.value, user_id: userId }) },
      { topic, key: userId, headers: { event_type: 'identity.user.renamed' }, value: '{}' },
      { topic, key: userId, value: 'no JSON' },
      { topic, key: bad, headers: { event_type: 'identity.user.deleted', event_id: freshId('evt') }, value: JSON.stringify({ user_id: bad, soft_delete: 'yes' }) },
      { ...deleted(bad, { headers: { event_id: 'a~again~1' } }) },
      deleted(good),
    );
    await asked(good);
    await until('both dead letters are there', () => dead.seen.filter(({ key }) => key === bad).length === 2);
    expect(dead.seen.filter(({ key }) => key === bad).map(({ headers }) => headers['dlq-error-class']).sort()).toEqual(['INVALID_FIELD', 'MISSING_FIELD']);
    expect(dead.seen.filter(({ key }) => key === userId)).toEqual([]);
    expect([...(await byUser(userId)), ...(await byUser(bad))]).toEqual([]);
    expect(house.logged.join('')).not.toContain(bad);
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

test('a service event of a day that is still to come counts as of now', async () => {
  const [tenantId, instance] = [freshId('tenant'), freshId('srv')];
  await house.send({ topic: TOPICS.serviceEvents, key: tenantId, value: JSON.stringify({ eventId: freshId('evt'), eventType: 'service.provisioned', tenantId, serviceType: 'app', serviceInstanceId: instance, dependsOn: [], timestamp: '2099-01-01T00:00:00Z' }) });
  const known = () => house.database.rows<{ provisionedAt: Date }>('SELECT provisioned_at FROM services WHERE tenant_id = $1', [tenantId]);
  await until('the service is known', async () => (await known()).length === 1);
  expect((await known())[0]!.provisionedAt.getTime()).toBeLessThan(Date.now() + 6 * 60_000);
});

test('the inventory is marked as caught up soon after the start, and stays fresh', async () => {
  expect(startedMs).toBeLessThan(3_000);
  await until('a later mark', async () => ((await stalenessMs(house.database, SERVICE_FEED)) ?? Infinity) < 1_000);
});
