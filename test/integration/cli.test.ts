import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startApi } from '../../api/role.js';
import { startIngress } from '../../bridges/ingress/role.js';
import { startRelay } from '../../bridges/relay/role.js';
import { startResultBridge } from '../../bridges/result/role.js';
import { watermarks } from '../../bus/admin.js';
import { topicSpecs } from '../../bus/topics.js';
import { createExpungeClient } from '../../client/expunge-client.js';
import { deadLetterAnswer, deadLetterList, replayedAnswer } from '../../contracts/api/dead-letters.js';
import { deletionAnswer } from '../../contracts/api/deletions.js';
import { deletionList, tenantList } from '../../contracts/api/lists.js';
import { serviceList, tenantAnswer } from '../../contracts/api/tenants.js';
import { RECONCILER, SEARCH_ATTRIBUTES, taskQueueFor, TOPICS, WORKFLOW_TYPES } from '../../contracts/names/index.js';
import type { AirflowTrigger } from '../../contracts/topics/index.js';
import type { RunningRole } from '../../platform/roles.js';
import { openTokenIssuer } from '../../stack/tokens.js';
import { startWorker } from '../../worker.js';
import { runRecorded } from '../support/cli-run.js';
import { openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { createTestDatabase } from '../support/databases.js';
import { freshId, receiveRequest } from '../support/deletions.js';

const namespace = freshId('cli');
let house: BridgeHouse;
let env: Record<string, string>;
let triggers: Watched;
let folder: string;
const roles: RunningRole[] = [];

async function expunge(...args: string[]) {
  return expungeWith({}, ...args);
}

const expungeWith = (more: Record<string, string>, ...args: string[]) => runRecorded(args, { ...env, ...more });

const requested = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await expunge('request', ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
};
const deletion = async (requestId: string) => deletionAnswer.parse(JSON.parse((await expunge('status', requestId, '--json')).out));
const tenant = async (tenantId: string) => tenantAnswer.parse(JSON.parse((await expunge('tenant', 'show', tenantId, '--json')).out));

/** Waits for a request's trigger of an attempt, as Airflow's bridge would see it. */
async function triggerOf(requestId: string, attempt = 1): Promise<AirflowTrigger> {
  const jobId = attempt === 1 ? `del_req_${requestId}` : `del_req_${requestId}~${attempt}`;
  const find = () => triggers.seen.map(({ value }) => JSON.parse(value) as AirflowTrigger).find((trigger) => trigger.jobId === jobId);
  await until(`a trigger ${jobId}`, () => find() !== undefined);
  return find()!;
}

const answerAs = (jobId: string, status: 'SUCCESS' | 'FAILURE') => house.send({
  topic: TOPICS.airflowResult, key: jobId,
  value: JSON.stringify({ jobId, airflowRunId: jobId, status, timestamp: new Date().toISOString(), metadata: { rows_purged: 7 }, error: status === 'SUCCESS' ? null : 'AccessDenied' }),
});

/** Provisions a tenant by importing a list, and waits until the inventory has it. */
async function importServices(tenantId: string, services: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const file = join(folder, `${tenantId}.json`);
  await writeFile(file, JSON.stringify(Object.entries(services).map(([serviceInstanceId, dependsOn]) => ({ tenantId, serviceType: 'email', serviceInstanceId, dependsOn }))));
  expect(await expunge('services', 'import', file)).toMatchObject({ code: 0, err: '' });
  await until('the inventory has the services', async () => (await expunge('tenant', 'show', tenantId)).code === 0 && (await tenant(tenantId)).services.length === Object.keys(services).length);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'expunge-cli-'));
  house = await openBridgeHouse(['worker', 'ingress', 'result', 'relay', 'api'], { TEMPORAL_NAMESPACE: namespace, API_PORT: '0', AUTO_RETRIES: '0', TENANT_PURGE_GRACE: '0s', OUTBOX_POLL: '500ms' });
  env = { ...inject('stack'), TEMPORAL_NAMESPACE: namespace, DATABASE_URL: house.config.database.url };
  // Kafka says that a topic was made before all of it can be read.
  await until('the topics can be read', () => Promise.all(topicSpecs(house.config.kafka).map(({ topic }) => watermarks(house.kafka, topic))).then(() => true, () => false));
  triggers = await house.watch(TOPICS.airflowTrigger);
  const setup = await expunge('setup', '--json');
  expect({ code: setup.code, err: setup.err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(setup.out)).toMatchObject({ steps: expect.arrayContaining([{ part: 'temporal', what: `namespace ${namespace}`, made: [namespace] }, { part: 'temporal', what: '7 search attributes', made: Object.keys(SEARCH_ATTRIBUTES) }]) as unknown });
  for (const start of [startWorker, startIngress, startRelay, startResultBridge, startApi]) roles.push(await start(house.deps()));
  const { port } = house.logged.map((line) => JSON.parse(line) as { msg: string; port?: number }).find(({ msg }) => msg === 'the API listens')!;
  env['EXPUNGE_API_URL'] = `http://127.0.0.1:${String(port)}`;
  await until('all roles are ready', async () => (await Promise.all(roles.map(async (role) => role.ready()))).every(Boolean));
});

