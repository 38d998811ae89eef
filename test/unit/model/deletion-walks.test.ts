import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { userWalk, tenantWalk, finish, type Sketch } from '../../support/model/commands.js';
import { World, type Terms, type Workflows } from '../../support/model/world.js';

vi.mock('@temporalio/workflow', () => import('../../support/model/virtual-workflow.js'));
const workflows = (await import('../../../workflows/index.js')) as unknown as Workflows;

const HOUR_MS = 3_600_000;
const terms: fc.Arbitrary<Terms> = fc.record({
  schedule: fc.nat(1_000),
  purgeGraceMs: fc.constantFrom(0, HOUR_MS),
  policy: fc.record({
    dagId: fc.constant('dag'),
    lane: fc.constant('default'),
    resultTimeoutMs: fc.constant(24 * HOUR_MS),
    autoRetries: fc.nat(2),
    retryBackoffMs: fc.constantFrom(60_000, 0),
    maxRetryBackoffMs: fc.constant(HOUR_MS),
    parkingWindowMs: fc.constant(7 * 24 * HOUR_MS),
    dueInMs: fc.constant(30 * 24 * HOUR_MS),
  }),
});

const SEED = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['MODEL_RUNS'] ?? 1000);

async function check(walks: ReturnType<typeof userWalk>) {
  const started = performance.now();
  await fc.assert(
    fc.asyncProperty(terms, walks, async (given, commands) => {
      const world = new World(workflows, given);
      await fc.asyncModelRun(() => ({ model: { requests: 0, jobs: 0 } satisfies Sketch, real: world }), commands);
      await finish(world);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${RUNS} walks in ${Math.round(performance.now() - started)} ms, seed ${SEED}`);
}

test('user', { timeout: 300_000 }, async () => {
  await check(userWalk(40));
  expect(1).toBe(1);
});
test('tenant', { timeout: 300_000 }, async () => {
  await check(tenantWalk(['a', 'b'], 50));
});
