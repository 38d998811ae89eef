import fc from 'fast-check';
import { finish, type Step } from './commands.js';
import { World, type Terms, type Workflows } from './world.js';
import { seedFrom } from './seed.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const terms: fc.Arbitrary<Terms> = fc.record({
  schedule: fc.nat(1_000),
  purgeGraceMs: fc.constantFrom(0, HOUR_MS),
  policy: fc.record({
    dagId: fc.constant('dag'),
    lane: fc.constant('default'),
    resultTimeoutMs: fc.constant(DAY_MS),
    autoRetries: fc.nat(2),
    retryBackoffMs: fc.constantFrom(60_000, 0),
    maxRetryBackoffMs: fc.constant(HOUR_MS),
    parkingWindowMs: fc.constant(7 * DAY_MS),
    dueInMs: fc.constant(30 * DAY_MS),
  }),
});

/** How to walk one walk again: what a failed run has printed, from the environment. */
interface Again {
  readonly seed: number;
  readonly path: string | undefined;
  readonly replayPath: string | undefined;
  readonly factor: number;
}

function again(): Again {
  const { MODEL_SEED, MODEL_PATH, MODEL_REPLAY, MODEL_FACTOR } = process.env;
  return { seed: seedFrom(MODEL_SEED), path: MODEL_PATH, replayPath: MODEL_REPLAY, factor: Number(MODEL_FACTOR ?? 1) };
}

/**
 * Walks at random, and prints the seed. A walk that breaks an invariant is shrunk to a short list of commands; its seed, path
 * and replayPath walk it again: MODEL_SEED, MODEL_PATH, MODEL_REPLAY. MODEL_FACTOR walks so many times as much; MODEL_TRACE
 * prints every call to the ledger.
 * @returns how many walks there were
 */
export async function walk({ workflows, walks, commands }: { workflows: Workflows; walks: number; commands: (replayPath: string | undefined) => fc.Arbitrary<Iterable<Step>> }): Promise<number> {
  const { seed, path, replayPath, factor } = again();
  const started = performance.now();
  let done = 0;
  console.log(`${walks * factor} walks with seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(terms, commands(replayPath), async (given, steps) => {
      const world = new World(workflows, given);
      await fc.asyncModelRun(() => ({ model: { requests: 0 }, real: world }), steps);
      await finish(world);
      done++;
    }),
    { numRuns: walks * factor, seed, ...(path !== undefined && { path, endOnFailure: true }) },
  );
  console.log(`${done} walks with seed ${seed} took ${Math.round((performance.now() - started) / 1000)} s`);
  return factor === 1 && path === undefined ? done : walks;
}
