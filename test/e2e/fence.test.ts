import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { airflowResult, fresh, provision, serviceEvent, serviceRequest, userRequest, whenStatus } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ env: { RESULT_TIMEOUT: '2s', WATCHER_INTERVAL: '30s' } });
});
afterEach(() => house.airflow.turn('reset', { runs: true }));
afterAll(() => house.close());

const USER_DAG = 'user_cleanup_dag';
const SERVICE_DAG = 'service_cleanup_dag';
const standing = async (jobId: string) => (await house.api(`/api/v1/jobs/${jobId}`)).body;
const whenQueued = (dagId: string, jobId: string) => waitFor(`${jobId} is queued`, async () => (await house.airflow.run(dagId, jobId))?.state === 'queued');
/** Lets the queued runs of a DAG go, and waits until one has ended. */
async function letGo(dagId: string, jobId: string): Promise<void> {
  await house.airflow.pause(dagId, false);
  await waitFor(`${jobId} has ended`, async () => ['success', 'failed'].includes((await house.airflow.run(dagId, jobId))?.state ?? ''));
}
const UNTOUCHED = 3;

/** A user's deletion whose run is queued in Airflow, and that was parked as TIMEOUT meanwhile. */
async function queuedUser(): Promise<{ requestId: string; userId: string; jobId: string }> {
  const request = userRequest(fresh('user'));
  const jobId = `del_req_${request.requestId}`;
  await house.data.addUser(request.key);
  await house.airflow.pause(USER_DAG, true);
  await house.send(request);
  await whenQueued(USER_DAG, jobId);
  await whenStatus(house, request.requestId, 'TIMEOUT');
  return { requestId: request.requestId, userId: request.key, jobId };
}
const cancel = async (requestId: string): Promise<void> => {
  const cancelled = await house.cli('cancel', requestId, '--reason', 'the user stays');
  expect(cancelled).toMatchObject({ code: 0 });
  await whenStatus(house, requestId, 'CANCELLED');
};

