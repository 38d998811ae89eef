import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { createActivities } from '../../activities/create-activities.js';
import type { Activities } from '../../activities/answers.js';
import { SIGNALS, taskQueueFor, WORKFLOW_TYPES, type DeletionInput } from '../../contracts/names/index.js';
import { openDatabase, type Database } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { readDeletion, type DeletionRecord } from '../../store/ledger/read.js';
import { createTestDatabase } from './databases.js';
import { gatherEvents, receiveRequest, testPolicy, type TestRequest } from './deletions.js';
import { createTimeSkippingEnvironment } from './time-skipping.js';

// temporal.api.enums.v1.IndexedValueType
const KEYWORD = 2;
const BOOL = 5;

/** The workflows on the time-skipping server, with the real activities on a real PostgreSQL. */
export interface WorkflowHouse {
  readonly environment: TestWorkflowEnvironment;
  readonly database: Database;
  readonly events: ReturnType<typeof gatherEvents>;
  /** Receives a request and starts its workflow. */
  start(request: TestRequest): Promise<Running>;
  /** The result of an attempt, as the result bridge signals it. */
  result(running: Running, attempt: number, status: 'SUCCESS' | 'FAILURE', failureCode?: string): Promise<void>;
  read(requestId: string): Promise<DeletionRecord>;
  /** Waits until the ledger says so; time does not skip meanwhile. */
  until(requestId: string, what: string, holds: (record: DeletionRecord) => boolean): Promise<DeletionRecord>;
  close(): Promise<void>;
}

export interface Running {
  readonly input: DeletionInput;
  readonly workflowId: string;
  readonly handle: WorkflowHandle;
}

let bundle: Promise<WorkflowBundle> | undefined;

/** The workflows' bundle, made once per process. */
export const workflowBundle = (): Promise<WorkflowBundle> =>
  (bundle ??= bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  }));

/** Opens the house. `wrap` may put something in front of the activities, a fault for instance. */
export async function openWorkflowHouse(wrap: (activities: Activities) => Activities = (activities) => activities): Promise<WorkflowHouse> {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch {
    // Installed by an earlier house of this process.
  }
  const { databaseUrl, drop } = await createTestDatabase();
  const database = openDatabase({ url: databaseUrl });
  await migrate(database);
  const environment = await createTimeSkippingEnvironment();
  await environment.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: { DeletionStatus: KEYWORD, RequestId: KEYWORD, TraceId: KEYWORD, GdprMode: BOOL },
  });
  const events = gatherEvents();
  const activities = wrap(
    createActivities(
      {
        database,
        topicPrefix: 'nova',
        inventoryMaxStalenessMs: 30_000,
        tenantPurgeGraceMs: 0,
        tenantPolicy: { ...testPolicy, dagId: 'tenant_cleanup_dag' },
        events,
      },
      () => undefined,
    ),
  );
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue: taskQueueFor('default'),
    workflowBundle: await workflowBundle(),
    activities,
  });
  const running = worker.run();

  const read = async (requestId: string) => {
    const record = await readDeletion(database, requestId);
    if (!record) throw new Error(`the ledger has no ${requestId}`);
    return record;
  };
  return {
    environment,
    database,
    events,
    start: async (request) => {
      const { input, workflowId } = await receiveRequest(database, request);
      const handle = await environment.client.workflow.start(WORKFLOW_TYPES[input.subject.kind], {
        workflowId,
        taskQueue: taskQueueFor('default'),
        args: [input],
      });
      return { input, workflowId, handle };
    },
    result: async ({ handle, input }, attempt, status, failureCode) => {
      await handle.signal(SIGNALS.airflowResult, { requestId: input.requestId, attempt, status, ...(failureCode !== undefined && { failureCode }) });
    },
    read,
    until: async (requestId, what, holds) => {
      const deadline = Date.now() + 20_000;
      for (;;) {
        const record = await read(requestId);
        if (holds(record)) return record;
        if (Date.now() > deadline) throw new Error(`${requestId} did not come to "${what}"; it is ${record.deletion.status}, attempt ${record.deletion.attempt}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    close: async () => {
      worker.shutdown();
      await running;
      await environment.teardown();
      await database.close();
      await drop();
    },
  };
}