afterAll(async () => {
  for (const role of roles.reverse()) await role.stop();
  await house.close();
  await rm(folder, { recursive: true });
});

describe('setup', () => {
  test('again makes nothing, and says so', async () => {
    const { code, out } = await expunge('setup');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.endsWith('there already'))).toHaveLength(5);
  });

  test('makes the reconciler’s schedule, has it run as often as it is told to, and leaves it paused', async () => {
    const schedule = house.client.schedule.getHandle(RECONCILER.scheduleId);
    expect(await schedule.describe()).toMatchObject({ spec: { intervals: [{ every: 300_000 }] }, policies: { overlap: 'SKIP' }, action: { workflowType: 'reconcile', taskQueue: 'expunge' } });
    await schedule.pause('by a person');
    const { code, out } = await expungeWith({ RECONCILE_EVERY: '10m' }, 'setup');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('made expunge-reconcile') as unknown });
    expect(await schedule.describe()).toMatchObject({ spec: { intervals: [{ every: 600_000 }] }, state: { paused: true }, action: { workflowType: 'reconcile' } });
  });

  test('brings an empty database to this version’s schema', async () => {
    const empty = await createTestDatabase();
    const { out } = await expungeWith({ DATABASE_URL: empty.databaseUrl }, 'setup', '--json');
    expect(JSON.parse(out)).toMatchObject({ steps: expect.arrayContaining([{ part: 'postgres', what: 'schema', made: expect.arrayContaining(['0001_ledger', '0003_outbox']) as unknown }]) as unknown });
    await empty.drop();
  });

  test('names every part that is not there, with its variable', async () => {
    const { code, err } = await expungeWith({ KAFKA_BROKERS: '127.0.0.1:1', TEMPORAL_ADDRESS: '127.0.0.1:1', DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/d' }, 'setup', '--wait', '1s');
    expect(code).toBe(5);
    expect(err).toMatch(/PostgreSQL at 127\.0\.0\.1:1\/d \(DATABASE_URL\).*Kafka at 127\.0\.0\.1:1 \(KAFKA_BROKERS\).*Temporal at 127\.0\.0\.1:1 \(TEMPORAL_ADDRESS\)/s);
  });

  test('says at once what no waiting would mend', async () => {
    const startedAt = Date.now();
    const wrong = new URL(house.config.database.url);
    wrong.password = 'wrong';
    const { code, err } = await expungeWith({ DATABASE_URL: wrong.href, KAFKA_TOPIC_PREFIX: freshId('p') }, 'setup', '--replication-factor', '3');
    expect(code).toBe(4);
    expect(err).toMatch(/password authentication failed.*Replication-factor/s);
    expect(err).not.toContain('wrong@');
    expect(Date.now() - startedAt).toBeLessThan(15_000);
  });
});

