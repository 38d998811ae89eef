import { expect, test, vi } from 'vitest';
import { finish, mustHold } from '../../support/model/commands.js';
import { subjectOfService, TENANT, World, type Workflows } from '../../support/model/world.js';

vi.mock('@temporalio/workflow', () => import('../../support/model/virtual-workflow.js'));
const workflows = (await import('../../../workflows/index.js')) as unknown as Workflows;

const DAY_MS = 24 * 3_600_000;
const policy = { dagId: 'dag', lane: 'default', resultTimeoutMs: DAY_MS, autoRetries: 0, retryBackoffMs: 1_000, maxRetryBackoffMs: 1_000, parkingWindowMs: 7 * DAY_MS, dueInMs: 30 * DAY_MS };
const terms = { graceMs: 0, gdprMode: true, crashes: false };

// What random walks have found, walked straight to.

test('a request that a completion set free is carried out, although the task that completed is lost and another request comes first', async () => {
  const world = new World(workflows, { policy, purgeGraceMs: 0, schedule: 0 });
  const { temporal, ledger } = world;
  const db = subjectOfService('db');
  ledger.provision(TENANT, 'db', []);
  world.request(db, terms);
  await temporal.settle();
  await temporal.advance(1_000);
  ledger.deprovision(TENANT, 'db');
  ledger.provision(TENANT, 'db', []);
  world.request(db, terms);
  await temporal.settle();
  temporal.faults.taskToLose = { afterCalls: 1, whenMoreHasCome: true };
  world.result('del_req_r1', 'SUCCESS', 'DAG_FAILED', false);
  await temporal.settle();
  world.request(db, terms);
  await temporal.settle();
  mustHold(world);
  await finish(world);
  expect(ledger.deletions.filter(({ kind }) => kind === 'service').map(({ status, outcome }) => outcome ?? status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
});
