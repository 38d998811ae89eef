import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AirflowUnavailable, createAirflowApi } from '../../bridges/trigger/airflow-api.js';
import { createSlots } from '../../bridges/slots.js';
import { createPostRun } from '../../bridges/trigger/post-run.js';
import { startTriggerBridge } from '../../bridges/trigger/role.js';
import type { SpokenResult } from '../../bridges/trigger/runs.rules.js';
import { deadLetterTopic, TOPICS } from '../../contracts/names/index.js';
import { parseAirflowResult } from '../../contracts/topics/index.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { attemptOf, incoming, openBridgeHouse, revoke, sentJob, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { startSimulator, type Simulator } from '../support/simulator.js';

let house: BridgeHouse;
let simulator: Simulator;
let bridge: RunningRole;
let watched: Watched;
const metrics = createMetrics();
const airflow = () => createAirflowApi({ baseUrl: house.config.airflow.apiUrl, credentials: house.config.airflow.credentials, metrics, timeoutMs: 1_000 });
const resultsOf = (jobId: string) => watched.seen.filter(({ topic, key }) => topic === TOPICS.airflowResult && key === jobId).map(({ value }) => parseAirflowResult({ key: null, value: Buffer.from(value) }));
const posted = (jobId: string) => until('the job is posted', async () => (await attemptOf(house.database, jobId)).postedAt !== null);

beforeAll(async () => {
  simulator = await startSimulator();
  house = await openBridgeHouse(['trigger'], { ...simulator.env, WATCHER_INTERVAL: '1s', AIRFLOW_DAG_MISSING_GRACE: '1s' });
  watched = await house.watch(TOPICS.airflowResult, deadLetterTopic(TOPICS.airflowTrigger));
  bridge = await startTriggerBridge(house.deps({ metrics }));
  await until('the bridge reads', () => bridge.ready());
});
afterEach(() => simulator.turn('reset'));
afterAll(async () => {
  await bridge.stop();
  await house.close();
  await simulator.stop();
});

