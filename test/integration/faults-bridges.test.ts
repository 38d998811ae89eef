import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFaultLab, type FaultLab } from '../support/fault-runs.js';
import { BRIDGE_SCENES } from '../support/fault-scenes-bridges.js';
import { RELAY_SCENES } from '../support/fault-scenes-relay.js';

let lab: FaultLab;
beforeAll(async () => {
  lab = await openFaultLab();
});
afterAll(() => lab.close());

describe('a deadlock, a serialisation failure, and a connection cut before or after, at each statement, when', () => {
  test.each([...BRIDGE_SCENES, ...RELAY_SCENES])('$name: tried again, its effect is there exactly once', async (scene) => {
    const { statements, differences, expected } = await lab.run(scene);
    expect(statements).toBeGreaterThan(0);
    for (const { outcome, ...where } of differences) expect({ ...where, outcome }).toEqual({ ...where, outcome: expected });
  });
});
