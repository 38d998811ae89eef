import { WorkflowNotFoundError, WorkflowUpdateRPCTimeoutOrCancelledError, type Client } from '@temporalio/client';
import { SIGNALS, UPDATES, type AirflowResultSignal } from '../../contracts/names/index.js';
import type { Log } from '../../platform/log.js';
import { askingTemporal } from '../temporal-spans.js';

/**
 * Tells a deletion's workflow of a result.
 * @returns taken: the workflow has it; signalled: it will; not-found: there is no such workflow
 * @throws what Temporal throws when it is out
 */
export type TellWorkflow = (workflowId: string, result: AirflowResultSignal) => Promise<'taken' | 'signalled' | 'not-found'>;

export interface TellWorkflowOptions {
  readonly client: Pick<Client, 'workflow' | 'withDeadline'>;
  readonly log: Pick<Log, 'info' | 'debug'>;
  /** How long a worker may take to answer before Temporal is to keep the result for it. */
  readonly answerWithinMs?: number;
  /** How long results are signalled at once after one that no worker answered. */
  readonly signalForMs?: number;
}

/** As long as a workflow's next task waits for the worker that has it in memory. */
const ANSWER_WITHIN_MS = 5_000;
const SIGNAL_FOR_MS = 10_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * A result goes as an update, which Temporal gives to a worker without writing a workflow task down first, and as a signal, which waits for a
 * worker, where no worker answers in time or the update fails. Both of one result do what one does: a workflow takes a result once.
 */
export function createTellWorkflow({ client, log, answerWithinMs = ANSWER_WITHIN_MS, signalForMs = SIGNAL_FOR_MS }: TellWorkflowOptions): TellWorkflow {
  let signalsUntilMs = 0;

  const update = async (workflowId: string, result: AirflowResultSignal): Promise<boolean> => {
    const { requestId, attempt, status } = result;
    try {
      await askingTemporal('UpdateWorkflow', UPDATES.airflowResult, workflowId, () => client.withDeadline(Date.now() + answerWithinMs, () =>
        client.workflow.getHandle(workflowId).executeUpdate(UPDATES.airflowResult, { args: [result], updateId: `${requestId}/result/${attempt}/${status}` })));
      return true;
    } catch (error) {
      if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
        signalsUntilMs = performance.now() + signalForMs;
        log.info({ requestId, answerWithinMs, signalForMs }, 'no worker has answered in time; for a while results are signalled');
      } else log.debug({ requestId, err: error }, 'a result was not taken as an update; it is signalled');
      return false;
    }
  };

  const signal = async (workflowId: string, result: AirflowResultSignal): Promise<'signalled' | 'not-found'> => {
    try {
      await askingTemporal('SignalWorkflow', SIGNALS.airflowResult, workflowId, () => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).signal(SIGNALS.airflowResult, result)));
      return 'signalled';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'not-found';
      throw error;
    }
  };

  return async (workflowId, result) => {
    if (performance.now() >= signalsUntilMs && (await update(workflowId, result))) return 'taken';
    return signal(workflowId, result);
  };
}
