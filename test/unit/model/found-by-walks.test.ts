import { expect, test, vi } from 'vitest';
import { workflowIdFor } from '../../../contracts/names/index.js';
import { finish, mustHold } from '../../support/model/commands.js';
import { subjectOfService, subjectOfUser, TENANT, World, type Workflows } from '../../support/model/world.js';

vi.mock('@temporalio/workflow', () => import('../../support/model/virtual-workflow.js'));
const workflows = (await import('../../../workflows/index.js')) as unknown as Workflows;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
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

test('a deletion that was set back to before a hold goes on, although the release that followed is refused the second time', async () => {
  const world = new World(workflows, { policy, purgeGraceMs: 0, schedule: 0 });
  const { temporal, ledger } = world;
  const workflowId = workflowIdFor(subjectOfUser);
  world.request(subjectOfUser, { ...terms, graceMs: HOUR_MS });
  await temporal.settle();
  world.act(workflowId, 'hold', 'signal');
  await temporal.settle();
  world.act(workflowId, 'release', 'update');
  await temporal.settle();
  await temporal.reset(workflowId, 2);
  await temporal.settle();
  expect(ledger.deletions.map(({ status }) => status)).toEqual(['PENDING']);
  await temporal.advance(HOUR_MS);
  expect(ledger.deletions.map(({ status }) => status)).toEqual(['SENT_TO_AIRFLOW']);
  await finish(world);
});

test('a retry whose task is lost after its attempt was refused for a new incarnation does not accept that incarnation', async () => {
  const world = new World(workflows, { policy, purgeGraceMs: 0, schedule: 0 });
  const { temporal, ledger } = world;
  const db = subjectOfService('db');
  ledger.provision(TENANT, 'db', []);
  world.request(db, terms);
  await temporal.settle();
  await temporal.advance(DAY_MS);
  expect(ledger.deletions.map(({ status }) => status)).toEqual(['TIMEOUT']);
  ledger.deprovision(TENANT, 'db');
  ledger.provision(TENANT, 'db', []);
  temporal.faults.taskToLose = { afterCalls: 3, whenMoreHasCome: true };
  world.act(workflowIdFor(db), 'retry', 'signal');
  await temporal.settle();
  world.act(workflowIdFor(db), 'hold', 'signal');
  await temporal.settle();
  mustHold(world);
  world.act(workflowIdFor(db), 'release', 'signal');
  await temporal.settle();
  expect(ledger.deletions.map(({ status, failureCode, attempt }) => ({ status, failureCode, attempt }))).toEqual([{ status: 'FAILED', failureCode: 'PROVISIONED_ANEW', attempt: 1 }]);
  await finish(world);
});
