import { Client, type WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { inject } from 'vitest';
import { activityInfo } from '@temporalio/activity';
import { createActivities } from '../../activities/create-activities.js';
import { localInventory, type SubjectInventory } from '../../activities/subject-inventory.js';
import type { Activities } from '../../activities/answers.js';
import { createReconcileActivities } from '../../activities/reconcile.js';
import type { InventoryAuthority } from '../../activities/inventory-authority.js';
import type { serviceDeletion } from '../../workflows/index.js';
import { createRuns, mustSee } from '../../bridges/reconcile/runs.js';
import { createStartOrJoin } from '../../bridges/ingress/start-or-join.js';
import { createTellWorkflow } from '../../bridges/result/tell-workflow.js';
import { signalTransport } from '../../bridges/relay/transports.js';
import { SEARCH_ATTRIBUTES, taskQueueFor, RECONCILER, type DeletionInput, type FailureCode, type ReconcileInput, type ReconcileReport } from '../../contracts/names/index.js';
import { setUpTemporal } from '../../client/setup/temporal.js';
import { createLog } from '../../platform/log.js';
import { openDatabase, type Database } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { readDeletion, type DeletionRecord } from '../../store/ledger/read.js';
import { recordResult, type RecordedResult } from '../../store/ledger/results.js';
import { markSent, nextUnsent } from '../../store/outbox.js';
import { OUTBOX_LANES } from '../../store/outbox-lanes.js';
import { bundleWorkflows } from '../../platform/workflow-bundle.js';
import { createTestDatabase } from './databases.js';
import { freshId, gatherEvents, receiveRequest, testPolicy, type TestRequest } from './deletions.js';
import { createTimeSkippingEnvironment } from './time-skipping.js';
import { waitFor } from './wait-for.js';

// temporal.api.enums.v1.IndexedValueType
const INDEXED_VALUE_TYPES = { KEYWORD: 2, BOOL: 5 } as const;

export type Wrap = (activities: Activities) => Activities;

export interface HouseOptions {
  /** The server that skips time when left out; the real one has updates at the end of a run, continue-as-new and reset. */
  readonly server?: 'real';
  /** A real server of its own, which finds a history too long beyond so many events. */
  readonly longHistory?: number;
  /** May put something in front of the activities, a fault for instance. */
  readonly wrap?: Wrap;
  readonly inventoryMaxStalenessMs?: number;
  readonly tenantPurgeGraceMs?: number;
  readonly inventoryAuthority?: InventoryAuthority;
  /** The local index when left out. */
  readonly inventory?: (database: Database) => SubjectInventory;
}

/** The workflows on the time-skipping server, with the real activities on a real PostgreSQL. */
export interface WorkflowHouse {
  readonly environment: TestWorkflowEnvironment;
  /** Unlike the environment's own, it lets no time skip while it waits for a result: only `environment.sleep` does. */
  readonly client: Client;
  readonly database: Database;
  readonly events: ReturnType<typeof gatherEvents>;
  /** Receives a request and starts its workflow, or has it join the one that runs, as the ingress does. */
  start(request: TestRequest): Promise<Running>;
  /** The result of a job, as the result bridge takes it: into the ledger, then to the workflow. */
  jobResult(jobId: string, status: 'SUCCESS' | 'FAILURE', failureCode?: FailureCode, errorText?: string, counts?: Record<string, number>): Promise<RecordedResult>;
  /** The result of an attempt of a deletion's request. */
  result(running: Pick<Running, 'input'>, attempt: number, status: 'SUCCESS' | 'FAILURE', failureCode?: FailureCode): Promise<RecordedResult>;
  /** Delivers what waits in the outbox to wake workflows, as the relay does. @returns the workflow ids */
  relay(): Promise<string[]>;
  /** One pass of the reconciler, which leaves nothing alone for having been quiet too short. */
  reconcile(input?: ReconcileInput): Promise<ReconcileReport>;
  read(requestId: string): Promise<DeletionRecord>;
  /** Waits until the ledger says so; time does not skip meanwhile. */
  until(requestId: string, what: string, holds: (record: DeletionRecord) => boolean): Promise<DeletionRecord>;
  untilStatus(requestId: string, status: DeletionRecord['deletion']['status']): Promise<DeletionRecord>;
  /** Leaves the workflows without a worker, until it is restarted. */
  stopWorker(): Promise<void>;
  /** Stops the worker and starts another, with activities wrapped as said. */
  restartWorker(wrap?: Wrap): Promise<void>;
  close(): Promise<void>;
}

type DeletionHandle = WorkflowHandle<typeof serviceDeletion>;

export interface Running {
  readonly input: DeletionInput;
  readonly workflowId: string;
  readonly outcome: 'started' | 'joined';
  readonly handle: DeletionHandle;
}

let bundle: Promise<WorkflowBundle> | undefined;

/** The workflows' bundle, made once per process. */
export const workflowBundle = (): Promise<WorkflowBundle> =>
  (bundle ??= bundleWorkflows());

/** Sets Temporal's runtime to say errors only; once per process. */
export function quietRuntime(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch {
    // Installed by an earlier house of this process.
  }
}

const HOUR_MS = 3_600_000;

async function timeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const environment = await createTimeSkippingEnvironment();
  await environment.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, INDEXED_VALUE_TYPES[type]])),
  });
  return environment;
}

