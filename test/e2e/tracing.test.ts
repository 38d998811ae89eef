import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { ROLES } from '../../platform/roles.js';
import { openTokenIssuer } from '../../stack/tokens.js';
import { openHouse, type House } from '../support/house.js';
import { fresh, provision, serviceRequest, userRequest, whenStatus } from '../support/house-scenes.js';
import { receivedSpans } from '../support/otlp-receiver.js';
import type { ReceivedSpan } from '../support/otlp-protobuf.js';
import { header, type Json } from '../support/recorder.js';
import { namesOf, treeOf, whenTrace } from '../support/traces.js';
import { waitFor } from '../support/wait-for.js';

const collector = inject('collector');
const USER_DAG = 'user_cleanup_dag';
let house: House;
beforeAll(async () => {
  house = await openHouse({
    env: { AUTO_RETRIES: '1', OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_BSP_SCHEDULE_DELAY: '200' },
    processes: [{ name: 'worker', roles: ['worker'] }, { name: 'others', roles: ROLES.filter((role) => role !== 'worker') }],
  });
});
afterEach(() => house.airflow.turn('reset', { runs: true }));
afterAll(() => house.close());

const newTrace = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });

/** How a workflow is told of a result: as a signal where no worker has answered in time, as while one is restarted. */
const TOLD = ['UpdateWorkflow:takeAirflowResult', 'SignalWorkflow:airflowResult'] as const;
/** From the first message to the tell-tale of what came of it, in the order in which they begin. */
const ATTEMPT = [
  'process airflow.pipeline.trigger', 'POST /api/v2/dags/{dag_id}/dagRuns', `check_fence ${USER_DAG}`, `erase ${USER_DAG}`, `publish_result ${USER_DAG}`,
  'send airflow.pipeline.result', 'process airflow.pipeline.result', TOLD[0],
];
const END = ['RunActivity:complete', 'send notifications.send'];

/** The headers of all messages that went out for a request. */
const sentPlaces = (requestId: string): (string | undefined)[] =>
  ['airflow.pipeline.trigger', 'airflow.pipeline.result', 'notifications.send', 'nova.deletion.events'].flatMap((topic) =>
    house.bus.messages(topic).filter(({ value }) => value?.toString().includes(requestId)).map((message) => header(message, 'traceparent')));

/** Expects the names to be there in this order, whatever is between. */
function expectInOrder(spans: readonly ReceivedSpan[], names: readonly string[]): void {
  const left = [...names];
  for (const { name } of spans) if ((name === TOLD[1] ? TOLD[0] : name) === left[0]) left.shift();
  expect(left, `of ${namesOf(spans).join(', ')}`).toEqual([]);
}

function expectNoneNames(spans: readonly ReceivedSpan[], ...words: string[]): void {
  expect(spans.length).toBeGreaterThan(0);
  for (const word of words) expect(JSON.stringify(spans)).not.toContain(word);
}

