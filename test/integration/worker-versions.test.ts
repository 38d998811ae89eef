import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createStartOrJoin } from '../../bridges/ingress/start-or-join.js';
import { createTellWorkflow } from '../../bridges/result/tell-workflow.js';
import { runCli } from '../../client/run.js';
import { setUpTemporal } from '../../client/setup/temporal.js';
import { createLog } from '../../platform/log.js';
import { readDeletion } from '../../store/ledger/read.js';
import { recordResult } from '../../store/ledger/results.js';
import { openBridgeHouse, type BridgeHouse } from '../support/bridges.js';
import { freshId, receiveRequest, userSubject } from '../support/deletions.js';
import { createHouseRoles, type HouseRoles } from '../support/house-roles.js';
import { waitFor } from '../support/wait-for.js';

// Temporal's Worker Versioning as a roll-out meets it: docs/decisions/0013.

const namespace = freshId('versions');
const deployment = freshId('expunge');
let house: BridgeHouse;
/** Each in a process of its own: there is one runtime of Temporal's per process. */
let workers: HouseRoles;

beforeAll(async () => {
  const { TEMPORAL_ADDRESS: address = '' } = inject('stack');
  await setUpTemporal({ temporal: { namespace, connection: { address } }, retentionMs: 72 * 3_600_000, waitMs: 60_000, log: createLog({ level: 'fatal' }) });
  house = await openBridgeHouse(['worker'], { TEMPORAL_NAMESPACE: namespace });
  const { PATH = '', HOME = '' } = process.env;
  const logDir = join(inject('stackDir'), 'logs', deployment);
  await mkdir(logDir, { recursive: true });
  workers = await createHouseRoles({ PATH, HOME }, ['one', 'two'].map((buildId) => ({ name: buildId, roles: ['worker'], env: envOf(buildId) })), logDir);
}, 120_000);
afterAll(async () => {
  await workers.close();
  await house.close();
});

const envOf = (buildId: string) => ({ ...inject('stack'), TEMPORAL_NAMESPACE: namespace, SUBJECT_PEPPER: 'pepper-of-this-test', DATABASE_URL: house.config.database.url, WORKER_DEPLOYMENT: deployment, WORKER_BUILD_ID: buildId });

async function release(buildId: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  const terminal = { out: (line: string) => void said.push(line), err: (line: string) => void said.push(line), interactive: false, redraw: () => undefined };
  const code = await runCli(['make-current', ...args], { terminal, env: envOf(buildId) });
  return { code, said: said.join('\n') };
}
async function start() {
  const received = await receiveRequest(house.database, { subject: userSubject(), userId: freshId('user') });
  await createStartOrJoin(house.client)(received);
  return received;
}
const statusOf = async (requestId: string) => (await readDeletion(house.database, requestId))?.deletion.status;
const sent = (requestId: string) => waitFor(`${requestId} is sent`, async () => (await statusOf(requestId)) === 'SENT_TO_AIRFLOW');
/** The build that the workflow's last task was done by; what the task wrote to the ledger is there a moment before. */
const buildOf = (workflowId: string): Promise<string> => waitFor(`${workflowId} had a task`, async () => {
  const { events } = await house.client.workflow.getHandle(workflowId).fetchHistory();
  return events?.findLast((event) => event.workflowTaskCompletedEventAttributes)?.workflowTaskCompletedEventAttributes?.deploymentVersion?.buildId ?? undefined;
});
async function succeed({ input: { requestId }, workflowId }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const recorded = await recordResult(house.database, { jobId: `del_req_${requestId}`, airflowRunId: 'r', status: 'SUCCESS', counts: {}, errorText: null, failureCode: 'DAG_FAILED' });
  if (recorded.outcome === 'wake') await createTellWorkflow({ client: house.client, log: house.log })(recorded.workflowId, recorded.signal);
  expect(await house.client.workflow.getHandle(workflowId).result()).toMatchObject({ outcome: 'COMPLETED' });
}

describe('workers of a version', () => {
  test('get work once they are current, and then what the release before them has begun as well', async () => {
    await workers.start('one');
    expect(await release('one', '--wait', '60s')).toEqual({ code: 0, said: `${deployment}: one is current now.` });
    const begun = await start();
    await sent(begun.input.requestId);
    expect(await buildOf(begun.workflowId)).toBe('one');

    await workers.start('two');
    // Not current: it gets nothing, new or old.
    const next = await start();
    await sent(next.input.requestId);
    expect(await buildOf(next.workflowId)).toBe('one');

    expect(await release('two', '--wait', '60s', '--json')).toMatchObject({ code: 0, said: expect.stringContaining('"before": "one"') as unknown });
    await waitFor('new deletions go to the new release', async () => {
      const { input, workflowId } = await start();
      await sent(input.requestId);
      return (await buildOf(workflowId)) === 'two';
    }, 60_000);
    await succeed(begun);
    expect(await buildOf(begun.workflowId)).toBe('two');

    // And back.
    expect(await release('one', '--wait', '60s')).toMatchObject({ code: 0, said: `${deployment}: one is current now; it was two.` });
    await succeed(next);
    expect(await release('one')).toEqual({ code: 0, said: `${deployment}: one is current already.` });
  });

  test('are waited for, and a release that never comes up is said to be missing', async () => {
    const { code, said } = await release('never', '--wait', '2s');
    expect(code).toBe(5);
    expect(said).toContain(`workers of ${deployment} never`);
  });
});
