import { anySeed } from './random.js';

/** What a run of the chaos tests is asked for; set by test/chaos/run.ts, or by hand. */
export interface ChaosSettings {
  /** Hundreds of deletions per scenario, and faults that last. */
  readonly long: boolean;
  readonly seed: number;
  /** Scenarios whose names hold one of these; all when there is none. */
  readonly only: readonly string[];
}

/** @throws RangeError for a seed that is no whole number */
export function readSettings({ CHAOS_LONG, CHAOS_SEED, CHAOS_ONLY }: NodeJS.ProcessEnv): ChaosSettings {
  const seed = CHAOS_SEED ? Number(CHAOS_SEED) : anySeed();
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`CHAOS_SEED is ${CHAOS_SEED}: give the whole number that a run printed.`);
  return { long: CHAOS_LONG === '1', seed, only: (CHAOS_ONLY ?? '').split(',').map((text) => text.trim()).filter((text) => text !== '') };
}