describe('a user', () => {
  test('is asked to be deleted, and followed until that is done', async () => {
    const userId = freshId('user');
    const requestId = await requested('user', userId, '--reason', 'gdpr_request', '--source', 'tests');
    const watching = expunge('watch', requestId, '--every', '50ms');
    const { jobId, payload } = await triggerOf(requestId);
    expect(payload).toMatchObject({ dag_id: 'user_cleanup_dag', conf: { user_id: userId, dry_run: false } });
    const fence = await fetch(`${env['EXPUNGE_API_URL'] ?? ''}/api/v1/jobs/${jobId}`, { headers: { authorization: `Bearer ${env['EXPUNGE_API_TOKEN'] ?? ''}` } });
    expect(await fence.json()).toMatchObject({ stands: true });
    await answerAs(jobId, 'SUCCESS');
    const watched = await watching;
    expect(watched.code).toBe(0);
    expect(watched.out).toMatch(new RegExp(`user ${userId}\n.*received .*\n.*COMPLETED, after`, 's'));
    expect(await deletion(requestId)).toMatchObject({ status: 'COMPLETED', airflow_ref: jobId, counts: { rows_purged: 7 }, source: 'tests', final: true });
    expect(await (await fetch(`${env['EXPUNGE_API_URL'] ?? ''}/api/v1/jobs/${jobId}`, { headers: { authorization: `Bearer ${env['EXPUNGE_API_TOKEN'] ?? ''}` } })).json()).toMatchObject({ stands: false });
    for (const act of ['retry', 'hold', 'release', 'cancel']) {
      expect(await expunge(act, requestId, '--reason', 'too late')).toEqual({ code: 4, out: '', err: `Cannot ${act} ${requestId}: it has ended as COMPLETED.` });
    }
  });

  test('asked for twice under one id is one deletion', async () => {
    const [userId, eventId] = [freshId('user'), freshId('evt')];
    const ask = ['user', userId, '--reason', 'r', '--event-id', eventId];
    expect([await requested(...ask), await requested(...ask)]).toEqual([eventId, eventId]);
    const { jobId } = await triggerOf(eventId);
    await answerAs(jobId, 'SUCCESS');
    expect((await expunge('watch', eventId, '--every', '50ms')).code).toBe(0);
    expect((await deletion(eventId)).attempts).toHaveLength(1);
  });
});

describe('a deletion that failed', () => {
  test('is parked, is tried again by a person, and is told with who and why', async () => {
    const requestId = await requested('user', freshId('user'), '--reason', 'r');
    await answerAs((await triggerOf(requestId)).jobId, 'FAILURE');
    const parked = await expunge('watch', requestId, '--until', 'parked', '--every', '50ms');
    expect(parked.code).toBe(1);
    expect(parked.out).toMatch(/FAILED, parked.*DAG_FAILED/);
    expect((await expunge('retry', requestId, '--by', 'ann', '--reason', 'bucket mended')).code).toBe(0);
    const { jobId } = await triggerOf(requestId, 2);
    expect(await expunge('retry', requestId)).toMatchObject({ code: 4, out: '', err: expect.stringContaining('not parked') as string });
    await answerAs(jobId, 'SUCCESS');
    expect((await expunge('watch', requestId, '--every', '50ms')).code).toBe(0);
    expect((await deletion(requestId)).history).toContainEqual(expect.objectContaining({ what: 'retry', by: 'ann', reason: 'bucket mended' }));
    expect((await expunge('status', requestId)).out).toMatch(/│ 1 .*FAILURE, DAG_FAILED.*│ 2 .*~2 .*SUCCESS/s);
  });

  test('because something depends on it can be withdrawn', async () => {
    const tenantId = freshId('tenant');
    await importServices(tenantId, { app: ['db'], db: [] });
    expect((await expunge('services', 'list', tenantId)).out).toMatch(/app +│ email +│ ACTIVE +│ db /);
    const requestId = await requested('service', tenantId, 'email', 'db', '--by', 'ann');
    expect((await expunge('watch', requestId, '--until', 'parked', '--every', '50ms')).out).toContain('DEPENDENCY_BLOCKED');
    expect(await expunge('cancel', requestId, '--by', 'bob', '--reason', 'keep it')).toMatchObject({ code: 0, err: '' });
    const watched = await expunge('watch', requestId, '--every', '50ms');
    expect(watched).toMatchObject({ code: 1, err: `${requestId} was not completed.` });
    expect(await deletion(requestId)).toMatchObject({ status: 'CANCELLED', requestedBy: 'ann' });
    expect((await tenant(tenantId)).services).toHaveLength(2);
  });
});

