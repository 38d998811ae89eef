import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serverWalk, type ServerWalk } from '../support/model/server-walk.js';
import type { HouseOptions } from '../support/workflow-house.js';
import { walkOnServer } from '../support/model/server-walks.js';
import { seedFrom } from '../support/model/seed.js';

const { MODEL_SEED, MODEL_WALKS } = process.env;
const SEED = seedFrom(MODEL_SEED);
const many = (most: number): number => (MODEL_WALKS === undefined ? most : Number(MODEL_WALKS));

async function walk(options: HouseOptions, arbitrary: fc.Arbitrary<ServerWalk>, count: number) {
  const walks = sample(arbitrary, count);
  const started = performance.now();
  const { ended, broken } = await walkOnServer(options, walks);
  console.log(`${ended} of ${walks.length} walks with seed ${SEED} came to their end in ${Math.round((performance.now() - started) / 1000)} s`);
  expect(broken.join('\n\n')).toBe('');
  expect(ended).toBe(walks.length);
}

function sample(arbitrary: fc.Arbitrary<ServerWalk>, count: number): ServerWalk[] {
  console.log(`${count} walks with seed ${SEED}`);
  return fc.sample(arbitrary, { numRuns: count, seed: SEED });
}

describe('deletions on a server, with the real activities on PostgreSQL, answers of which are lost', () => {
  test('keep to the rules and end, while time is skipped', { timeout: 900_000 }, async () => {
    await walk({}, serverWalk({ updates: false }), many(300));
  });

  test('keep to the rules and end on the real server, which answers updates at the end of a run', { timeout: 900_000 }, async () => {
    await walk({ server: 'real' }, serverWalk({ updates: true }), many(150));
  });
});
