import { expect, test } from 'vitest';
import { withMatrix } from '../chaos/matrix.js';
import { scenarios } from '../chaos/scenarios/index.js';

test('the fault matrix in docs/reliability.md is that of the scenarios; if not: node --import tsx test/chaos/write-matrix.ts', async () => {
  const { is, shouldBe } = await withMatrix(scenarios);
  expect(is).toBe(shouldBe);
});

test('every scenario has a name of its own, and says what is promised in a row of the matrix', () => {
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
  for (const { fault, userSees, promised } of scenarios) for (const text of [fault, userSees, promised]) expect(text).toMatch(/^[^|\n]{4,}$/);
});
