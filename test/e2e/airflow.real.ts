import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { fresh, provision, serviceRequest, userRequest, whenStatus } from '../support/house-scenes.js';
import { namesOf, treeOf, whenTrace } from '../support/traces.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ airflowIs: 'real', env: { RESULT_TIMEOUT: '240s', OTEL_EXPORTER_OTLP_ENDPOINT: inject('collector'), OTEL_BSP_SCHEDULE_DELAY: '200' } });
});
afterAll(() => house.close());

const DEADLINE_MS = 180_000;

describe('on the real Airflow', () => {
  test('a user deletion erases rows and files of this user only, and its counts come back to the ledger', async () => {
    const userId = fresh('user');
    await house.data.addUser(userId);
    await house.data.addUser(`${userId}0`);
    const { requestId, ...message } = userRequest(userId);
    await house.send(message);
    const answer = await whenStatus(house, requestId, 'COMPLETED', DEADLINE_MS);
    expect(answer['counts']).toEqual({ files_deleted: 1, db_rows_purged: 3 });
    expect(answer['airflow_ref']).toBe(`del_req_${requestId}`);
    expect(await house.data.ofUser(userId)).toEqual([]);
    expect(await house.data.ofUser(`${userId}0`)).toHaveLength(3);
    // The result is published by the run's last task: Airflow closes the run a moment later.
    await waitFor('the run is a success', async () => (await house.airflow.run('user_cleanup_dag', `del_req_${requestId}`))?.state === 'success');
  });

  test('a service deletion erases rows and files of this instance only, and its counts come back to the ledger', async () => {
    const tenantId = fresh('tenant');
    await house.data.addService(tenantId, 'srv-1');
    await house.data.addService(tenantId, 'srv-10');
    await house.data.addService(`${tenantId}0`, 'srv-1');
    await provision(house, tenantId, { 'srv-1': [], 'srv-10': [] });
    const { requestId, ...message } = serviceRequest({ tenantId, serviceInstanceId: 'srv-1' });
    await house.send(message);
    const answer = await whenStatus(house, requestId, 'COMPLETED', DEADLINE_MS);
    expect(answer['counts']).toEqual({ files_deleted: 1, db_rows_purged: 1 });
    expect(await house.data.ofService(tenantId, 'srv-1')).toEqual([]);
    expect(await house.data.ofService(tenantId, 'srv-10')).toHaveLength(2);
    expect(await house.data.ofService(`${tenantId}0`, 'srv-1')).toHaveLength(2);
  });

  test('its tasks have their spans in the tree of the deletion, and its result goes on from them', async () => {
    const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const userId = fresh('user');
    await house.data.addUser(userId);
    const { requestId, ...message } = userRequest(userId);
    await house.send({ ...message, headers: { traceparent: `00-${traceId}-${spanId}-01` } });
    await whenStatus(house, requestId, 'COMPLETED', DEADLINE_MS);
    const spans = await whenTrace(inject('collector'), traceId, ['send airflow.pipeline.result', 'process airflow.pipeline.result', 'RunActivity:complete', 'send notifications.send']);
    treeOf(spans, spanId);
    const [post] = spans.filter(({ name }) => name === 'process airflow.pipeline.trigger');
    const tasks = spans.filter(({ attributes }) => attributes['airflow.dag_id'] === 'user_cleanup_dag');
    expect(namesOf(tasks)).toEqual(['check_fence user_cleanup_dag', 'erase user_cleanup_dag', 'publish_result user_cleanup_dag']);
    for (const { parentId, failed, attributes } of tasks) expect([parentId, failed, attributes['airflow.try_number'], attributes['expunge.job_id']]).toEqual([post?.spanId, false, 1, `del_req_${requestId}`]);
    expect(JSON.stringify(spans)).not.toContain(userId);
  });

  test('a dry run counts and erases nothing', async () => {
    const userId = fresh('user');
    await house.data.addUser(userId);
    const { requestId, ...message } = userRequest(userId);
    const payload = message.value['payload'] as Record<string, unknown>;
    await house.send({ ...message, value: { ...message.value, payload: { ...payload, dryRun: true } } });
    const answer = await whenStatus(house, requestId, 'COMPLETED', DEADLINE_MS);
    expect(answer).toMatchObject({ dryRun: true, counts: { files_deleted: 1, db_rows_purged: 3 } });
    expect(await house.data.ofUser(userId)).toHaveLength(3);
  });

  test('a service type without an eraser is a failure that says so, and erases nothing', async () => {
    const tenantId = fresh('tenant');
    await provision(house, tenantId, { 'srv-1': [] }, () => 'never-heard-of');
    const { requestId, ...message } = serviceRequest({ tenantId, serviceInstanceId: 'srv-1', serviceType: 'never-heard-of' });
    await house.send(message);
    const answer = await whenStatus(house, requestId, 'FAILED', DEADLINE_MS);
    expect(answer['failure']).toMatchObject({ code: 'NO_ERASER' });
  });

  test('a job that does not stand any more is not erased for: its run ends with its erasing skipped', async () => {
    const userId = fresh('user');
    await house.data.addUser(userId);
    await house.airflow.pause('user_cleanup_dag', true);
    const { requestId, ...message } = userRequest(userId);
    await house.send(message);
    const jobId = `del_req_${requestId}`;
    await waitFor('the run waits in Airflow', async () => (await house.airflow.run('user_cleanup_dag', jobId)) ?? false);
    await house.ledger.rows(`UPDATE attempts SET revoked_at = now(), revoked_why = 'withdrawn for the test' WHERE job_id = $1`, [jobId]);
    await house.airflow.pause('user_cleanup_dag', false);
    await waitFor('the run has ended', async () => ['success', 'failed'].includes((await house.airflow.run('user_cleanup_dag', jobId))?.state ?? ''), DEADLINE_MS);
    expect(['skipped', null]).toContain(await house.airflow.taskState('user_cleanup_dag', jobId, 'erase'));
    expect(await house.data.ofUser(userId)).toHaveLength(3);
  });
});