describe('through the API', () => {
  const as = async (role: string, tenants?: readonly string[]) => ({ authorization: `Bearer ${await (await openTokenIssuer(dirname(env['API_JWKS_FILE']!))).issue({ subject: 'carla', role, tenants, expiresInMs: 60_000 })}`, 'content-type': 'application/json' });
  const post = async (path: string, body: object, headers: Record<string, string>) => {
    const response = await fetch(`${env['EXPUNGE_API_URL'] ?? ''}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, location: response.headers.get('location'), body: (await response.json()) as Record<string, unknown> };
  };

  test('a user is asked to be deleted, the deletion is held, released and tried again; its timeline says by whom', async () => {
    const headers = await as('operator');
    const [userId, eventId] = [freshId('user'), freshId('evt')];
    for (let turn = 0; turn < 2; turn++) expect(await post('/api/v1/deletions', { kind: 'user', userId, reason: 'gdpr_request', eventId }, headers)).toMatchObject({ status: 202, location: `/api/v1/deletions/${eventId}`, body: { requestId: eventId } });
    await answerAs((await triggerOf(eventId)).jobId, 'FAILURE');
    await until('it is parked', async () => (await deletion(eventId)).parked);
    expect(await post(`/api/v1/deletions/${eventId}/release`, {}, headers)).toMatchObject({ status: 409, body: { type: '/problems/refused' } });
    expect(await post(`/api/v1/deletions/${eventId}/retry`, { reason: 'bucket\u0000 mended' }, headers)).toMatchObject({ status: 200, body: { requestId: eventId } });
    await answerAs((await triggerOf(eventId, 2)).jobId, 'SUCCESS');
    await until('it is over', async () => (await deletion(eventId)).final);
    const found = await deletion(eventId);
    expect(found).toMatchObject({ status: 'COMPLETED', requestedBy: 'carla', source: 'expunge-api' });
    expect(found.attempts).toHaveLength(2);
    expect(found.history).toContainEqual(expect.objectContaining({ what: 'received', by: 'carla', reason: 'gdpr_request' }));
    expect(found.history).toContainEqual(expect.objectContaining({ what: 'retry', by: 'carla', reason: 'bucket mended' }));
    expect(await post(`/api/v1/deletions/${eventId}/cancel`, { reason: 'too late' }, headers)).toMatchObject({ status: 409, body: { detail: expect.stringContaining('COMPLETED') as string } });
  });

  test('a service’s deletion is withdrawn by whoever is of its tenant, and by nobody else', async () => {
    const tenantId = freshId('tenant');
    await importServices(tenantId, { app: ['db'], db: [] });
    const ours = await as('operator', [tenantId]);
    const asked = await post('/api/v1/deletions', { kind: 'service', tenantId, serviceType: 'email', serviceInstanceId: 'db', gdprMode: true }, ours);
    expect(asked.status).toBe(202);
    const requestId = String(asked.body['requestId']);
    await until('it is parked', async () => (await expunge('status', requestId)).code === 0 && (await deletion(requestId)).parked);
    expect(await post(`/api/v1/deletions/${requestId}/cancel`, { reason: 'not mine' }, await as('admin', ['another-tenant']))).toMatchObject({ status: 404, body: { type: '/problems/unknown-request' } });
    expect(await post(`/api/v1/deletions/${requestId}/cancel`, { reason: 'keep it' }, await as('viewer', [tenantId]))).toMatchObject({ status: 403 });
    expect(await post(`/api/v1/deletions/${requestId}/cancel`, { reason: 'keep it' }, ours)).toMatchObject({ status: 200 });
    await until('it is over', async () => (await deletion(requestId)).final);
    expect((await deletion(requestId)).history).toContainEqual(expect.objectContaining({ by: 'carla', reason: 'keep it' }));
    const list = await fetch(`${env['EXPUNGE_API_URL'] ?? ''}/api/v1/deletions?status=CANCELLED`, { headers: ours });
    expect(await list.json()).toMatchObject({ items: [{ requestId, tenantId, final: true }], next: null });
  });
});

describe('an act', () => {
  test('on a request without a workflow says so', async () => {
    const { input } = await receiveRequest(house.database, { subject: { kind: 'user', subjectRef: `v1.${freshId('ref')}` } });
    expect(await expunge('hold', input.requestId)).toMatchObject({ code: 4, err: expect.stringMatching(/it is PENDING, and no workflow runs for it/) as string });
  });

  test('on a request that nobody knows ends with 3', async () => {
    expect(await expunge('cancel', 'never-asked', '--reason', 'r')).toMatchObject({ code: 3, err: expect.stringContaining('never-asked') as string });
    expect(await expunge('watch', 'never-asked', '--arrives-within', '100ms', '--every', '50ms')).toMatchObject({ code: 3 });
  });

  test('says that no worker answers', async () => {
    const { input, workflowId } = await receiveRequest(house.database, { subject: { kind: 'user', subjectRef: `v1.${freshId('ref')}` } });
    const handle = await house.client.workflow.start(WORKFLOW_TYPES.user, { workflowId, taskQueue: taskQueueFor('nobody'), args: [input] });
    const client = createExpungeClient({ apiUrl: env['EXPUNGE_API_URL']!, apiToken: env['EXPUNGE_API_TOKEN'], temporal: () => Promise.resolve(house.client), kafka: () => house.producer, answerTimeoutMs: 500 });
    await expect(client.act('hold', input.requestId, { by: 'ann' })).rejects.toMatchObject({ kind: 'unreachable', message: expect.stringMatching(/No worker answered within 0\.5 s/) as string });
    await handle.terminate();
  });

  test('and a request name the part that is not there', async () => {
    const { input } = await receiveRequest(house.database, { subject: { kind: 'user', subjectRef: `v1.${freshId('ref')}` } });
    expect(await expungeWith({ TEMPORAL_ADDRESS: '127.0.0.1:1' }, 'hold', input.requestId)).toMatchObject({ code: 5, err: expect.stringMatching(/127\.0\.0\.1:1 .*TEMPORAL_ADDRESS/) as string });
    expect(await expungeWith({ KAFKA_BROKERS: '127.0.0.1:1' }, 'request', 'user', 'u', '--reason', 'r')).toMatchObject({ code: 5, out: '', err: expect.stringContaining('KAFKA_BROKERS') as string });
  });
});

describe('lists', () => {
  test('of deletions, services and tenants turn pages of the ledger', async () => {
    const tenantId = freshId('tenant');
    await importServices(tenantId, { app: ['db'], db: [], web: [] });
    const requestIds = [];
    for (const instance of ['db', 'db', 'web']) requestIds.push(await requested('service', tenantId, 'email', instance));
    const ofTenant = async (...args: string[]) => deletionList.parse(JSON.parse((await expunge('list', '--tenant', tenantId, '--json', ...args)).out)).items.map((one) => one.requestId).sort();
    await until('all are there', async () => (await ofTenant()).length === 3);
    expect(await ofTenant('--since', '1h', '--kind', 'service')).toEqual([...requestIds].sort());
    expect(await ofTenant('--until', '1h')).toEqual([]);
    await until('one is parked', async () => (await ofTenant('--parked')).length === 1);
    expect((await expunge('list', '--tenant', tenantId, '--parked')).out).toMatch(/FAILED DEPENDENCY_BLOCKED +│ email db of tenant/);
    const lines = (await expunge('list', '--tenant', tenantId, '--all', '--limit', '1', '--json')).out.split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { requestId: string }).requestId).sort()).toEqual([...requestIds].sort());

    const page = serviceList.parse(JSON.parse((await expunge('services', 'list', tenantId, '--limit', '2', '--json')).out));
    expect(page.items.map(({ serviceInstanceId }) => serviceInstanceId)).toEqual(['app', 'db']);
    expect((await expunge('services', 'list', tenantId, '--cursor', page.next ?? '', '--status', 'ACTIVE')).out).toMatch(/web +│ email +│ ACTIVE/);
    expect(tenantList.parse(JSON.parse((await expunge('tenant', 'list', '--limit', '200', '--json')).out)).items).toContainEqual(expect.objectContaining({ tenantId, activeServices: 3 }));
  });
});

describe('a message that cannot be handled', () => {
  test('is found by an operator, shown masked and replayed; dead again, it says how often', async () => {
    const token = await (await openTokenIssuer(dirname(env['API_JWKS_FILE']!))).issue({ subject: 'carla', role: 'operator', expiresInMs: 60_000 });
    const dlq = (...args: string[]) => expungeWith({ EXPUNGE_API_TOKEN: token }, 'dlq', ...args);
    const topic = TOPICS.userDeletionRequest;
    const eventId = freshId('evt');
    await house.send({ topic, key: 'ann', value: JSON.stringify({ eventId, traceId: 't', timestamp: new Date().toISOString(), payload: { userId: 'ann', source: 'tests' } }) });
    expect(await expunge('dlq', 'list')).toMatchObject({ code: 4, out: '', err: expect.stringMatching(/takes the role operator.*EXPUNGE_API_TOKEN/) as string });

    /** This message's letter with so many replays. */
    const letterWith = async (replays: number) => {
      for (const letter of deadLetterList.parse(JSON.parse((await dlq('list', '--topic', topic, '--json')).out)).items.filter((one) => one.replays === replays)) {
        const shown = deadLetterAnswer.parse(JSON.parse((await dlq('show', letter.id, '--json')).out));
        if ((shown.value as { eventId?: string } | null)?.eventId === eventId) return shown;
      }
      return undefined;
    };
    await until('it is in the dead letters', async () => (await letterWith(0)) !== undefined);
    const first = (await letterWith(0))!;
    expect(first).toMatchObject({ topic, errorClass: 'MISSING_FIELD', value: { payload: { userId: '<text of 3 characters>' } } });
    expect((await dlq('list')).out).toContain(first.id);

    expect(await dlq('replay', first.id)).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/1 replayed\.$/) as string });
    await until('it died again', async () => (await letterWith(1)) !== undefined);
    const second = (await letterWith(1))!;
    expect(second).toMatchObject({ replayedBy: 'carla', firstSeen: first.firstSeen });

    const chosen = replayedAnswer.parse(JSON.parse((await dlq('replay', '--topic', topic, '--error-class', 'MISSING_FIELD', '--dry-run', '--json')).out));
    expect(chosen.letters.map(({ id }) => id)).toContain(second.id);
    expect(chosen.letters.map(({ id }) => id)).not.toContain(first.id);
    const count = chosen.letters.length;
    expect(await dlq('replay', '--topic', topic, '--error-class', 'MISSING_FIELD', '--expect', String(count + 1))).toMatchObject({ code: 4, out: '' });
    expect(await dlq('replay', '--topic', topic, '--error-class', 'MISSING_FIELD', '--expect', String(count))).toMatchObject({ code: 0, out: expect.stringContaining(`${count} replayed.`) as string });
    await until('it died once more', async () => (await letterWith(2)) !== undefined);
  });
});

describe('a list of services', () => {
  /** Sends another service of the tenant: once it is read, so is what was sent before, for a tenant's events are in one partition. */
  const untilAllIsRead = async (watched: Watched, tenantId: string): Promise<Watched['seen']> => {
    const file = join(folder, `${tenantId}-last.json`);
    await writeFile(file, JSON.stringify([{ tenantId, serviceType: 'email', serviceInstanceId: 'last', dependsOn: [] }]));
    await expunge('services', 'import', file);
    const ofTenant = () => watched.seen.filter(({ key }) => key === tenantId);
    const isLast = ({ value }: { readonly value: string }) => value.includes('"last"');
    await until('the last event is read', () => ofTenant().some(isLast));
    return ofTenant().filter((message) => !isLast(message));
  };

  test('with a fault in it sends nothing', async () => {
    const [tenantId, file] = [freshId('tenant'), join(folder, 'bad.csv')];
    await writeFile(file, `tenantId,serviceType,serviceInstanceId,dependsOn\n${tenantId},email,ok,\n${tenantId},email,not ok,\n`);
    const seen = await house.watch(TOPICS.serviceEvents);
    const { code, err } = await expunge('services', 'import', file);
    expect(code).toBe(2);
    expect(err).toMatch(/bad\.csv:3: serviceInstanceId must be .*\n1 fault in .*; nothing was sent\./);
    expect(await untilAllIsRead(seen, tenantId)).toEqual([]);
  });

  test('imported again changes nothing', async () => {
    const [tenantId, file] = [freshId('tenant'), join(folder, 'twice.csv')];
    await writeFile(file, `tenantId,serviceType,serviceInstanceId,dependsOn,timestamp\n${tenantId},email,a,,2026-01-01T00:00:00Z\n`);
    expect(await expunge('services', 'import', file, '--dry-run')).toMatchObject({ code: 0, out: '1 services of 1 tenants are in order; nothing was sent.' });
    const sent = await house.watch(TOPICS.serviceEvents);
    await expunge('services', 'import', file);
    await until('it was sent', () => sent.seen.some(({ key }) => key === tenantId));
    const seen = await house.watch(TOPICS.serviceEvents);
    await until('the inventory has it', async () => (await expunge('tenant', 'show', tenantId)).code === 0);
    await expunge('services', 'import', file);
    const again = await untilAllIsRead(seen, tenantId);
    const [before] = sent.seen.filter(({ key }) => key === tenantId);
    expect(again.map(({ headers }) => headers['event_id'])).toEqual([before?.headers['event_id']]);
    expect((await tenant(tenantId)).services).toContainEqual(expect.objectContaining({ serviceInstanceId: 'a', status: 'ACTIVE', provisionedAt: '2026-01-01T00:00:00.000Z' }));
  });
});

describe('a tenant', () => {
  test('that has services, or that nobody knows, is not erased', async () => {
    const tenantId = freshId('tenant');
    await importServices(tenantId, { a: [] });
    expect(await expunge('tenant', 'erase', tenantId, '--reason', 'r')).toMatchObject({ code: 4, out: '', err: expect.stringMatching(/^Refused: /) as string });
    expect(await expunge('tenant', 'erase', freshId('typo'), '--reason', 'r')).toMatchObject({ code: 3 });
  });

  test('that is empty is erased when a person says so', async () => {
    const tenantId = freshId('tenant');
    await importServices(tenantId, { a: [] });
    const requestId = await requested('service', tenantId, 'email', 'a');
    await answerAs((await triggerOf(requestId)).jobId, 'SUCCESS');
    await until('the tenant is empty', async () => (await tenant(tenantId)).status === 'EMPTY');
    const erased = await expunge('tenant', 'erase', tenantId, '--by', 'ann', '--reason', 'contract over', '--json');
    expect(erased).toMatchObject({ code: 0, err: '' });
    const cleanUp = (JSON.parse(erased.out) as { requestId: string }).requestId;
    const { jobId, payload } = await triggerOf(cleanUp);
    expect(payload).toMatchObject({ dag_id: 'tenant_cleanup_dag', conf: { tenant_id: tenantId } });
    await answerAs(jobId, 'SUCCESS');
    expect((await expunge('watch', cleanUp, '--every', '50ms')).code).toBe(0);
    expect(await tenant(tenantId)).toMatchObject({ status: 'ERASED', emptyings: 1, cleanUps: [{ requestId: cleanUp, status: 'COMPLETED' }] });
    const shown = (await expunge('tenant', 'show', tenantId)).out;
    expect(shown).toMatch(/status +ERASED\n/);
    expect(shown).toContain(cleanUp);
  });
});

test('the installed program runs, prints and ends', async () => {
  const { input } = await receiveRequest(house.database, { subject: { kind: 'user', subjectRef: `v1.${freshId('ref')}` } });
  const bin = fileURLToPath(new URL('../../build/client/main.js', import.meta.url));
  const run = (...args: string[]) => new Promise<{ code: unknown; stdout: string }>((resolve) => {
    execFile(bin, args, { env: { PATH: process.env['PATH'], ...env }, timeout: 30_000 }, (error, stdout) => {
      resolve({ code: error ? error.code : 0, stdout });
    });
  });
  const status = await run('status', input.requestId, '--json');
  expect(status.code).toBe(0);
  expect(deletionAnswer.parse(JSON.parse(status.stdout)).requestId).toBe(input.requestId);
  expect((await run('status', 'never-asked')).code).toBe(3);
});
