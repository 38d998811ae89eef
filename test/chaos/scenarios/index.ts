import type { Scenario } from '../scenario.js';
import { processScenarios } from './processes.js';

/** Every scenario; those of one house beside one another, because each change of house takes some seconds. */
export const scenarios: readonly Scenario[] = [...processScenarios];