describe('the spans of one deletion form one tree', () => {
  test('of a user, from a traceparent, over a failed attempt and a restart of the worker in between', async () => {
    const { traceId, spanId } = newTrace();
    const { requestId, ...message } = userRequest(fresh('ann'));
    const userId = message.key;
    await house.data.addUser(userId);
    await house.airflow.turn('fail', { subject: userId, times: 1, error: `no rows of ${userId}`, error_code: 'DAG_FAILED' });
    await house.airflow.turn('knobs', { durations: { [userId]: 2_000 } });
    await house.send({ ...message, headers: { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=abc' } });
    await whenStatus(house, requestId, 'SENT_TO_AIRFLOW');
    // Spans that a process has not sent yet die with it.
    await waitFor('the span of the claim has come', async () => namesOf(await receivedSpans(collector, traceId)).includes('RunActivity:claim'), 20_000);
    await house.roles.kill('SIGKILL', 'worker');
    await house.roles.start('worker');
    await whenStatus(house, requestId, 'COMPLETED', 60_000);

    const spans = await whenTrace(collector, traceId, [...ATTEMPT.slice(0, -1), ...END]);
    treeOf(spans, spanId);
    expectInOrder(spans, [
      'process users.deletion.request', 'StartWorkflow:userDeletion', 'RunActivity:claim', 'send airflow.pipeline.trigger', ...ATTEMPT.slice(0, 4), `publish_failure ${USER_DAG}`, ...ATTEMPT.slice(5),
      'RunActivity:noteFailedAttempt', 'RunActivity:trigger', 'send airflow.pipeline.trigger', ...ATTEMPT, ...END,
    ]);
    expect(spans.every(({ state }) => state === 'vendor=abc')).toBe(true);
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['expunge', 'expunge-erasers']));

    const [receipt] = spans;
    expect(receipt).toMatchObject({ kind: 'consumer', parentId: spanId, attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': 'users.deletion.request', 'messaging.consumer.group.name': 'expunge-ingress', 'expunge.request_id': requestId, 'expunge.kind': 'user', 'expunge.lane': 'default' } });
    expect(receipt?.attributes['expunge.subject_ref']).toMatch(/^v\d+\./);
    const erasures = spans.filter(({ name }) => name === `erase ${USER_DAG}`);
    expect(erasures.map(({ failed, attributes }) => [failed, attributes['expunge.job_id']])).toEqual([[true, `del_req_${requestId}`], [false, `del_req_${requestId}~2`]]);
    const posts = spans.filter(({ name }) => name === 'process airflow.pipeline.trigger');
    expect(posts.map(({ attributes }) => attributes['expunge.attempt'])).toEqual([1, 2]);
    // Each run stands under the post that made it.
    for (const [i, erasure] of erasures.entries()) expect(erasure.parentId).toBe(posts[i]?.spanId);
    expect(spans.find(({ name }) => name === 'RunActivity:noteFailedAttempt')?.attributes).toMatchObject({ 'expunge.attempt': 1, 'expunge.failure_code': 'DAG_FAILED' });
    expectNoneNames(spans, userId);

    const ids = new Set(spans.map((span) => span.spanId));
    const places = sentPlaces(requestId);
    expect(places.length).toBeGreaterThanOrEqual(8);
    for (const place of places) expect(ids).toContain(place?.split('-')[2]);
  });

  test('of a service, from b3, with the emptying of its tenant and the clean-up that follows', async () => {
    const { traceId, spanId } = newTrace();
    const tenantId = fresh('tenant');
    await provision(house, tenantId, { 'srv-1': [] });
    const { requestId, ...message } = serviceRequest({ tenantId, serviceInstanceId: 'srv-1', gdprMode: true });
    await house.send({ ...message, headers: { b3: `${traceId}-${spanId}-1` } });
    await whenStatus(house, requestId, 'COMPLETED');
    await whenStatus(house, `tenant~${tenantId}~1`, 'COMPLETED');

    const spans = await whenTrace(collector, traceId, ['send tenant.lifecycle.events', 'send tenant.lifecycle.events', 'send notifications.send', 'send notifications.send']);
    treeOf(spans, spanId);
    expectInOrder(spans, [
      'process tenant.service.deletion.request', 'StartWorkflow:serviceDeletion', 'RunActivity:claim', 'send airflow.pipeline.trigger',
      ...ATTEMPT.map((name) => name.replace(USER_DAG, 'service_cleanup_dag')), 'RunActivity:complete', 'SignalWithStartWorkflow:recheck',
      'RunActivity:decideEmptying', 'RunActivity:claim', 'send airflow.pipeline.trigger', ...ATTEMPT.map((name) => name.replace(USER_DAG, 'tenant_cleanup_dag')), 'RunActivity:complete', 'send tenant.lifecycle.events',
    ]);
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
  });

  test('of a request that is in no trace: it has one of its own, under its traceId', async () => {
    const { traceId } = newTrace();
    const { requestId, ...message } = userRequest(fresh('bob'));
    await house.send({ ...message, value: { ...message.value, traceId } });
    await whenStatus(house, requestId, 'COMPLETED');
    const spans = await whenTrace(collector, traceId, END);
    treeOf(spans, '');
    expect(spans[0]?.name).toBe('process users.deletion.request');
  });

  test('of a request to the API, from the headers of its call', async () => {
    const { traceId, spanId } = newTrace();
    const userId = fresh('eve');
    const issuer = await openTokenIssuer(dirname(house.env['API_JWKS_FILE'] ?? ''));
    const token = await issuer.issue({ subject: 'carla', role: 'operator', expiresInMs: 60_000 });
    const response = await fetch(`${house.env['EXPUNGE_API_URL'] ?? ''}/api/v1/deletions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': '1' },
      body: JSON.stringify({ kind: 'user', userId, reason: 'gdpr_request' }),
    });
    expect(response.status).toBe(202);
    const { requestId } = (await response.json()) as { requestId: string };
    const { body } = await waitFor('the request is in the ledger', async () => {
      const answer = await house.api(`/api/v1/deletions/${requestId}`);
      return answer.status === 200 && answer;
    });
    expect(body['traceId']).toBe(traceId);
    await whenStatus(house, requestId, 'COMPLETED');
    const spans = await whenTrace(collector, traceId, END);
    treeOf(spans, spanId);
    expectInOrder(spans, ['POST /api/v1/deletions', 'send users.deletion.request', 'process users.deletion.request', 'RunActivity:claim', ...END]);
    expect(spans[0]).toMatchObject({ kind: 'server', attributes: { 'http.route': '/api/v1/deletions', 'http.response.status_code': 202 } });
    expectNoneNames(spans, userId);
  });

  test('and what cannot be handled is told by its code alone', async () => {
    const { traceId, spanId } = newTrace();
    const { requestId, ...message } = userRequest(fresh('mallory'));
    const value: Json = { ...message.value, payload: { userId: message.key, source: 'account-service' } };
    await house.send({ ...message, value, headers: { traceparent: `00-${traceId}-${spanId}-01` } });
    const [span] = await whenTrace(collector, traceId, ['process users.deletion.request']);
    expect(span).toMatchObject({ failed: true, message: 'MISSING_FIELD', parentId: spanId, attributes: { 'error.type': 'MISSING_FIELD' }, events: [{ name: 'exception', attributes: { 'exception.type': 'MISSING_FIELD' } }] });
    expectNoneNames(span ? [span] : [], message.key, requestId);
  });
});

test('lines of the log say which trace they are of', async () => {
  const { traceId, spanId } = newTrace();
  const { requestId, ...message } = userRequest(fresh('lea'));
  await house.send({ ...message, headers: { traceparent: `00-${traceId}-${spanId}-01` } });
  await whenStatus(house, requestId, 'COMPLETED');
  const lines = (await house.logs()).split('\n').filter((line) => line.includes(traceId)).map((line) => JSON.parse(line) as Json);
  expect(lines.map(({ msg }) => msg as string)).toEqual(expect.arrayContaining(['request started', 'trigger handled', 'result handled']));
  expect(lines.every((line) => line['traceId'] === traceId && /^[0-9a-f]{16}$/.test(line['spanId'] as string))).toBe(true);
});

test('a trace that whoever began it does not record makes no spans, and is handed on as such', async () => {
  const { traceId, spanId } = newTrace();
  const { requestId, ...message } = userRequest(fresh('tom'));
  await house.send({ ...message, headers: { traceparent: `00-${traceId}-${spanId}-00` } });
  await whenStatus(house, requestId, 'COMPLETED');
  const places = await waitFor('its messages have come', () => {
    const found = sentPlaces(requestId);
    return found.length >= 4 && found;
  });
  for (const place of places) expect(place).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  await expect(whenTrace(collector, traceId, ['process users.deletion.request'], 1_000)).rejects.toThrow();
});
