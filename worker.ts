import { Worker } from '@temporalio/worker';
import { activityInfo, Context } from '@temporalio/activity';
import { createActivities } from './activities/create-activities.js';
import type { ActivityEvents } from './activities/deps.js';
import { createInventoryAuthority } from './activities/inventory-authority.js';
import { createOwnerInventory } from './activities/owner-counts.js';
import { createReconcileActivities, type ReconcileEvents } from './activities/reconcile.js';
import { localInventory } from './activities/subject-inventory.js';
import { openLedger } from './bridges/ledger-connection.js';
import { createRuns, mustSee } from './bridges/reconcile/runs.js';
import { DELETION_KINDS, MENDS, OWNER_OF_KIND, SUBJECT_KINDS, taskQueueFor } from './contracts/names/index.js';
import { isEntryPoint } from './platform/entry-point.js';
import type { Log } from './platform/log.js';
import type { Metrics } from './platform/metrics.js';
import { createPace } from './platform/pace.js';
import { loadPolicies } from './platform/policies.js';
import type { RoleDeps, RunningRole, StartRole } from './platform/roles.js';
import { runRoles } from './platform/run-roles.js';
import { createSubjectRefs } from './platform/subject-ref.js';
import { connectClient, connectWorker } from './platform/temporal.js';
import { installTemporalRuntime, workerSettings } from './platform/temporal-runtime.js';
import { bundleWorkflows } from './platform/workflow-bundle.js';

/** How long a workflow's next task waits for the worker that has the workflow in memory: half of the default, for one that was killed. */
const STICKY_FOR = '5s';

/**
 * Runs workflows and activities: one Temporal worker per lane, so that a slow lane takes no slots of another. Needs no Kafka.
 * @param workflowsPath other workflows than the product's; for tests of one release beside another
 */
