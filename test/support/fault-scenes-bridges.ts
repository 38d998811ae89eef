import { createIngress } from '../../bridges/ingress/ingress.js';
import { createResultHandler } from '../../bridges/result/handle-result.js';
import type { AirflowApi } from '../../bridges/trigger/airflow-api.js';
import { createPostRun } from '../../bridges/trigger/post-run.js';
import type { SpokenResult } from '../../bridges/trigger/runs.rules.js';
import { watchOnce } from '../../bridges/trigger/watcher.js';
import { jobIdFor, serviceRequestId, TOPICS, type AirflowResultSignal } from '../../contracts/names/index.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import type { Database } from '../../store/database.js';
import { applyListing } from '../../store/inventory/listing.js';
import { incoming } from './bridges.js';
import { provision, receiveRequest, serviceEvent, testPolicy } from './deletions.js';
import type { Ledger, Scene, World } from './fault-runs.js';
import { at, cleanUp, parked, sent, serviceOf, succeeded, userOf, type Claimed } from './prepared-deletions.js';

const metrics = createMetrics();
const log = createLog({ level: 'silent' });
const REFS = createSubjectRefs([{ version: 1, secret: 'pepper of this test' }]);

/** What was told over and over is as good as told once: each thing once, in an order of its own. */
const eachOnce = (things: readonly unknown[]): unknown[] => [...new Set(things.map((thing) => JSON.stringify(thing)))].sort().map((text) => JSON.parse(text) as unknown);

/** The ingress, whose starts are gathered. */
function ingressOn(database: Database) {
  const started: unknown[] = [];
  const handlers = createIngress({
    database, metrics, log,
    policies: { policyFor: () => testPolicy, lanes: [] },
    subjectRefs: REFS,
    topicPrefix: 'nova',
    identityTopic: 'nova.identity.events',
    softDeleteGraceMs: 1_000,
    startOrJoin: ({ input, workflowId }) => {
      started.push({ input, workflowId });
      return Promise.resolve('started');
    },
  });
  return async (topic: string, value: object, headers = {}) => {
    await handlers[topic]?.(incoming(topic, value, { headers }));
    return eachOnce(started);
  };
}
const userMessage = (world: World) => ({ eventId: world.id('req'), traceId: 'trace', timestamp: at(30), payload: { userId: world.id('user'), reason: 'gdpr_request', source: 'account-service' } });
const deletedMessage = (world: World) => ({ user_id: world.id('user'), deleted_at: at(35), soft_delete: true });
const deletedHeaders = (world: World) => ({ event_type: 'identity.user.deleted', event_id: world.id('evt') });
const serviceMessage = (world: World, instance: string) => ({ traceId: world.id('trace'), payload: { tenantId: world.id('tenant'), serviceType: 'email', serviceInstanceId: instance, requestedBy: 'admin', timestamp: at(30), gdprMode: true } });

type What = 'service.provisioned' | 'service.deprovisioned';
const eventMessage = (world: World, eventType: What, instance: string, second: number, dependsOn: readonly string[] = []) =>
  ({ eventId: world.id(`evt-${second}`), eventType, tenantId: world.id('tenant'), serviceType: 'email', serviceInstanceId: instance, dependsOn, timestamp: at(second) });

/** The result bridge; what it tells workflows is gathered. */
function resultsOn(database: Database) {
  const signals: { workflowId: string; signal: AirflowResultSignal }[] = [];
  const handle = createResultHandler({
    database, metrics, log, patienceMs: 0,
    tellWorkflow: (workflowId, signal) => {
      signals.push({ workflowId, signal });
      return Promise.resolve('signalled');
    },
  });
  return async (jobId: string, status: 'SUCCESS' | 'FAILURE') => {
    await handle(incoming(TOPICS.airflowResult, { jobId, airflowRunId: jobId, status, timestamp: at(40), metadata: status === 'SUCCESS' ? { rows: 3 } : {}, error: status === 'SUCCESS' ? null : 'It broke' }));
    return eachOnce(signals);
  };
}