function environmentFor({ server, longHistory }: HouseOptions): Promise<TestWorkflowEnvironment> {
  if (longHistory !== undefined) return shortOfHistory(longHistory);
  return server === 'real' ? realEnvironment() : timeSkippingEnvironment();
}

async function shortOfHistory(events: number): Promise<TestWorkflowEnvironment> {
  const path = inject('stack')['TEMPORAL_CLI'];
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type === 'BOOL' ? 'Bool' : 'Keyword'}`]);
  return TestWorkflowEnvironment.createLocal({
    server: {
      ...(path !== undefined && { executable: { type: 'existing-path' as const, path } }),
      extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${events}`, ...attributes],
    },
  });
}

/** The stack's Temporal, in a namespace that no other test uses. */
async function realEnvironment(): Promise<TestWorkflowEnvironment> {
  const address = inject('stack')['TEMPORAL_ADDRESS'];
  if (address === undefined) throw new Error('The stack gave no TEMPORAL_ADDRESS.');
  const namespace = freshId('house');
  await setUpTemporal({ temporal: { namespace, connection: { address } }, retentionMs: 72 * HOUR_MS, waitMs: 60_000, log: createLog({ level: 'fatal' }) });
  return TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
}

/** Opens the house. */
export async function openWorkflowHouse(options: HouseOptions = {}): Promise<WorkflowHouse> {
  quietRuntime();
  const testDatabase = await createTestDatabase();
  const database = openDatabase({ url: testDatabase.databaseUrl });
  await migrate(database);
  const environment = await environmentFor(options);
  const events = gatherEvents();
  const activities = createActivities(
    {
      database,
      topicPrefix: 'nova',
      inventoryMaxStalenessMs: options.inventoryMaxStalenessMs ?? HOUR_MS,
      inventoryAuthority: options.inventoryAuthority,
      inventory: options.inventory?.(database) ?? localInventory,
      subjectRefsOf: () => [],
      tenantPurgeGraceMs: options.tenantPurgeGraceMs ?? 0,
      tenantPolicy: { ...testPolicy, dagId: 'tenant_cleanup_dag' },
      events,
    },
    () => undefined,
  );
  // The server skips time even while a signal is on its way, and mixes up the timer that fires with the one that is cancelled.
  const client = new Client({ connection: environment.connection, namespace: environment.namespace ?? 'default' });
  const reconcileActivities = createReconcileActivities({
    database,
    runs: createRuns(client),
    quietMs: 0,
    pace: () => Promise.resolve(),
    alive: () => undefined,
    mustSee: () => mustSee(client, activityInfo().workflowExecution?.workflowId ?? ''),
    events: {
      looked: () => undefined,
      mended: (kind, mend) => void events.seen.push(`mended ${kind} ${mend}`),
      failed: (requestId, error) => void events.seen.push(`not mended ${requestId}: ${error.message}`),
      gaveUp: (error) => void events.seen.push(`reconciler: ${String(error)}`),
    },
  });
  const startWorker = async (wrap: Wrap = (plain) => plain) => {
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace: environment.namespace ?? 'default',
      taskQueue: taskQueueFor('default'),
      workflowBundle: await workflowBundle(),
      activities: { ...wrap(activities), ...reconcileActivities },
    });
    const running = worker.run();
    return async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    };
  };
  let stopWorker = await startWorker(options.wrap);

  const startOrJoin = createStartOrJoin(client);
  const deliver = signalTransport(client);
  const tellWorkflow = createTellWorkflow({ client, log: createLog({ level: 'fatal' }) });
  const lanes = Array.from({ length: OUTBOX_LANES }, (_, lane) => lane);

  const read = async (requestId: string) => {
    const record = await readDeletion(database, requestId);
    if (!record) throw new Error(`the ledger has no ${requestId}`);
    return record;
  };
  const house: WorkflowHouse = {
    environment,
    client,
    database,
    events,
    start: async (request) => {
      const received = await receiveRequest(database, request);
      const outcome = await startOrJoin(received);
      const handle = client.workflow.getHandle<typeof serviceDeletion>(received.workflowId);
      return { ...received, outcome, handle };
    },
    jobResult: async (jobId, status, failureCode = 'DAG_FAILED', errorText, counts = { rows_deleted: 7 }) => {
      const recorded = await recordResult(database, {
        jobId,
        airflowRunId: `run-of-${jobId}`,
        status,
        counts,
        errorText: errorText ?? null,
        failureCode,
      });
      if (recorded.outcome === 'wake') await tellWorkflow(recorded.workflowId, recorded.signal);
      return recorded;
    },
    result: async ({ input }, attempt, status, failureCode) => {
      const job = (await read(input.requestId)).attempts.find((one) => one.attempt === attempt);
      if (!job) throw new Error(`${input.requestId} has no attempt ${attempt}`);
      return house.jobResult(job.jobId, status, failureCode);
    },
    relay: async () => {
      // The relay that sends to Kafka is taken to be done: this one never waits for it.
      await database.rows(`UPDATE outbox SET sent_at = now() WHERE target = 'kafka' AND sent_at IS NULL`);
      const rows = await nextUnsent(database, { target: 'signal', lanes, limit: 100 });
      const sent = await deliver(rows);
      const failed = sent.find((one) => one.outcome !== 'sent');
      if (failed) throw new Error(`a signal row was not sent: ${JSON.stringify(failed)}`);
      await markSent(database, rows.map(({ id }) => id));
      return rows.map(({ key }) => key);
    },
    reconcile: (input = {}) =>
      client.workflow.execute(RECONCILER.workflowType, { workflowId: freshId(RECONCILER.workflowId), taskQueue: taskQueueFor('default'), args: [input] }),
    read,
    until: async (requestId, what, holds) => {
      let seen: DeletionRecord | undefined;
      return waitFor(
        `${requestId}: ${what}`,
        async () => {
          seen = await readDeletion(database, requestId);
          return seen && holds(seen) && seen;
        },
        25_000,
        () => seen && { status: seen.deletion.status, attempt: seen.deletion.attempt, timeline: seen.timeline.map(({ what: line, cause }) => `${line}: ${cause}`) },
      );
    },
    untilStatus: (requestId, status) => house.until(requestId, status, ({ deletion }) => deletion.status === status),
    stopWorker: () => stopWorker(),
    restartWorker: async (wrap) => {
      await stopWorker();
      stopWorker = await startWorker(wrap);
    },
    close: async () => {
      await stopWorker();
      await environment.teardown();
      await database.close();
      await testDatabase.drop();
    },
  };
  return house;
}
