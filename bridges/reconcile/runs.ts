import { WorkflowExecutionAlreadyStartedError, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowNotFoundError, type Client, type WorkflowExecutionStatusName } from '@temporalio/client';
import type { TakeOver } from '../../activities/answers.js';
import { RunRefused, type Runs } from '../../activities/reconcile.js';
import type { RunSeen } from '../../activities/reconcile.rules.js';
import { SIGNALS, WORKFLOW_TYPES } from '../../contracts/names/index.js';
import { grpcErrorOf } from '../../platform/grpc-error.js';
import type { LiveRow } from '../../store/ledger/live.js';
import { createStartOrJoin } from '../ingress/start-or-join.js';
import { deletionStart, tenantStart } from '../workflow-starts.js';

/** The client does not see what it is asked about, though it is there: wrong namespace, or none. */
export class WrongNamespace extends Error {
  override readonly name = 'WrongNamespace';
}

const CALL_TIMEOUT_MS = 10_000;
const INVALID_ARGUMENT = 3;

/** How a run closed, in words that follow "its workflow". */
const CLOSED: Partial<Record<WorkflowExecutionStatusName, string>> = {
  TERMINATED: 'was terminated',
  CANCELLED: 'was cancelled',
  FAILED: 'failed',
  TIMED_OUT: 'timed out',
  COMPLETED: 'has come to its end, of which this ledger does not know',
};

type TemporalCalls = Pick<Client, 'workflow' | 'withDeadline'>;

/** The reconciler's questions and acts over Temporal's client. */
export function createRuns(client: TemporalCalls): Runs {
  const call = <T>(act: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => refusing(act));
  const startOrJoin = createStartOrJoin(client);
  return {
    latest: (workflowId) => call(() => latestRun(client, workflowId)),
    startOrJoin: (row) => refusing(async () => {
      if (row.input.subject.kind === 'tenant') await wakeTenant(client, row.input.subject.tenantId);
      else await startOrJoin(row);
    }),
    takeOver: (row, lost) => call(() => startInPlace(client, row, lost)),
    reclaim: (workflowId) => call(() => signalled(client, workflowId)),
  };
}

/**
 * Makes sure that what this client does not find is not there: asks about a workflow that runs for certain.
 * @throws WrongNamespace
 */
export async function mustSee(client: TemporalCalls, workflowId: string): Promise<void> {
  const seen = await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => latestRun(client, workflowId));
  if (!seen) throw new WrongNamespace('Temporal does not know the very workflow that asks: nothing that it does not know is taken for lost');
}

async function latestRun(client: TemporalCalls, workflowId: string): Promise<RunSeen | undefined> {
  try {
    const { status, startTime, typedSearchAttributes, raw } = await client.workflow.getHandle(workflowId).describe();
    const closed = CLOSED[status.name];
    const requestId = typedSearchAttributes.getAll().find(({ key }) => key.name === 'RequestId')?.value;
    return {
      ...(closed !== undefined && { closed }),
      firstRunId: raw.workflowExecutionInfo?.firstRunId || undefined,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      startedMsAgo: Date.now() - startTime.getTime(),
      busy: (raw.pendingActivities?.length ?? 0) > 0 || Boolean(raw.pendingWorkflowTask),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function startInPlace(client: TemporalCalls, { input, workflowId }: LiveRow, takeOver: TakeOver): Promise<boolean> {
  const policies = { workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE, workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL };
  const carried = { retriesUsed: 0, cause: 'the request', takeOver };
  try {
    if (input.subject.kind === 'tenant') {
      const { tenantId } = input.subject;
      await client.workflow.start(WORKFLOW_TYPES.tenant, { ...tenantStart(tenantId), ...policies, args: [{ tenantId }, { ...carried, rechecks: 0 }] });
    } else {
      // Nobody could tell the lost run what has changed since: what it waited for is looked at once.
      await client.workflow.start(WORKFLOW_TYPES[input.subject.kind], { ...deletionStart(input, workflowId), ...policies, args: [input, [], { ...carried, rechecks: 1 }] });
    }
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

async function wakeTenant(client: TemporalCalls, tenantId: string): Promise<void> {
  await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => client.workflow.signalWithStart(WORKFLOW_TYPES.tenant, {
    ...tenantStart(tenantId),
    args: [{ tenantId }],
    signal: SIGNALS.recheck,
    signalArgs: [{}],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
  }));
}

async function signalled(client: TemporalCalls, workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).signal(SIGNALS.reclaim);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** @throws RunRefused when it is the call itself that Temporal does not take */
async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const cause = grpcErrorOf(error);
    if (cause?.code === INVALID_ARGUMENT) throw new RunRefused(cause.message, { cause: error });
    throw error;
  }
}
