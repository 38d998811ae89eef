import type { ScheduleHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RECONCILER } from '../../contracts/names/index.js';
import { openHouse, type House } from '../support/house.js';
import { fresh, notificationsOf, triggersOf, userRequest, whenStatus } from '../support/house-scenes.js';
import type { Json } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
const schedule = (): ScheduleHandle => house.temporal.schedule.getHandle(RECONCILER.scheduleId);

beforeAll(async () => {
  house = await openHouse({ env: { RECONCILE_QUIET: '0s' } });
  await schedule().pause('only the passes that the test starts');
});
afterAll(() => schedule().unpause().finally(() => house.close()));

/** Has the schedule that `expunge setup` made start a pass, and waits for its result. */
async function pass(): Promise<{ readonly workflowId: string; readonly result: Json }> {
  // One that runs would be the one that is found, and the schedule would skip this one.
  const { numActionsTaken } = await waitFor('no pass runs', async () => {
    const { info } = await schedule().describe();
    return info.runningActions.length === 0 && info;
  });
  await schedule().trigger();
  const started = await waitFor('the schedule has started a pass', async () => {
    const { info } = await schedule().describe();
    return info.numActionsTaken > numActionsTaken && info.recentActions.at(-1)?.action;
  });
  const { workflowId } = started.workflow;
  return { workflowId, result: (await house.temporal.workflow.getHandle(workflowId).result()) as Json };
}

describe('a deletion whose workflow an operator terminated', () => {
  test('is parked and told by the next pass of the schedule, and goes on by a retry', async () => {
    const request = userRequest(fresh('user'));
    await house.airflow.turn('silent', { subject: request.key, end: 'running', times: null });
    await house.send(request);
    await whenStatus(house, request.requestId, 'SENT_TO_AIRFLOW');
    const [row] = await house.ledger.rows<{ workflowId: string }>('SELECT workflow_id FROM deletions WHERE request_id = $1', [request.requestId]);
    expect(await house.temporalCli('workflow', 'terminate', '--workflow-id', row!.workflowId, '--reason', 'by accident')).toMatchObject({ code: 0 });

    const { workflowId, result } = await pass();
    expect(result, JSON.stringify(result)).toMatchObject({ requestIds: expect.arrayContaining([request.requestId]) as unknown });
    const answer = await whenStatus(house, request.requestId, 'FAILED');
    expect(answer).toMatchObject({ parked: true, failure: { code: 'WORKFLOW_TERMINATED' } });
    await waitFor('it is told', () => notificationsOf(house, request.requestId).length > 0);
    expect(notificationsOf(house, request.requestId)).toMatchObject([{ status: 'FAILED', failureCode: 'WORKFLOW_TERMINATED' }]);
    expect(await house.roles.metric('expunge_reconciler_mended_total', { kind: 'user', mend: 'take-over' })).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(await house.temporal.workflow.getHandle(workflowId).fetchHistory())).not.toContain(request.key);
    expect(await house.logs()).not.toContain(request.key);

    await house.airflow.turn('reset');
    expect(await house.cli('retry', request.requestId, '--reason', 'it was an accident')).toMatchObject({ code: 0 });
    await whenStatus(house, request.requestId, 'COMPLETED');
    expect(triggersOf(house, request.requestId)).toHaveLength(2);
  });
});