describe('the fence: nothing is erased', () => {
  test('by a run that was still queued when its deletion was cancelled', async () => {
    const { requestId, userId, jobId } = await queuedUser();
    expect(await standing(jobId)).toMatchObject({ stands: true });
    await cancel(requestId);
    expect(await standing(jobId)).toMatchObject({ jobId, requestId, attempt: 1, stands: false });
    await letGo(USER_DAG, jobId);
    expect(await house.data.ofUser(userId)).toHaveLength(UNTOUCHED);
    expect(await house.airflow.taskState(USER_DAG, jobId, 'erase')).toBe('skipped');
  });

  test('by a run that was still queued when its deletion was completed by another attempt', async () => {
    const { requestId, userId, jobId } = await queuedUser();
    expect(await house.cli('retry', requestId, '--reason', 'try again')).toMatchObject({ code: 0 });
    await whenQueued(USER_DAG, `${jobId}~2`);
    await house.send(airflowResult(`${jobId}~2`, 'SUCCESS'));
    await whenStatus(house, requestId, 'COMPLETED');
    await letGo(USER_DAG, jobId);
    await letGo(USER_DAG, `${jobId}~2`);
    expect(await house.data.ofUser(userId)).toHaveLength(UNTOUCHED);
    expect((await house.airflow.run(USER_DAG, jobId))?.state).toBe('success'); // skipped, not failed
  });

  test('by a run that would be posted late, when Airflow has recovered: it is not posted', async () => {
    await house.airflow.turn('http', { status: 503 });
    const request = userRequest(fresh('user'));
    const jobId = `del_req_${request.requestId}`;
    await house.data.addUser(request.key);
    await house.send(request);
    await whenStatus(house, request.requestId, 'TIMEOUT');
    // From its cancellation on, any try finds that the job does not stand.
    const skipped = await house.roles.metric('expunge_triggers_handled_total', { outcome: 'skipped' });
    await cancel(request.requestId);
    await house.airflow.turn('reset');
    await waitFor('the trigger was skipped', async () => (await house.roles.metric('expunge_triggers_handled_total', { outcome: 'skipped' })) > skipped);
    expect(await house.airflow.run(USER_DAG, jobId)).toBeUndefined();
    expect(await house.data.ofUser(request.key)).toHaveLength(UNTOUCHED);
  });

  test('of an instance that was provisioned anew, by the run that was meant for its former self', async () => {
    const tenantId = fresh('tenant');
    await provision(house, tenantId, { s1: [], other: [] });
    await house.airflow.pause(SERVICE_DAG, true);
    const request = serviceRequest({ tenantId, serviceInstanceId: 's1' });
    const jobId = `del_req_${request.requestId}`;
    await house.send(request);
    await whenQueued(SERVICE_DAG, jobId);
    await house.send(serviceEvent('service.deprovisioned', tenantId, 's1'));
    await waitFor('it has gone', async () => ((await house.api(`/api/v1/tenants/${tenantId}`)).body['services'] as { serviceInstanceId: string; status: string }[]).some(({ serviceInstanceId, status }) => serviceInstanceId === 's1' && status === 'DEPROVISIONED'));
    await provision(house, tenantId, { s1: [] });
    await house.data.addService(tenantId, 's1');
    expect(await standing(jobId)).toMatchObject({ stands: false, reason: 'revoked: the instance was provisioned anew' });
    await letGo(SERVICE_DAG, jobId);
    expect(await house.data.ofService(tenantId, 's1')).toHaveLength(2);
    await whenStatus(house, request.requestId, 'TIMEOUT');
    await house.cli('retry', request.requestId, '--reason', 'what now?');
    expect(await whenStatus(house, request.requestId, 'FAILED')).toMatchObject({ failure: { code: 'PROVISIONED_ANEW' } });
    await cancel(request.requestId);
    expect(await house.data.ofService(tenantId, 's1')).toHaveLength(2);
  });

  test('by a dry run, which counts what is there and joins nothing', async () => {
    const [dry, real] = [userRequest(fresh('user')), userRequest(fresh('user'))];
    await house.data.addUser(dry.key);
    await house.send({ ...dry, value: { ...dry.value, payload: { ...(dry.value['payload'] as object), dryRun: true } } });
    expect(await whenStatus(house, dry.requestId, 'COMPLETED')).toMatchObject({ dryRun: true, counts: { db_rows_purged: 3, files_deleted: 1 } });
    expect(await house.data.ofUser(dry.key)).toHaveLength(UNTOUCHED);
    await house.send({ ...real, key: dry.key, value: { ...real.value, payload: { ...(real.value['payload'] as object), userId: dry.key } } });
    await whenStatus(house, real.requestId, 'COMPLETED');
    expect(await house.data.ofUser(dry.key)).toEqual([]);
  });

  test('a job that nobody asked for does not stand', async () => {
    expect(await house.api('/api/v1/jobs/del_req_nobody')).toMatchObject({ status: 404, body: { status: 404 } });
  });
});

describe('a lane that is full in Airflow', () => {
  test('holds up no other lane', async () => {
    const tenantId = fresh('tenant');
    const heavy = Array.from({ length: 6 }, (_, n) => serviceRequest({ tenantId, serviceInstanceId: `h${n}`, serviceType: 'hadoop-cluster' }));
    const light = Array.from({ length: 20 }, (_, n) => serviceRequest({ tenantId, serviceInstanceId: `m${n}`, serviceType: 'email-service' }));
    await provision(house, tenantId, { stays: [] });
    for (const { value } of light) await house.data.addMailbox(tenantId, (value['payload'] as { serviceInstanceId: string }).serviceInstanceId);
    await house.airflow.turn('knobs', { durations: { 'hadoop-cluster': 600_000 } });
    await house.send(...heavy);
    const stats = () => house.airflow.stats().then(({ dags }) => dags['service_cleanup_dag__heavy']!);
    await waitFor('the heavy lane is full', async () => {
      const { active, queued } = await stats();
      return active === 2 && queued === 4;
    });

    await house.send(...light);
    for (const { requestId } of light) await whenStatus(house, requestId, 'COMPLETED');
    expect(await stats()).toMatchObject({ active: 2, queued: 4, most_active: 2 });
    expect(await house.data.ofTenant(tenantId)).toEqual([]);
    for (const { requestId } of heavy) {
      const { body } = await house.api(`/api/v1/deletions/${requestId}`);
      expect(body).toMatchObject({ status: 'SENT_TO_AIRFLOW', attempts: [{ lane: 'heavy', dagId: 'service_cleanup_dag__heavy' }] });
    }

    // Speaks for Airflow, so that nothing of this is left.
    await house.send(...heavy.map(({ requestId }) => airflowResult(`del_req_${requestId}`, 'SUCCESS')));
    for (const { requestId } of heavy) await whenStatus(house, requestId, 'COMPLETED');
  });
});