/** An Airflow that has the runs of a map, by their ids, and takes more. */
function airflowWith(runs: Map<string, { state: 'queued' | 'running' | 'success' | 'failed'; conf: Record<string, unknown> }>): AirflowApi {
  return {
    createRun: (_dagId, runId, conf) => {
      if (runs.has(runId)) return Promise.resolve({ outcome: 'exists' });
      runs.set(runId, { state: 'queued', conf });
      return Promise.resolve({ outcome: 'created' });
    },
    getRun: (_dagId, runId) => Promise.resolve(runs.get(runId)),
    failRun: (_dagId, runId) => {
      const run = runs.get(runId);
      if (run) run.state = 'failed';
      return Promise.resolve();
    },
    taskState: (_dagId, runId) => Promise.resolve(runs.get(runId)?.state === 'success' ? 'success' : 'skipped'),
    xcom: () => Promise.resolve({ rows: 3 }),
  };
}
type Runs = Parameters<typeof airflowWith>[0];

const posts = (runs: Runs, deletion: Claimed, beforePost: (database: Database) => Promise<unknown> = () => Promise.resolve()) => async ({ database }: Ledger) => {
  const jobId = jobIdFor(deletion.requestId, 1);
  const airflow = airflowWith(runs);
  const handle = createPostRun({
    database, metrics, log, dagMissingGraceMs: 0,
    airflow: { ...airflow, createRun: async (...asked) => { await beforePost(database); return airflow.createRun(...asked); } },
    slots: { within: (_lane, _signal, work) => work(false) },
    speak: () => Promise.resolve(),
  });
  await handle(incoming(TOPICS.airflowTrigger, { traceId: 'trace', jobId, payload: { dag_id: testPolicy.dagId, conf: { user_id: 'u-1', dry_run: false } } }));
  return [...runs];
};
const cancelled = async (world: World, deletion: Claimed): Promise<void> => {
  await parked(world, deletion);
  await world.activities.cancel({ ...deletion.next(), act: {} });
};
/** The job of a deletion, posted a minute ago. */
const postedJob = async (world: World, deletion: Claimed): Promise<string> => {
  const jobId = jobIdFor(deletion.requestId, 1);
  // Those of earlier runs of the scene are none of this one's business.
  await world.database.rows(`UPDATE attempts SET result = 'SUCCESS' WHERE job_id <> $1`, [jobId]);
  await world.database.rows(`UPDATE attempts SET posted_at = now() - interval '1 minute' WHERE job_id = $1`, [jobId]);
  return jobId;
};
/** A look of the watcher, at jobs that are overdue at once. */
const watches = (runs: Runs) => {
  const spoken: { jobId: string; result: SpokenResult }[] = [];
  return async ({ database }: Ledger) => {
    const look = (): Promise<boolean> => watchOnce({
      database, metrics, log, overdueMs: 1, atLeastEveryMs: 1, airflow: airflowWith(runs),
      speak: (jobId, result) => { spoken.push({ jobId, result }); return Promise.resolve(); },
    }, new AbortController().signal);
    await look();
    return { spoken: eachOnce(spoken), runs: [...runs] };
  };
};

