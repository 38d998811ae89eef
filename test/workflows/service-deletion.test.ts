import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshId, outboxOf, provision } from '../support/deletions.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

const service = (tenantId: string, serviceInstanceId: string) => ({ kind: 'service' as const, tenantId, serviceType: 'database', serviceInstanceId });

describe('a service deletion', () => {
  test('goes from its request to its notification in at most 20 history events', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    const running = await house.start({ subject: service(tenantId, 'db') });
    await house.until(running.input.requestId, 'sent', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW');
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toEqual({ requestId: running.input.requestId, outcome: 'COMPLETED', attempts: 1 });

    const { deletion, timeline } = await house.read(running.input.requestId);
    expect(deletion.status).toBe('COMPLETED');
    expect(timeline.map(({ what }) => what)).toEqual(['received', 'claimed', 'sent to Airflow', 'completed']);
    const sent = await outboxOf(house.database, running.input.requestId);
    expect(sent.map(({ destination }) => destination)).toEqual([
      'airflow.pipeline.trigger',
      'nova.deletion.events',
      'nova.deletion.events',
      'notifications.send',
    ]);
    const { events } = await running.handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(20);
    console.log('history events:', events?.length);
  });

  test('is parked after its automatic retries, tells again, and completes by a late SUCCESS of an earlier attempt', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    const running = await house.start({ subject: service(tenantId, 'db'), policy: { resultTimeoutMs: 1000, autoRetries: 1, retryBackoffMs: 10 } });
    const { requestId } = running.input;
    await house.environment.sleep('1 minute');
    const parked = await house.until(requestId, 'parked', ({ deletion }) => deletion.status === 'TIMEOUT');
    expect(parked.attempts).toHaveLength(2);
    expect(parked.attempts[0]?.revokedAt).not.toBeNull();
    await house.environment.sleep('8 days');
    await house.until(requestId, 'told again', ({ timeline }) => timeline.some(({ what }) => what === 'told again'));
    await house.result(running, 1, 'SUCCESS');
    expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });
});
