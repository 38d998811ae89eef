import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/answers.js';
import { createReconcileActivities } from '../../activities/reconcile.js';
import { createActivities } from '../../activities/create-activities.js';
import { createRuns } from '../../bridges/reconcile/runs.js';
import { InventoryUnavailable, localInventory } from '../../activities/subject-inventory.js';
import { createStartOrJoin } from '../../bridges/ingress/start-or-join.js';
import { signalTransport } from '../../bridges/relay/transports.js';
import { setUpTemporal } from '../../client/setup/temporal.js';
import { RECONCILER, SIGNALS, taskQueueFor, UPDATES, type DeletionInput, type FailureCode } from '../../contracts/names/index.js';
import { createLog } from '../../platform/log.js';
import { bundleWorkflows } from '../../platform/workflow-bundle.js';
import { openDatabase, type Database } from '../../store/database.js';
import { readDeletion, type DeletionRecord } from '../../store/ledger/read.js';
import { recordResult } from '../../store/ledger/results.js';
import { migrate } from '../../store/migrate.js';
import { OUTBOX_LANES } from '../../store/outbox-lanes.js';
import { markSent, nextUnsent } from '../../store/outbox.js';
import { createTestDatabase } from './databases.js';
import { gatherEvents, receiveRequest, testPolicy, type TestRequest } from './deletions.js';
import { historyToJson } from './history-json.js';
import { waitFor } from './wait-for.js';

/** What a scene of a history may put in front of an activity. */
export type Interference = (name: keyof Activities, call: unknown, work: () => Promise<unknown>) => Promise<unknown>;

/** The workflows on a real Temporal and PostgreSQL, outside of a test: where histories are made. */
export interface HistoryHouse {
  readonly database: Database;
  readonly client: Client;
  /** Put in front of every activity; `undefined` for none. */
  interfere: Interference | undefined;
  /** Whoever is asked what exists of a user cannot be asked. */
  ownersAreOut: boolean;
  start(request: TestRequest & { requestId: string }): Promise<{ workflowId: string; input: DeletionInput }>;
  /** A result, as a signal or as an update of the workflow. */
  result(requestId: string, attempt: number, status: 'SUCCESS' | 'FAILURE', how?: { readonly failureCode?: FailureCode; readonly as?: 'signal' | 'update' }): Promise<void>;
  /** Delivers what waits in the outbox to wake workflows. @returns the workflow ids */
  relay(): Promise<string[]>;
  /** One pass of the reconciler. @returns its workflow id */
  reconcile(): Promise<string>;
  until(requestId: string, what: string, holds: (record: DeletionRecord) => boolean): Promise<DeletionRecord>;
  untilSent(requestId: string, attempt?: number): Promise<DeletionRecord>;
  /** The history of a run, the latest when none is named, as JSON with one event a line. */
  history(workflowId: string, runId?: string): Promise<string>;
  close(): Promise<void>;
}

const NAMESPACE = 'histories';

