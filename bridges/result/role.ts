import { TOPICS } from '../../contracts/names/index.js';
import type { StartRole } from '../../platform/roles.js';
import { connectClient } from '../../platform/temporal.js';
import { consumeAs, kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { createResultHandler } from './handle-result.js';
import { createTellWorkflow } from './tell-workflow.js';

const PATIENCE_MS = 60_000;

/** Gives Airflow's results to the deletions that wait for them. */
export const startResultBridge: StartRole = async (deps) => {
  const { config, log, metrics, stopping } = deps;
  const database = await openLedger('result', deps);
  const temporal = await connectClient(config, { log, signal: stopping });
  const handler = createResultHandler({ database, tellWorkflow: createTellWorkflow({ client: temporal.client, log }), patienceMs: PATIENCE_MS, metrics, log });
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
