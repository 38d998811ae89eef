import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serverWalk, type ServerWalk } from '../support/model/server-walk.js';
import { walkOnServer } from '../support/model/server-walks.js';
import { seedFrom } from '../support/model/seed.js';

const { MODEL_SEED, MODEL_WALKS } = process.env;
const SEED = seedFrom(MODEL_SEED);
const many = (most: number): number => (MODEL_WALKS === undefined ? most : Number(MODEL_WALKS));

function sample(arbitrary: fc.Arbitrary<ServerWalk>, count: number): ServerWalk[] {
  console.log(`${count} walks with seed ${SEED}`);
  return fc.sample(arbitrary, { numRuns: count, seed: SEED });
}

describe('deletions on a server, with the real activities on PostgreSQL, answers of which are lost', () => {
  test('keep to the rules and end, while time is skipped', { timeout: 900_000 }, async () => {
    const walks = sample(serverWalk({ updates: false }), many(300));
    const { ended, broken } = await walkOnServer({}, walks);
    expect(broken.join('\n\n')).toBe('');
    expect(ended).toBe(walks.length);
  });

  test('keep to the rules and end on the real server, which answers updates at the end of a run', { timeout: 900_000 }, async () => {
    const walks = sample(serverWalk({ updates: true }), many(300));
    const { ended, broken } = await walkOnServer({ server: 'real' }, walks);
    expect(broken.join('\n\n')).toBe('');
    expect(ended).toBe(walks.length);
  });
});
