import type { Scenario } from '../scenario.js';
import { kafkaScenarios } from './kafka.js';
import { machineScenarios } from './machine.js';
import { processScenarios } from './processes.js';
import { temporalScenarios } from './temporal.js';
import { workerScenarios } from './workers.js';

/** Every scenario; those of one house beside one another, because each change of house takes some seconds. */
export const scenarios: readonly Scenario[] = [...processScenarios, ...kafkaScenarios, ...temporalScenarios, ...machineScenarios, ...workerScenarios];
