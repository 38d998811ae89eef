import { expect, test } from 'vitest';
import { withMatrix } from '../chaos/matrix.js';
import { inPlayingOrder, scenarios } from '../chaos/scenarios/index.js';

test('the fault matrix in docs/reliability.md is that of the scenarios; if not: node --import tsx test/chaos/write-matrix.ts', async () => {
  const { is, shouldBe } = await withMatrix(scenarios);
  expect(is).toBe(shouldBe);
});

test('every scenario has a name of its own, and says what is promised in a row of the matrix', () => {
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
  for (const { fault, userSees, promised } of scenarios) for (const text of [fault, userSees, promised]) expect(text).toMatch(/^[^|\n]{4,}$/);
});

const LONG = { long: true, only: [] };

test('the long form plays every scenario, the short one all that do not say otherwise, and neither comes back to a house that it left', () => {
  expect(inPlayingOrder(LONG).map(({ name }) => name).sort()).toEqual(scenarios.map(({ name }) => name).sort());
  expect(inPlayingOrder({ long: false, only: [] }).map(({ name }) => name).sort()).toEqual(scenarios.filter(({ longOnly }) => longOnly !== true).map(({ name }) => name).sort());
  expect(inPlayingOrder({ long: false, only: ['nothing happens', 'broker'] }).map(({ name }) => name)).toEqual(['nothing happens', 'the broker is killed']);
  const houses = inPlayingOrder(LONG).map(({ setup }) => JSON.stringify(setup ?? {})).filter((house, i, all) => house !== all[i - 1]);
  expect(new Set(houses).size).toBe(houses.length);
});