describe('a trigger', () => {
  test('becomes one DAG run whose id is the job', async () => {
    const job = await sentJob(house.database);
    await house.send(job.record, job.record);
    await until('its run has succeeded', () => resultsOf(job.jobId).length > 0);
    expect(await airflow().getRun('service_cleanup_dag', job.jobId)).toEqual({ state: 'success', conf: job.trigger.payload.conf });
    expect(resultsOf(job.jobId)).toHaveLength(1);
    await posted(job.jobId);
  });

  test('of a job that nobody asked for is a dead letter', async () => {
    const { record } = await sentJob(house.database);
    const { value } = record;
    await house.send({ ...record, key: 'stranger', value: value.replace('del_req_', 'del_req_stranger_') });
    await until('the dead letter is there', () => watched.seen.some(({ key }) => key === 'stranger'));
    expect(watched.seen.find(({ key }) => key === 'stranger')?.headers['dlq-error-class']).toBe('UNKNOWN_JOB');
  });

  test('of a revoked job is not posted', async () => {
    const [revoked, behind] = [await sentJob(house.database), await sentJob(house.database)];
    await revoke(house.database, revoked.jobId);
    await house.send(revoked.record, { ...behind.record, key: revoked.tenantId });
    await posted(behind.jobId);
    expect(await airflow().getRun('service_cleanup_dag', revoked.jobId)).toBeUndefined();
  });

  test('waits out an Airflow that is down, and is posted once', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('http', { status: 503, times: 3 });
    await house.send(job.record);
    await posted(job.jobId);
    await until('its result is there', () => resultsOf(job.jobId).length > 0);
    expect(resultsOf(job.jobId)).toMatchObject([{ status: 'SUCCESS' }]);
  });

  test('whose answer was lost finds its own run', async () => {
    const job = await sentJob(house.database);
    const before = await simulator.stats();
    await simulator.turn('http', { status: 0, after: true, times: 1 });
    await house.send(job.record);
    await posted(job.jobId);
    const after = await simulator.stats();
    expect([after.accepted - before.accepted, after.conflicts - before.conflicts]).toEqual([1, 1]);
    await until('its result is there', () => resultsOf(job.jobId).length > 0);
    expect(resultsOf(job.jobId)).toMatchObject([{ status: 'SUCCESS' }]);
  });

  test('goes on with a new token when the old one is worth nothing', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('expire-tokens');
    await house.send(job.record);
    await posted(job.jobId);
  });

  test('is not posted any more when it was revoked while Airflow was down', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('http', { status: 503 });
    await house.send(job.record);
    await until('it waits', () => house.logged.some((line) => line.includes('a message waits') && line.includes('503')));
    await revoke(house.database, job.jobId);
    await simulator.turn('reset');
    await until('it was skipped', () => house.logged.some((line) => line.includes(job.jobId) && line.includes('skipped')));
    expect(await airflow().getRun('service_cleanup_dag', job.jobId)).toBeUndefined();
  });

  test('of a DAG that stays missing fails with DAG_NOT_FOUND, beyond its grace', async () => {
    const job = await sentJob(house.database, { dagId: 'no_such_dag' });
    const sentAt = Date.now();
    await house.send(job.record);
    await until('the failure is told', () => resultsOf(job.jobId).length > 0);
    expect(Date.now() - sentAt).toBeGreaterThan(1_000);
    expect(resultsOf(job.jobId)).toMatchObject([{ status: 'FAILURE', errorCode: 'DAG_NOT_FOUND', airflowRunId: job.jobId }]);
  });

  test('of a DAG that comes back within the grace is posted', async () => {
    await simulator.turn('dags/tenant_cleanup_dag', { present: false });
    const job = await sentJob(house.database, { dagId: 'tenant_cleanup_dag' });
    await house.send(job.record);
    await until('it waits', () => house.logged.some((line) => line.includes('no DAG tenant_cleanup_dag')));
    await simulator.turn('dags/tenant_cleanup_dag', { present: true });
    await posted(job.jobId);
  });

  test('that finds a run of its id with another conf fails with RUN_MISMATCH', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('silent', { end: 'success' });
    await airflow().createRun('service_cleanup_dag', job.jobId, { ...job.trigger.payload.conf, target_instance: 'another' });
    await house.send(job.record);
    await until('the failure is told', () => resultsOf(job.jobId).length > 0);
    expect(resultsOf(job.jobId)).toMatchObject([{ status: 'FAILURE', errorCode: 'RUN_MISMATCH' }]);
  });

  test('does not wait behind a lane whose requests hang', async () => {
    await simulator.turn('http', { delay_ms: 3_000, times: 2 });
    const hanging = [await sentJob(house.database, { lane: 'heavy' }), await sentJob(house.database, { lane: 'heavy' }), await sentJob(house.database, { lane: 'heavy' })];
    await house.send(...hanging.map(({ record }) => record));
    await until('both slots of the lane are taken', async () => (await simulator.faultsLeft()) === 0);
    const job = await sentJob(house.database);
    await house.send(job.record);
    await posted(job.jobId);
    expect((await attemptOf(house.database, hanging[2]!.jobId)).postedAt).toBeNull();
    for (const { jobId } of hanging) await posted(jobId);
  });

  test('holds no place of its lane while its mark waits for the ledger', async () => {
    const handler = createPostRun({ database: house.database, airflow: airflow(), slots: createSlots(() => 1), dagMissingGraceMs: 0, metrics, log: house.log, speak: () => Promise.resolve() });
    const [first, second] = [await sentJob(house.database), await sentJob(house.database)];
    const inAirflow = ({ jobId }: typeof first) => until('Airflow has its run', async () => (await airflow().getRun('service_cleanup_dag', jobId)) !== undefined);
    const handled = await house.database.transaction(async (tx) => {
      await tx.rows('SELECT 1 FROM attempts WHERE job_id = $1 FOR UPDATE', [first.jobId]);
      const one = handler(incoming(TOPICS.airflowTrigger, first.trigger));
      await inAirflow(first);
      const other = handler(incoming(TOPICS.airflowTrigger, second.trigger));
      await inAirflow(second);
      return [one, other];
    });
    await Promise.all(handled);
    await Promise.all([posted(first.jobId), posted(second.jobId)]);
  });
});

