import type { AirflowMode } from './parts.js';

/** Where a part of the stack comes from, in the order in which the ways are tried. */
export type Source = 'environment' | 'compose' | 'machine' | 'registry';

/**
 * The ways to get a part, in order. An address in the environment is the person's word: it is used or it is an error,
 * nothing else is started in its place.
 */
export function sourcesFor(facts: {
  readonly addressSet: boolean;
  readonly engineRuns: boolean;
  readonly composeServices: readonly string[];
  /** What the person lets the stack try. */
  readonly allowed: readonly Source[];
}): readonly Source[] {
  if (facts.addressSet) return ['environment'];
  const compose: Source[] = facts.engineRuns && facts.composeServices.length > 0 ? ['compose'] : [];
  const all: Source[] = [...compose, 'machine', 'registry'];
  return all.filter((source) => facts.allowed.includes(source));
}

/** Whether Airflow is part of this stack: asked for by the caller, else by the person's STACK_AIRFLOW. */
export const airflowMode = (asked: AirflowMode | undefined, setting: AirflowMode): AirflowMode => asked ?? setting;