type Make = (world: World) => Promise<(ledger: Ledger) => Promise<unknown>>;
const SCENES: Readonly<Record<string, Make>> = {
  'the ingress takes a user\'s request': (world) => Promise.resolve(({ database }) => ingressOn(database)(TOPICS.userDeletionRequest, userMessage(world))),
  'the ingress hears that a user was deleted': (world) => Promise.resolve(({ database }) => ingressOn(database)('nova.identity.events', deletedMessage(world), deletedHeaders(world))),
  'the ingress hears that a user was deleted whose erasure is done': async (world) => {
    const deletion = await sent(world, userOf(world));
    await succeeded(world, deletion);
    await world.activities.complete({ ...deletion.next(), attempt: 1 });
    const subjectRef = REFS.current(world.id('user'));
    await world.database.rows('UPDATE subject_tombstones SET subject_ref = $1 WHERE subject_ref = $2', [subjectRef, world.id('ref')]);
    return ({ database }) => ingressOn(database)('nova.identity.events', deletedMessage(world), deletedHeaders(world));
  },
  'the ingress takes a service\'s request': async (world) => {
    await provision(world.database, world.id('tenant'), { db: [] }, at(1));
    return ({ database }) => ingressOn(database)(TOPICS.serviceDeletionRequest, serviceMessage(world, 'db'));
  },
  'the ingress takes a request that the ledger knows': async (world) => {
    await receiveRequest(world.database, serviceOf(world, 'db', { requestId: serviceRequestId(world.id('trace'), 'db') }));
    return ({ database }) => ingressOn(database)(TOPICS.serviceDeletionRequest, serviceMessage(world, 'db'));
  },
  'the first service of a tenant is provisioned': (world) => Promise.resolve(({ database }) => ingressOn(database)(TOPICS.serviceEvents, eventMessage(world, 'service.provisioned', 'db', 10))),
  'a service is provisioned anew, and its old job revoked': async (world) => {
    await provision(world.database, world.id('tenant'), { db: [] }, at(1));
    await sent(world, serviceOf(world, 'db'));
    await serviceEvent(world.database, { tenantId: world.id('tenant'), serviceInstanceId: 'db', eventId: world.id('gone'), eventType: 'service.deprovisioned', timestamp: at(40) });
    return ({ database }) => ingressOn(database)(TOPICS.serviceEvents, eventMessage(world, 'service.provisioned', 'db', 50));
  },
  'a tenant whose clean-up was sent gets a service again': async (world) => {
    const deletion = await cleanUp(world);
    await world.activities.trigger({ ...deletion.next(), cause: 'the last service has gone' });
    return ({ database }) => ingressOn(database)(TOPICS.serviceEvents, eventMessage(world, 'service.provisioned', 'new', 50));
  },
  'the last service of a tenant is deprovisioned, for which another had waited': async (world) => {
    await provision(world.database, world.id('tenant'), { app: ['db'] }, at(1));
    return ({ database }) => ingressOn(database)(TOPICS.serviceEvents, eventMessage(world, 'service.deprovisioned', 'app', 50));
  },
  'a service goes of which nobody had heard, and then the news of its provisioning comes': async (world) => {
    await serviceEvent(world.database, { tenantId: world.id('tenant'), serviceInstanceId: 'db', eventId: world.id('gone'), eventType: 'service.deprovisioned', timestamp: at(40) });
    return ({ database }) => ingressOn(database)(TOPICS.serviceEvents, eventMessage(world, 'service.provisioned', 'db', 20));
  },
  'the first SUCCESS of a job': async (world) => {
    const deletion = await sent(world, userOf(world));
    return ({ database }) => resultsOn(database)(jobIdFor(deletion.requestId, 1), 'SUCCESS');
  },
  'a FAILURE of an earlier attempt': async (world) => {
    const deletion = await sent(world, userOf(world));
    await world.activities.noteFailedAttempt({ ...deletion.next(), attempt: 1, failureCode: 'RESULT_TIMEOUT', retryInMs: 1_000 });
    await world.activities.trigger({ ...deletion.next(), cause: 'a retry' });
    return ({ database }) => resultsOn(database)(jobIdFor(deletion.requestId, 1), 'FAILURE');
  },
  'a SUCCESS after a cancel': async (world) => {
    const deletion = await sent(world, userOf(world));
    await cancelled(world, deletion);
    return ({ database }) => resultsOn(database)(jobIdFor(deletion.requestId, 1), 'SUCCESS');
  },
  'a trigger is posted': async (world) => posts(new Map(), await sent(world, userOf(world))),
  'a trigger whose job was revoked meanwhile': async (world) => {
    const deletion = await sent(world, userOf(world));
    return posts(new Map(), deletion, () => world.database.rows(`UPDATE attempts SET revoked_at = now(), revoked_why = 'withdrawn' WHERE job_id = $1`, [jobIdFor(deletion.requestId, 1)]));
  },
  'a trigger whose job was revoked after it had been posted': async (world) => {
    const deletion = await sent(world, userOf(world));
    await cancelled(world, deletion);
    return posts(new Map([[jobIdFor(deletion.requestId, 1), { state: 'queued' as const, conf: {} }]]), deletion);
  },
  'the watcher finds a run that could not tell its result': async (world) => {
    const jobId = await postedJob(world, await sent(world, userOf(world)));
    return watches(new Map([[jobId, { state: 'success' as const, conf: {} }]]));
  },
  'the watcher finds the queued run of a revoked job': async (world) => {
    const deletion = await sent(world, userOf(world));
    const jobId = await postedJob(world, deletion);
    await cancelled(world, deletion);
    return watches(new Map([[jobId, { state: 'queued' as const, conf: {} }]]));
  },
  "an authority's list is applied": async (world) => {
    await provision(world.database, world.id('tenant'), { app: ['db'], db: [] }, at(1));
    return ({ database }) => applyListing(database, world.id('tenant'), [{ serviceInstanceId: 'new', serviceType: 'email', dependsOn: [], provisionedAt: at(20) }]);
  },
};

/** What the bridges write, the relay left out. */
export const BRIDGE_SCENES: readonly Scene[] = Object.entries(SCENES).map(([name, prepare]) => ({ name, prepare }));