describe('the fence', () => {
  test('fails a run whose job was revoked while it was being made', async () => {
    await simulator.turn('dags/service_cleanup_dag', { max_active_runs: 1 });
    await simulator.turn('knobs', { duration_ms: 5_000 });
    const [running, job] = [await sentJob(house.database), await sentJob(house.database)];
    await airflow().createRun('service_cleanup_dag', running.jobId, running.trigger.payload.conf);
    const spoken: SpokenResult[] = [];
    const api = airflow();
    const handler = createPostRun({
      database: house.database, slots: createSlots(() => 1), dagMissingGraceMs: 0, metrics, log: house.log,
      speak: (_, result) => Promise.resolve(void spoken.push(result)),
      airflow: { ...api, createRun: async (...args) => { const answer = await api.createRun(...args); await revoke(house.database, job.jobId); return answer; } },
    });
    await handler(incoming(TOPICS.airflowTrigger, job.trigger));
    expect((await airflow().getRun('service_cleanup_dag', job.jobId))?.state).toBe('failed');
    expect(spoken).toEqual([]);
  });

  test('fails a queued run of a job that is revoked later', async () => {
    await simulator.turn('dags/service_cleanup_dag', { max_active_runs: 1 });
    await simulator.turn('knobs', { duration_ms: 4_000 });
    const [running, queued] = [await sentJob(house.database), await sentJob(house.database)];
    await airflow().createRun('service_cleanup_dag', running.jobId, running.trigger.payload.conf);
    await house.send(queued.record);
    await posted(queued.jobId);
    await revoke(house.database, queued.jobId);
    await until('the run has failed', async () => (await airflow().getRun('service_cleanup_dag', queued.jobId))?.state === 'failed');
    await until('it is over in the ledger', async () => (await attemptOf(house.database, queued.jobId)).result === 'FAILURE');
  });
});

describe('the watcher', () => {
  test('publishes the SUCCESS of a run that erased and could not tell', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('silent', { end: 'success' });
    await house.send(job.record);
    await until('the result is told', () => resultsOf(job.jobId).length > 0);
    const [result] = resultsOf(job.jobId);
    expect(result).toMatchObject({ status: 'SUCCESS', airflowRunId: job.jobId, error: null });
  });

  test('publishes the FAILURE of a run that failed without a word', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('silent', { end: 'failed' });
    await house.send(job.record);
    await until('the result is told', () => resultsOf(job.jobId).length > 0);
    expect(resultsOf(job.jobId)).toMatchObject([{ status: 'FAILURE', errorCode: 'DAG_FAILED' }]);
  });

  test('leaves a run alone that is still running', async () => {
    const job = await sentJob(house.database);
    await simulator.turn('silent', { end: 'running' });
    await house.send(job.record);
    await posted(job.jobId);
    await until('it was looked at twice', async () => (await house.database.rows(`SELECT FROM attempts WHERE job_id = $1 AND watched_at > posted_at + interval '2 seconds'`, [job.jobId])).length === 1);
    expect(resultsOf(job.jobId)).toEqual([]);
  });

  test('tells that a run which Airflow knows no more has ended, not at its first look', async () => {
    const job = await sentJob(house.database);
    await house.database.rows(`UPDATE attempts SET posted_at = now() - interval '1 second' WHERE job_id = $1`, [job.jobId]);
    await until('it was looked at', async () => (await house.database.rows('SELECT FROM attempts WHERE job_id = $1 AND watched_at IS NOT NULL', [job.jobId])).length === 1);
    expect(resultsOf(job.jobId)).toEqual([]);
    await until('the result is told', () => resultsOf(job.jobId).length > 0);
    expect(resultsOf(job.jobId)[0]).toMatchObject({ status: 'FAILURE', errorCode: 'RUN_ENDED_WITHOUT_RESULT' });
  });
});

describe('the API client', () => {
  test('tells a wrong address from a DAG that is not there', async () => {
    const wrong = createAirflowApi({ baseUrl: `${house.config.airflow.apiUrl}/elsewhere`, metrics });
    await expect(wrong.getRun('service_cleanup_dag', 'x')).rejects.toThrow(AirflowUnavailable);
    expect(await airflow().getRun('service_cleanup_dag', 'x')).toBeUndefined();
    expect((await airflow().createRun('no_such_dag', 'x', {})).outcome).toBe('dag-missing');
  });

  test('names what to check when it is not let in', async () => {
    const stranger = createAirflowApi({ baseUrl: house.config.airflow.apiUrl, credentials: { username: 'admin', password: 'wrong' }, metrics });
    await expect(stranger.getRun('service_cleanup_dag', 'x')).rejects.toThrow(/AIRFLOW_PASSWORD/);
  });

  test('says that nothing answers', async () => {
    await expect(createAirflowApi({ baseUrl: 'http://127.0.0.1:1', metrics }).getRun('d', 'r')).rejects.toThrow(/cannot be reached/);
    await simulator.turn('http', { method: 'GET', delay_ms: 3_000, times: 1 });
    await expect(airflow().getRun('d', 'r')).rejects.toThrow(/no answer within 1000 ms/);
  });
});
