import { WorkflowExecutionAlreadyStartedError, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { SIGNALS, WORKFLOW_TYPES, type DeletionInput, type JoinSignal } from '../../contracts/names/index.js';
import { askingTemporal } from '../temporal-spans.js';
import { deletionStart } from '../workflow-starts.js';

/** What a request became at Temporal. */
export type StartOutcome = 'started' | 'joined';

export type StartOrJoin = (request: { readonly input: DeletionInput; readonly workflowId: string }) => Promise<StartOutcome>;

/** The deletion of one subject closed and started again so often that no signal reached it: an outage of the moment. */
export class StartJoinRace extends Error {
  override readonly name = 'StartJoinRace';
}

const MOST_ROUNDS = 8;
const CALL_TIMEOUT_MS = 10_000;

/**
 * Starts a deletion's workflow, or, when one runs for the same subject, tells that of the request. A run that closed between the two
 * is followed by a start of its own; a request that is signalled to its own run is ignored there.
 * @throws StartJoinRace, and what Temporal throws when it is out.
 */
export const createStartOrJoin = (client: Pick<Client, 'workflow' | 'withDeadline'>): StartOrJoin => async ({ input, workflowId }) => {
  const call = <T>(act: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, act);
  const join: JoinSignal = { input };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    try {
      const type = WORKFLOW_TYPES[input.subject.kind];
      await askingTemporal('StartWorkflow', type, workflowId, () => call(() => client.workflow.start(type, {
        ...deletionStart(input, workflowId),
        args: [input],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      })));
      return 'started';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    try {
      await askingTemporal('SignalWorkflow', SIGNALS.join, workflowId, () => call(() => client.workflow.getHandle(workflowId).signal(SIGNALS.join, join)));
      return 'joined';
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  throw new StartJoinRace(`The deletion ${workflowId} closed and started again ${MOST_ROUNDS} times before it could be joined`);
};
