import { isDeepStrictEqual } from 'node:util';
import type { Scenario } from '../scenario.js';
import type { ChaosSettings } from '../settings.js';
import { airflowScenarios } from './airflow.js';
import { kafkaScenarios } from './kafka.js';
import { machineScenarios } from './machine.js';
import { novaScenarios } from './nova.js';
import { poisonScenarios } from './poison.js';
import { postgresScenarios } from './postgres.js';
import { processScenarios } from './processes.js';
import { temporalScenarios } from './temporal.js';
import { workerScenarios } from './workers.js';

/** Every scenario, in the order of the fault matrix. */
export const scenarios: readonly Scenario[] = [...processScenarios, ...poisonScenarios, ...postgresScenarios, ...kafkaScenarios, ...temporalScenarios, ...airflowScenarios, ...machineScenarios, ...workerScenarios, ...novaScenarios];

/** Those that a form plays, or that were named, the ones of a house beside one another: each change of house takes some ten seconds. */
export function inPlayingOrder({ long, only }: Pick<ChaosSettings, 'long' | 'only'>): Scenario[] {
  const isWanted = ({ name, longOnly }: Scenario): boolean => (only.length === 0 ? long || longOnly !== true : only.some((text) => name.includes(text)));
  const houses: Scenario[][] = [];
  for (const scenario of scenarios.filter(isWanted)) {
    const house = houses.find(([first]) => isDeepStrictEqual(first?.setup, scenario.setup));
    if (house) house.push(scenario);
    else houses.push([scenario]);
  }
  return houses.flat();
}
