import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { losesAnswers, serverWalk, WalkOnServer, type ServerWalk } from '../support/model/server-walk.js';
import { openWorkflowHouse, type HouseOptions, type WorkflowHouse } from '../support/workflow-house.js';

const ABREAST = 12;
const EACH_MS = 90_000;
const SEED = process.env['MODEL_SEED'] === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(process.env['MODEL_SEED']);

/** Walks side by side on one server, one worker and one database. @returns how many came to their end, and what did not hold of the others */
async function walkOn(options: HouseOptions, walks: readonly ServerWalk[]): Promise<{ ended: number; broken: string[] }> {
  const house = await openWorkflowHouse({ ...options, wrap: losesAnswers(17), inventoryMaxStalenessMs: 24 * 3_600_000 });
  let relaying = true;
  const relay = relayOn(house, () => relaying);
  try {
    const waiting = [...walks.entries()];
    const broken: string[] = [];
    let ended = 0;
    const next = async (): Promise<void> => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const [n, walk] = one;
        const faults = await new WalkOnServer(house, walk).go(EACH_MS);
        if (faults.length === 0) ended++;
        else broken.push(`walk ${n} of seed ${SEED}: ${JSON.stringify(walk)}\n${faults.join('\n')}`);
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, next));
    return { ended, broken };
  } finally {
    relaying = false;
    await relay;
    await house.close();
  }
}

async function relayOn(house: WorkflowHouse, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    await house.relay();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const sample = (arbitrary: fc.Arbitrary<ServerWalk>, count: number): ServerWalk[] => {
  console.log(`${count} walks with seed ${SEED}`);
  return fc.sample(arbitrary, { numRuns: count, seed: SEED });
};

describe('deletions on a server, with the real activities on PostgreSQL, answers of which are lost', () => {
  test('keep to the rules and end, while time is skipped', { timeout: 600_000 }, async () => {
    const count = Number(process.env['MODEL_WALKS'] ?? 300);
    const { ended, broken } = await walkOn({}, sample(serverWalk({ updates: false }), count));
    expect(broken.join('\n\n')).toBe('');
    expect(ended).toBe(count);
  });

  test('keep to the rules and end on the real server, which answers updates at the end of a run', { timeout: 600_000 }, async () => {
    const count = Number(process.env['MODEL_WALKS'] ?? 100);
    const { ended, broken } = await walkOn({ server: 'real' }, sample(serverWalk({ updates: true }), count));
    expect(broken.join('\n\n')).toBe('');
    expect(ended).toBe(count);
  });
});
