import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFaultLab, type FaultLab } from '../support/fault-runs.js';
import { receiveRequest } from '../support/deletions.js';
import { ACTIVITY_SCENES } from '../support/fault-scenes-activities.js';

let lab: FaultLab;
beforeAll(async () => {
  lab = await openFaultLab();
});
afterAll(() => lab.close());

describe('a deadlock, a serialisation failure, and a connection cut before or after, at each statement of', () => {
  test.each(ACTIVITY_SCENES)('$name: tried again, its effect is there exactly once', async (scene) => {
    const { statements, differences, expected } = await lab.run(scene);
    expect(statements).toBeGreaterThan(0);
    for (const { outcome, ...where } of differences) expect({ ...where, outcome }).toEqual({ ...where, outcome: expected });
  });

  test('a piece that is not safe to repeat: it is found out', async () => {
    const { statements, differences } = await lab.run({
      name: 'a note on its own',
      prepare: async ({ database, id }) => {
        const { input: { requestId } } = await receiveRequest(database, { requestId: id('req'), subject: { kind: 'user', subjectRef: id('ref') }, userId: id('user') });
        return ({ database: faulty }) => faulty.rows(`INSERT INTO timeline (request_id, what, status, attempt, cause) VALUES ($1, 'noted', 'PENDING', 0, 'a test')`, [requestId]);
      },
    });
    expect(statements).toBe(1);
    expect(differences.map(({ fault }) => fault)).toEqual(['cut after']);
  });
});
