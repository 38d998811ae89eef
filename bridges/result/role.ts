import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { SIGNALS, TOPICS } from '../../contracts/names/index.js';
import type { StartRole } from '../../platform/roles.js';
import { connectClient } from '../../platform/temporal.js';
import { consumeAs, kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { askingTemporal } from '../temporal-spans.js';
import { createResultHandler, type SignalResult } from './handle-result.js';

const PATIENCE_MS = 60_000;
const CALL_TIMEOUT_MS = 10_000;

/** Signals over Temporal's client. */
export const createSignalResult = (client: Pick<Client, 'workflow' | 'withDeadline'>): SignalResult => async (workflowId, signal) => {
  try {
    await askingTemporal('SignalWorkflow', SIGNALS.airflowResult, workflowId, () => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).signal(SIGNALS.airflowResult, signal)));
    return 'signalled';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'not-found';
    throw error;
  }
};

/** Gives Airflow's results to the deletions that wait for them. */
export const startResultBridge: StartRole = async (deps) => {
  const { config, log, metrics, stopping } = deps;
  const database = await openLedger('result', deps);
  const temporal = await connectClient(config, { log, signal: stopping });
  const handler = createResultHandler({ database, signalResult: createSignalResult(temporal.client), patienceMs: PATIENCE_MS, metrics, log });
  const consumer = consumeAs('result', kafkaFor('result', config, log), () => ({ [TOPICS.airflowResult]: handler }), deps);
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await consumer.stop();
      await temporal.close();
      await database.close();
    },
  };
};
