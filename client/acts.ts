import { isGrpcCancelledError, isGrpcDeadlineError, WithStartWorkflowOperation, WorkflowNotFoundError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { DeletionAnswer } from '../contracts/api/deletions.js';
import { DEFAULT_LANE, taskQueueFor, tenantWorkflowId, UPDATES, WORKFLOW_TYPES } from '../contracts/names/index.js';
import type { ActAnswer, PersonAct } from '../contracts/names/index.js';
import { grpcErrorOf } from '../platform/grpc-error.js';
import type { ApiReader } from './api-reader.js';
import { causeOf, ClientFault } from './faults.js';

/** What a person can do to a deletion. */
export type DeletionAct = 'retry' | 'cancel' | 'hold' | 'release';

/** Who does it, and why. */
export interface Actor {
  readonly by: string;
  readonly reason?: string | undefined;
}

export interface ActDeps {
  readonly temporal: () => Promise<Client>;
  /** How the deletion and the tenant stand; throws when there is none. */
  readonly api: Pick<ApiReader, 'deletion' | 'tenant'>;
  /** How long a worker's answer is awaited. */
  readonly answerTimeoutMs: number;
}

const personAct = ({ by, reason }: Actor, requestId?: string): PersonAct => ({ by, ...(reason === undefined ? {} : { reason }), ...(requestId === undefined ? {} : { requestId }) });

/**
 * Does it to the workflow that carries the request, and waits for its answer.
 * @throws ClientFault not-found, refused (it has ended, or the workflow says no), unreachable
 */
export async function actOnDeletion(deps: ActDeps, act: DeletionAct, requestId: string, actor: Actor): Promise<ActAnswer> {
  const { api } = deps;
  const deletion = await api.deletion(requestId);
  refuseEnded(deletion, act);
  try {
    return await answered(deps, (client) => client.workflow.getHandle(deletion.workflowId).executeUpdate<ActAnswer, [PersonAct]>(UPDATES[act], { args: [personAct(actor, requestId)] }));
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const now = await api.deletion(requestId);
    refuseEnded(now, act);
    throw new ClientFault('refused', `Cannot ${act} ${requestId}: it is ${now.status}, and no workflow runs for it. ${now.history.length > 1 ? 'Was its workflow terminated? Look at its history: expunge status.' : 'It has only just arrived: try again in a moment.'}`, { cause: error });
  }
}

/** A request that has ended takes nothing any more: another one's workflow may run under its id by now. */
function refuseEnded({ requestId, status, duplicateOf, outcome }: DeletionAnswer, act: DeletionAct): void {
  if (status === 'COMPLETED' || status === 'CANCELLED') throw new ClientFault('refused', `Cannot ${act} ${requestId}: it has ended as ${status}.`);
  if (status === 'DUPLICATE' && outcome !== null) throw new ClientFault('refused', `Cannot ${act} ${requestId}: it joined ${duplicateOf ?? 'another'}, which has ended as ${outcome}.`);
}

/**
 * Has what is left of an empty tenant erased; starts the tenant's workflow when it does not run.
 * @throws ClientFault not-found, refused, unreachable
 */
export async function eraseTenant(deps: ActDeps, tenantId: string, actor: Actor): Promise<ActAnswer> {
  // A mistyped id must not start a workflow.
  await deps.api.tenant(tenantId);
  return answered(deps, (client) => client.workflow.executeUpdateWithStart<(input: { readonly tenantId: string }) => Promise<void>, ActAnswer, [PersonAct]>(UPDATES.erase, {
    args: [personAct(actor)],
    startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW_TYPES.tenant, {
      workflowId: tenantWorkflowId(tenantId),
      taskQueue: taskQueueFor(DEFAULT_LANE),
      args: [{ tenantId }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
  }));
}

async function answered<T>({ temporal, answerTimeoutMs }: ActDeps, update: (client: Client) => Promise<T>): Promise<T> {
  const client = await temporal();
  try {
    return await client.withDeadline(Date.now() + answerTimeoutMs, () => update(client));
  } catch (error) {
    throw faultOf(error, answerTimeoutMs);
  }
}

function faultOf(error: unknown, answerTimeoutMs: number): unknown {
  if (error instanceof WorkflowNotFoundError) return error;
  if (error instanceof WorkflowUpdateFailedError) return new ClientFault('refused', `Refused: ${error.cause?.message ?? error.message}`, { cause: error });
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(error) || isGrpcCancelledError(error)) {
    return new ClientFault('unreachable', `No worker answered within ${answerTimeoutMs / 1000} s: is the role worker running (npm start -- --roles worker)? It may still be done once one runs: look at the status before you ask again.`, { cause: error });
  }
  const cause = grpcErrorOf(error);
  if (cause) return new ClientFault('unreachable', `Temporal could not take it: ${causeOf(cause)}`, { cause: error });
  return error;
}