/** Opens the house on the servers at these addresses. */
export async function openHistoryHouse(env: { readonly TEMPORAL_ADDRESS: string; readonly DATABASE_URL: string }): Promise<HistoryHouse> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const testDatabase = await createTestDatabase(env.DATABASE_URL);
  const database = openDatabase({ url: testDatabase.databaseUrl });
  await migrate(database);
  const log = createLog({ level: 'fatal' });
  await setUpTemporal({ temporal: { namespace: NAMESPACE, connection: { address: env.TEMPORAL_ADDRESS } }, retentionMs: 72 * 3_600_000, waitMs: 60_000, log });
  const native = await NativeConnection.connect({ address: env.TEMPORAL_ADDRESS });
  const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS });
  // Names of their own: those that are given by default hold the machine's.
  const client = new Client({ connection, namespace: NAMESPACE, identity: 'client' });
  const activities = createActivities(
    {
      database,
      topicPrefix: 'nova',
      inventoryMaxStalenessMs: 3_600_000,
      inventory: {
        ...localInventory,
        ask: (requestId) => (house.ownersAreOut ? Promise.reject(new InventoryUnavailable('media-service', 'cannot be reached')) : localInventory.ask(requestId)),
      },
      subjectRefsOf: () => [],
      tenantPurgeGraceMs: 0,
      tenantPolicy: { ...testPolicy, dagId: 'tenant_cleanup_dag' },
      events: gatherEvents(),
    },
    () => undefined,
  );
  const interfered = Object.fromEntries(
    (Object.entries(activities) as [keyof Activities, (call: unknown) => Promise<unknown>][]).map(([name, activity]) => [
      name,
      (call: unknown) => (house.interfere ? house.interfere(name, call, () => activity(call)) : activity(call)),
    ]),
  );
  const reconcileActivities = createReconcileActivities({
    database,
    runs: createRuns(client),
    quietMs: 0,
    pace: () => Promise.resolve(),
    alive: () => undefined,
    mustSee: () => Promise.resolve(),
    events: { looked: () => undefined, mended: () => undefined, failed: () => undefined, gaveUp: () => undefined },
  });
  let passes = 0;
  const worker = await Worker.create({
    connection: native,
    namespace: NAMESPACE,
    identity: 'worker',
    taskQueue: taskQueueFor('default'),
    workflowBundle: await bundleWorkflows(),
    activities: { ...interfered, ...reconcileActivities },
  });
  const running = worker.run();
  const startOrJoin = createStartOrJoin(client);
  const deliver = signalTransport(client);

  const house: HistoryHouse = {
    database,
    client,
    interfere: undefined,
    ownersAreOut: false,
    start: async (request) => {
      const received = await receiveRequest(database, request);
      await startOrJoin(received);
      return received;
    },
    result: async (requestId, attempt, status, { failureCode = 'DAG_FAILED', as = 'signal' } = {}) => {
      const job = (await readDeletion(database, requestId))?.attempts.find((one) => one.attempt === attempt);
      if (!job) throw new Error(`${requestId} has no attempt ${attempt}`);
      const recorded = await recordResult(database, { jobId: job.jobId, airflowRunId: job.jobId, status, counts: { rows_deleted: 7 }, errorText: null, failureCode });
      if (recorded.outcome !== 'wake') throw new Error(`the result of ${job.jobId} wakes nobody: ${recorded.outcome}`);
      const workflow = client.workflow.getHandle(recorded.workflowId);
      if (as === 'signal') await workflow.signal(SIGNALS.airflowResult, recorded.signal);
      else await workflow.executeUpdate(UPDATES.airflowResult, { args: [recorded.signal] });
    },
    relay: async () => {
      await database.rows(`UPDATE outbox SET sent_at = now() WHERE target = 'kafka' AND sent_at IS NULL`);
      const rows = await nextUnsent(database, { target: 'signal', lanes: Array.from({ length: OUTBOX_LANES }, (_, lane) => lane), limit: 100 });
      const failed = (await deliver(rows)).find(({ outcome }) => outcome !== 'sent');
      if (failed) throw new Error(`a signal was not sent: ${JSON.stringify(failed)}`);
      await markSent(database, rows.map(({ id }) => id));
      return rows.map(({ key }) => key);
    },
    reconcile: async () => {
      const workflowId = `${RECONCILER.workflowId}-${++passes}`;
      await client.workflow.execute(RECONCILER.workflowType, { workflowId, taskQueue: taskQueueFor('default'), args: [{}] });
      return workflowId;
    },
    until: (requestId, what, holds) =>
      waitFor(
        `${requestId}: ${what}`,
        async () => {
          const record = await readDeletion(database, requestId);
          return record && holds(record) && record;
        },
        30_000,
      ),
    untilSent: (requestId, attempt = 1) =>
      house.until(requestId, `attempt ${attempt} is sent`, ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === attempt),
    history: async (workflowId, runId) => historyToJson(await client.workflow.getHandle(workflowId, runId).fetchHistory()),
    close: async () => {
      worker.shutdown();
      await running;
      await native.close();
      await connection.close();
      await database.close();
      await testDatabase.drop();
    },
  };
  return house;
}
