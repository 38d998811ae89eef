import type { OrderOf } from '../../bus/delivery.js';
import { DEFAULT_LANE, TOPICS } from '../../contracts/names/index.js';
import { headerText } from '../../contracts/topics/index.js';
import { loadPolicies } from '../../platform/policies.js';
import type { StartRole } from '../../platform/roles.js';
import { consumeAs, kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { periodically } from '../periodically.js';
import { createSlots } from '../slots.js';
import { createAirflowApi } from './airflow-api.js';
import { createPostRun } from './post-run.js';
import { createSpeak } from './speak.js';
import { watchOnce } from './watcher.js';

/** Triggers that wait for their lane hold a place: there must be room for those of other lanes behind them. */
const IN_HAND = { maxConcurrency: 4_000, maxInFlight: 2_000 };

/**
 * Triggers of one job are in order, those of one tenant are not: a slow lane of it must not hold its others up. A trigger's event id
 * names its job.
 */
const orderByJob: OrderOf = ({ headers, key }) => headerText(headers, 'event_id') ?? key?.toString('latin1') ?? null;

/** Starts DAG runs in Airflow, and watches those that are overdue. */
export const startTriggerBridge: StartRole = async (deps) => {
  const { config, log, metrics } = deps;
  const { lanes } = loadPolicies(config);
  const slotsOf = new Map(lanes.map(({ name, triggerConcurrency }) => [name, triggerConcurrency]));
  // A lane that the policy file no longer lists has as much room as the default one, of its own.
  const slots = createSlots((lane) => slotsOf.get(lane) ?? slotsOf.get(DEFAULT_LANE) ?? 1);
  const { apiUrl, credentials, requestTimeoutMs, dagMissingGraceMs, watcherIntervalMs } = config.airflow;
  const airflow = createAirflowApi({ baseUrl: apiUrl, credentials, timeoutMs: requestTimeoutMs, metrics });
  const database = await openLedger('trigger', deps);
  const consumer = consumeAs('trigger', kafkaFor('trigger', config, log), (producer) => {
    const speak = createSpeak(producer);
    return { [TOPICS.airflowTrigger]: createPostRun({ database, airflow, slots, speak, dagMissingGraceMs, metrics, log }) };
  }, deps, { ...IN_HAND, orderOf: orderByJob });
  const watcher = periodically(
    async (signal) => ((await watchOnce({ database, airflow, speak: createSpeak(consumer.producer), overdueMs: watcherIntervalMs, metrics, log }, signal)) ? 0 : undefined),
    { name: 'watcher', everyMs: watcherIntervalMs, log },
  );
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await Promise.all([watcher.stop(), consumer.stop()]);
      await database.close();
    },
  };
};
