import type { Scenario } from '../scenario.js';
import { airflowScenarios } from './airflow.js';
import { kafkaScenarios } from './kafka.js';
import { machineScenarios } from './machine.js';
import { novaScenarios } from './nova.js';
import { poisonScenarios } from './poison.js';
import { postgresScenarios } from './postgres.js';
import { processScenarios } from './processes.js';
import { temporalScenarios } from './temporal.js';
import { workerScenarios } from './workers.js';

/** Every scenario; those of one house beside one another, because each change of house takes some seconds. */
export const scenarios: readonly Scenario[] = [...processScenarios, ...poisonScenarios, ...postgresScenarios, ...kafkaScenarios, ...temporalScenarios, ...airflowScenarios, ...machineScenarios, ...workerScenarios, ...novaScenarios];
