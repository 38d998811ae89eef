import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { fresh, ledgerRows, notificationsOf, provision, serviceRequest, triggersOf, userRequest, whenAll, whenStatus } from '../support/house-scenes.js';
import { header } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** All runs that the subject's workflow has had. */
async function runsOf(workflowId: string): Promise<string[]> {
  const runs: string[] = [];
  for await (const { runId } of house.temporal.workflow.list({ query: `WorkflowId = "${workflowId}"` })) runs.push(runId);
  return runs;
}
const workflowIdOf = async (requestId: string): Promise<string> => (await ledgerRows(house, [requestId]))[0]!.workflowId;

/** Waits until the ingress has handled everything that was sent before: a message behind it in each partition has been. */
async function whenAllRead(): Promise<void> {
  const markers = Array.from({ length: 40 }, () => userRequest(fresh('marker')));
  await house.send(...markers);
  await whenAll(house, markers.map(({ requestId }) => requestId), 'COMPLETED');
}

describe('what comes more than once', () => {
  test('the same message a hundred times is one workflow, one trigger, one notification', async () => {
    const request = userRequest(fresh('user'));
    await house.data.addUser(request.key);
    await house.send(...Array.from({ length: 100 }, () => request));
    await whenStatus(house, request.requestId, 'COMPLETED');
    await whenAllRead();

    expect(await waitFor('visibility has the run', async () => {
      const runs = await runsOf(await workflowIdOf(request.requestId));
      return runs.length > 0 && runs;
    })).toHaveLength(1);
    expect(triggersOf(house, request.requestId)).toHaveLength(1);
    expect((await house.airflow.runs()).filter(({ conf }) => conf['user_id'] === request.key)).toHaveLength(1);
    await waitFor('the notification is sent', () => notificationsOf(house, request.requestId).length > 0);
    expect(house.bus.values('notifications.send', (value) => value['userId'] === request.key)).toHaveLength(1);
    expect(house.bus.values('nova.deletion.events', (value) => value['requestId'] === request.requestId).map((value) => value['eventType'] as string))
      .toEqual(['deletion.requested', 'deletion.sent_to_airflow', 'deletion.completed']);
  });

  test('fifty requests at once for one user are one live deletion that 49 join and share, each told on its own', async () => {
    const userId = fresh('user');
    await house.airflow.turn('knobs', { durations: { [userId]: 4_000 } });
    const requests = Array.from({ length: 50 }, () => userRequest(userId));
    const ids = requests.map(({ requestId }) => requestId);
    await house.send(...requests);
    const joined = await waitFor('49 have joined', async () => {
      const rows = await ledgerRows(house, ids);
      const duplicates = rows.filter(({ status }) => status === 'DUPLICATE');
      return duplicates.length === 49 && { owner: rows.find(({ status }) => status !== 'DUPLICATE')!, duplicates };
    });
    expect(joined.owner.status).toBe('SENT_TO_AIRFLOW');
    expect(new Set(joined.duplicates.map(({ duplicateOf }) => duplicateOf))).toEqual(new Set([joined.owner.requestId]));
    const answer = await whenStatus(house, joined.owner.requestId, 'COMPLETED');
    expect(answer['joined']).toHaveLength(49);

    const rows = await ledgerRows(house, ids);
    expect(rows.filter(({ outcome }) => outcome === 'COMPLETED')).toHaveLength(49);
    expect(ids.flatMap((id) => triggersOf(house, id))).toHaveLength(1);
    expect((await house.airflow.runs()).filter(({ conf }) => conf['user_id'] === userId)).toHaveLength(1);
    await waitFor('each request has a notification', () => ids.every((id) => notificationsOf(house, id).length > 0));
    expect(house.bus.values('notifications.send', (value) => value['userId'] === userId)).toHaveLength(50);
    expect(await runsOf(joined.owner.workflowId)).toHaveLength(1);
    const { body } = await house.api(`/api/v1/deletions/${joined.duplicates[0]!.requestId}`);
    expect(body).toMatchObject({ status: 'DUPLICATE', final: true, duplicateOf: joined.owner.requestId, outcome: 'COMPLETED' });
  });

  test('a request after the end, under its own id, is a deletion of its own; under the old id it is ignored', async () => {
    const first = userRequest(fresh('user'));
    await house.send(first);
    await whenStatus(house, first.requestId, 'COMPLETED');
    const second = userRequest(first.key);
    await house.send(first, second);
    await whenStatus(house, second.requestId, 'COMPLETED');
    expect(triggersOf(house, first.requestId)).toHaveLength(1);
    expect(triggersOf(house, second.requestId)).toHaveLength(1);
  });

  test('one requestId for two subjects: the second is kept as a dead letter, and counted', async () => {
    const trace = fresh('trace');
    const tenants = [fresh('tenant'), fresh('tenant')] as const;
    await provision(house, tenants[0], { c: [], b_c: [] });
    const first = serviceRequest({ tenantId: tenants[0], serviceInstanceId: 'c', traceId: `${trace}_b` });
    const sameTenant = serviceRequest({ tenantId: tenants[0], serviceInstanceId: 'b_c', traceId: trace });
    const otherTenant = serviceRequest({ tenantId: tenants[1], serviceInstanceId: 'c', traceId: `${trace}_b` });
    expect(new Set([first, sameTenant, otherTenant].map(({ requestId }) => requestId)).size).toBe(1);
    const before = await house.roles.metric('expunge_request_conflicts_total');

    await house.send(first);
    await whenStatus(house, first.requestId, 'COMPLETED');
    await house.send(sameTenant, otherTenant);
    const dead = await waitFor('both are dead letters', () => {
      const found = house.bus.messages('tenant.service.deletion.request.dlq').filter(({ value }) => value?.includes(trace));
      return found.length === 2 && found;
    });
    for (const letter of dead) expect(header(letter, 'dlq-error-class')).toBe('REQUEST_ID_TAKEN');
    expect(dead.map(({ value }) => value?.toString()).sort()).toEqual([sameTenant, otherTenant].map(({ value }) => JSON.stringify(value)).sort());
    expect(await house.roles.metric('expunge_request_conflicts_total')).toBe(before + 2);
    expect(triggersOf(house, first.requestId)).toHaveLength(1);
    const { body } = await house.api(`/api/v1/tenants/${tenants[0]}`);
    expect(body['services']).toMatchObject([{ serviceInstanceId: 'b_c', status: 'ACTIVE' }, { serviceInstanceId: 'c', status: 'ERASED' }]);
  });
});