export const workerRole = (workflowsPath?: string): StartRole => async (deps: RoleDeps): Promise<RunningRole> => {
  const { config, log, metrics, stopping } = deps;
  const policies = loadPolicies(config);
  const subjectRefs = createSubjectRefs(config.subjectPeppers);
  const runtime = await installTemporalRuntime(log);
  deps.health?.addMetrics("Temporal's SDK", () => runtime.metrics());
  const database = await openLedger('worker', deps);
  const connection = await connectWorker(config, { log, ...(stopping && { signal: stopping }) });

  const activities = createActivities(
    {
      database,
      topicPrefix: config.kafka.topicPrefix,
      inventoryMaxStalenessMs: config.inventoryMaxStalenessMs,
      inventoryAuthority: config.inventoryAuthority && createInventoryAuthority(config.inventoryAuthority),
      inventory: config.owners ? createOwnerInventory({ database, ...config.owners }) : localInventory,
      subjectRefsOf: (userId) => subjectRefs.candidates(userId),
      tenantPurgeGraceMs: config.tenantPurgeGraceMs,
      tenantPolicy: policies.policyFor({ kind: 'tenant', tenantId: '', emptying: 0 }),
      events: activityEvents(metrics, log),
    },
    (activity, error) => log.warn({ activity, err: error }, 'an activity failed and is tried again'),
  );
  const temporal = await connectClient(config, { log, signal: stopping });
  const reconcileActivities = createReconcileActivities({
    database,
    runs: createRuns(temporal.client),
    quietMs: config.reconcile.quietMs,
    pace: createPace(config.reconcile.perSecond),
    alive: () => {
      Context.current().heartbeat();
      Context.current().cancellationSignal.throwIfAborted();
    },
    mustSee: () => mustSee(temporal.client, activityInfo().workflowExecution?.workflowId ?? ''),
    events: reconcileEvents(metrics, log),
  });
  const { version } = config.worker;
  if (version) log.info({ ...version }, 'workers are of a version: they get work once it is current (expunge make-current)');
  const workflowBundle = await bundleWorkflows({ workflowsPath, ...config.worker });
  const workers = await Promise.all(
    policies.lanes.map((lane) =>
      Worker.create({
        connection,
        namespace: config.temporal.namespace,
        taskQueue: taskQueueFor(lane.name),
        workflowBundle,
        activities: { ...activities, ...reconcileActivities },
        ...workerSettings(config, lane.workerSlots),
        ...(version && { workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' } }),
        stickyQueueScheduleToStartTimeout: STICKY_FOR,
      }),
    ),
  );
  const runs = workers.map((worker) => worker.run());
  let failure: unknown;
  for (const run of runs) {
    run.catch((error: unknown) => {
      failure = error;
      log.fatal({ err: error }, 'a worker ended');
    });
  }
  return {
    ready: () => failure === undefined && workers.every((worker) => worker.getState() === 'RUNNING'),
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(runs);
      await temporal.close();
      await connection.close();
      await database.close();
    },
  };
};

/** Runs the product's workflows and activities. */
export const startWorker = workerRole();

/** Counts what activities tell; what a person must look at is logged as well. */
export function activityEvents(metrics: Metrics, log: Log): ActivityEvents {
  // Told from the beginning, so that the first one is seen to be more than none.
  for (const kind of SUBJECT_KINDS) {
    metrics.residual.inc({ kind }, 0);
    metrics.ownerCountsFailed.inc({ owner: OWNER_OF_KIND[kind] }, 0);
  }
  return {
    triggered: (kind, lane) => metrics.triggers.inc({ kind, lane }),
    ended: (kind, lane, status, durationMs) => {
      metrics.deletionsEnded.inc({ kind, lane, status });
      if (status === 'COMPLETED') metrics.deletionDuration.observe({ kind, lane }, durationMs / 1000);
    },
    parked: (kind, lane, code) => metrics.deletionsParked.inc({ kind, lane, code }),
    tenantUnknown: (requestId) => {
      metrics.tenantUnknown.inc();
      log.warn({ requestId }, 'a service was deleted of a tenant that the inventory has never heard of');
    },
    tenantDecisionNeeded: (tenantId) => {
      metrics.tenantDecisionsNeeded.inc();
      log.warn({ tenantId }, 'the tenant is empty after some, but not only, GDPR deletions: decide whether to erase it (expunge tenant erase)');
    },
    inventoryUnavailable: (owner, why) => {
      metrics.ownerCountsFailed.inc({ owner });
      log.warn({ owner, why }, 'what exists of a user cannot be asked; deletions of users wait');
    },
    verified: (requestId, verdict, residual, again) => {
      metrics.verifications.inc({ verdict });
      for (const [kind, n] of Object.entries(residual)) metrics.residual.inc({ kind }, n);
      if (verdict === 'RESIDUAL') log.error({ requestId, residual, again }, 'something is left of a user after a completed deletion');
    },
    overdue: (requestId) => log.error({ requestId }, 'the deletion is overdue'),
  };
}

/** Counts and logs what the reconciler tells: each mend is a thing that should not have been needed. */
export function reconcileEvents(metrics: Metrics, log: Log): ReconcileEvents {
  for (const kind of DELETION_KINDS) for (const mend of MENDS) metrics.reconcilerMended.inc({ kind, mend }, 0);
  return {
    looked: (rows) => metrics.reconcilerLooked.inc(rows),
    mended: (kind, mend, requestId, why) => {
      metrics.reconcilerMended.inc({ kind, mend });
      log.warn({ requestId, kind, mend, why }, 'a deletion was not carried out by Temporal as the ledger had it');
    },
    failed: (requestId, error) => {
      metrics.reconcilerFailed.inc();
      log.error({ requestId, err: error }, 'a deletion is not carried out by Temporal as the ledger has it, and could not be mended');
    },
    gaveUp: (error) => log.warn({ err: error }, 'the ledger could not be compared with Temporal, and is once more'),
  };
}

if (isEntryPoint(import.meta.url)) await runRoles(new Map([['worker', () => Promise.resolve(startWorker)]]));
