import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deletionAnswer } from '../../contracts/api/deletions.js';
import { deletionList } from '../../contracts/api/lists.js';
import { openHouse, type House } from '../support/house.js';
import { fresh, provision, serviceRequest, whenStatus } from '../support/house-scenes.js';
import type { Json } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
let tenantId: string;
let requestId: string;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** A service whose eraser may not delete what it should: its deletion ends up parked. */
beforeEach(async () => {
  tenantId = fresh('tenant');
  await provision(house, tenantId, { 'srv-1': [] });
  await house.airflow.turn('fail', { subject: tenantId, error: 'AccessDenied: s3:DeleteObject on bucket data-1' });
  const request = serviceRequest({ tenantId, serviceInstanceId: 'srv-1' });
  requestId = request.requestId;
  await house.send(request);
});

/** The bucket's policy allows it from now on. */
const mendTheCause = () => house.airflow.turn('reset');

/** As docs/operations.md has it. */
const PARKED = 'DeletionStatus IN ("FAILED", "TIMEOUT") AND ExecutionStatus = "Running"';

describe('a newcomer finds a parked deletion, sees why, mends the cause and retries it', () => {
  test('with the Temporal CLI', async () => {
    const temporal = async (...args: string[]) => {
      const { code, stdout, stderr } = await house.temporalCli(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const found = await waitFor('the list of parked deletions has it', async () => {
      const list = JSON.parse(await temporal('workflow', 'list', '--query', `${PARKED} AND TenantId = "${tenantId}"`, '--output', 'json')) as { execution: { workflowId: string } }[];
      return list[0];
    });
    const { workflowId } = found.execution;
    expect(workflowId).toBe(`service-deletion/${tenantId}/srv-1`);
    expect(await temporal('workflow', 'describe', '--workflow-id', workflowId)).toMatch(/DeletionStatus.*FAILED/s);
    const details = await temporal('workflow', 'metadata', '--workflow-id', workflowId);
    expect(details).toContain('DAG_FAILED');
    expect(JSON.parse(await temporal('workflow', 'query', '--workflow-id', workflowId, '--name', 'status', '--output', 'json'))).toMatchObject({ queryResult: [{ requestId, parked: true }] });

    await mendTheCause();
    const retried = await temporal('workflow', 'update', 'execute', '--workflow-id', workflowId, '--name', 'retryNow', '--input', '{"by": "newcomer", "reason": "bucket policy fixed"}');
    expect(retried).toContain(requestId);
    const { history } = deletionAnswer.parse(await whenStatus(house, requestId, 'COMPLETED'));
    expect(history).toContainEqual(expect.objectContaining({ what: 'retry', by: 'newcomer', reason: 'bucket policy fixed' }));
    expect(await temporal('workflow', 'list', '--query', `${PARKED} AND TenantId = "${tenantId}"`, '--output', 'json')).toMatch(/^\[\s*\]\s*$/);
  });

  test('with a signal of the Temporal CLI, which needs no input', async () => {
    await whenStatus(house, requestId, 'FAILED');
    await mendTheCause();
    expect(await house.temporalCli('workflow', 'signal', '--workflow-id', `service-deletion/${tenantId}/srv-1`, '--name', 'retry')).toMatchObject({ code: 0 });
    await whenStatus(house, requestId, 'COMPLETED');
  });

  test('with the expunge CLI', async () => {
    const expunge = async (...args: string[]) => {
      const { code, stdout, stderr } = await house.cli(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    await whenStatus(house, requestId, 'FAILED');
    expect(await expunge('list', '--parked', '--tenant', tenantId)).toMatch(/│ FAILED DAG_FAILED +│ cloud-storage srv-1 of tenant/);
    const { items: [parked] } = deletionList.parse(JSON.parse(await expunge('list', '--parked', '--tenant', tenantId, '--json')));
    expect(parked?.requestId).toBe(requestId);
    const status = await expunge('status', requestId);
    expect(status).toMatch(/status +FAILED, parked: it waits for a retry, a cancel or a late success \(DAG_FAILED\)/);
    expect(status).toContain('AccessDenied: s3:DeleteObject on bucket data-1');

    await mendTheCause();
    expect(await expunge('retry', requestId, '--by', 'newcomer', '--reason', 'bucket policy fixed')).toContain(requestId);
    expect(await expunge('watch', requestId, '--every', '200ms', '--timeout', '60s')).toMatch(/COMPLETED, after/);
    const { history, attempts } = deletionAnswer.parse(JSON.parse(await expunge('status', requestId, '--json')) as Json);
    expect(history).toContainEqual(expect.objectContaining({ what: 'retry', by: 'newcomer', reason: 'bucket policy fixed' }));
    expect(attempts.map(({ result }) => result)).toEqual(['FAILURE', 'SUCCESS']);
    expect(JSON.parse(await expunge('list', '--parked', '--tenant', tenantId, '--json'))).toEqual({ items: [], next: null });
  });
});
