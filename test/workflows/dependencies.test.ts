import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentInventory, freshId, notificationsOf, outboxOf, provision, serviceEvent, serviceSubject } from '../support/deletions.js';
import { openWorkflowHouse, type Running, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

const triggersOf = async ({ input }: Running) => (await outboxOf(house.database, input.requestId)).filter(({ destination }) => destination === 'airflow.pipeline.trigger');

/** A tenant whose app depends on its db; `db` is being deleted and blocked. */
async function blocked() {
  const tenantId = freshId('tenant');
  await provision(house.database, tenantId, { app: ['db'], db: [] });
  const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
  await house.environment.sleep('5 seconds');
  await house.untilStatus(db.input.requestId, 'FAILED');
  return { tenantId, db };
}

describe('a db that an active app depends on', () => {
  test('is DEPENDENCY_BLOCKED after a second look, told, and never triggered', async () => {
    const { db } = await blocked();
    const { deletion, attempts } = await house.read(db.input.requestId);
    expect(deletion).toMatchObject({ status: 'FAILED', failureCode: 'DEPENDENCY_BLOCKED', attempt: 0 });
    expect(attempts).toEqual([]);
    expect(await triggersOf(db)).toEqual([]);
    const [notification] = await notificationsOf(house.database, db.input.requestId);
    expect(notification).toMatchObject({ status: 'FAILED', failureCode: 'DEPENDENCY_BLOCKED' });
    expect(notification?.message).toMatch(/cannot delete .* while app is running/i);
    await db.handle.signal('cancel');
    await db.handle.result();
  });

  test('goes through by itself when the deletion of the app completes', async () => {
    const { tenantId, db } = await blocked();
    const app = await house.start({ subject: serviceSubject(tenantId, 'app') });
    await house.untilStatus(app.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(app, 1, 'SUCCESS');
    await app.handle.result();
    expect(await house.relay()).toContain(db.workflowId);
    const { deletion } = await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    expect(deletion.failureCode).toBeNull();
    expect((await house.read(db.input.requestId)).attempts[0]?.cause).toBe('what it waited for has gone');
    await house.result(db, 1, 'SUCCESS');
    expect(await db.handle.result()).toMatchObject({ outcome: 'COMPLETED', attempts: 1 });
  });

  test('goes through by itself when the app is deprovisioned', async () => {
    const { tenantId, db } = await blocked();
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'app', eventType: 'service.deprovisioned', dependsOn: ['db'] });
    expect(await house.relay()).toContain(db.workflowId);
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    expect(await db.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('is parked and told again when it is retried while still blocked', async () => {
    const { db } = await blocked();
    await db.handle.signal('retry', { by: 'olga' });
    await house.environment.sleep('5 seconds');
    await house.until(db.input.requestId, 'parked again', ({ deletion, timeline }) => deletion.status === 'FAILED' && timeline.filter(({ what }) => what === 'parked').length === 2);
    expect(await notificationsOf(house.database, db.input.requestId)).toHaveLength(2);
    expect(await triggersOf(db)).toEqual([]);
    await db.handle.signal('cancel');
    await db.handle.result();
  });

  test('stays parked, and is told only once, when it looks again and is blocked still', async () => {
    const { tenantId, db } = await blocked();
    await provision(house.database, tenantId, { other: ['db'] });
    await serviceEvent(house.database, { tenantId, serviceInstanceId: 'other', eventType: 'service.deprovisioned', dependsOn: ['db'] });
    await house.relay();
    await house.environment.sleep('1 minute');
    expect(await db.handle.query('status')).toMatchObject({ phase: 'parked' });
    expect(await notificationsOf(house.database, db.input.requestId)).toHaveLength(1);
    await db.handle.signal('cancel');
    await db.handle.result();
  });

  test('asked for within the second look, the app goes first and nobody is told', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { app: ['db'], db: [] });
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.until(db.input.requestId, 'claimed', ({ deletion }) => deletion.step > 0);
    const app = await house.start({ subject: serviceSubject(tenantId, 'app') });
    await house.untilStatus(app.input.requestId, 'SENT_TO_AIRFLOW');
    await house.environment.sleep('5 seconds');
    expect(await notificationsOf(house.database, db.input.requestId)).toEqual([]);
    expect((await house.read(db.input.requestId)).deletion.status).toBe('PENDING');
    await house.result(app, 1, 'SUCCESS');
    await app.handle.result();
    await house.relay();
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    expect(await db.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
    expect(await notificationsOf(house.database, db.input.requestId)).toHaveLength(1);
  });
});

describe('services that are asked for together', () => {
  test('go in the order of their dependencies', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { web: ['app'], app: ['db'], db: [] });
    const [web, app, db] = (await Promise.all(['web', 'app', 'db'].map((id) => house.start({ subject: serviceSubject(tenantId, id) })))) as [Running, Running, Running];
    for (const running of [web, app, db]) {
      await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
      expect((await Promise.all([web, app, db].map(triggersOf))).map((rows) => rows.length)).toEqual([web, app, db].map((one) => ([web, app, db].indexOf(one) <= [web, app, db].indexOf(running) ? 1 : 0)));
      await house.result(running, 1, 'SUCCESS');
      await running.handle.result();
      await house.relay();
    }
  });

  test('go through when they depend on each other in a circle', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { a: ['b'], b: ['c'], c: ['a'] });
    const circle = await Promise.all(['a', 'b', 'c'].map((id) => house.start({ subject: serviceSubject(tenantId, id) })));
    await house.environment.sleep('5 minutes');
    for (const running of circle) {
      await house.untilStatus(running.input.requestId, 'SENT_TO_AIRFLOW');
      await house.result(running, 1, 'SUCCESS');
    }
    for (const running of circle) expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });

  test('are blocked when the one that is waited for is parked, and go on when that is retried', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { app: ['db'], db: [] });
    const app = await house.start({ subject: serviceSubject(tenantId, 'app'), policy: { autoRetries: 0 } });
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.untilStatus(app.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(app, 1, 'FAILURE');
    await house.untilStatus(app.input.requestId, 'FAILED');
    await house.environment.sleep('1 hour');
    expect((await house.untilStatus(db.input.requestId, 'FAILED')).deletion.failureCode).toBe('DEPENDENCY_BLOCKED');
    await app.handle.signal('retry');
    await house.until(app.input.requestId, 'sent again', ({ deletion }) => deletion.attempt === 2);
    await house.result(app, 2, 'SUCCESS');
    await app.handle.result();
    await house.relay();
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    expect(await db.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
  });
});

describe('a stale inventory', () => {
  test('is waited for without a trigger, and without telling anyone', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    await house.database.rows(`UPDATE inventory_feed SET caught_up_at = now() - interval '2 hours'`);
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.environment.sleep('10 minutes');
    expect((await house.read(db.input.requestId)).deletion.status).toBe('PENDING');
    expect(await triggersOf(db)).toEqual([]);
    expect(await notificationsOf(house.database, db.input.requestId)).toEqual([]);
    await currentInventory(house.database);
    await house.environment.sleep('1 minute');
    await house.untilStatus(db.input.requestId, 'SENT_TO_AIRFLOW');
    await house.result(db, 1, 'SUCCESS');
    await db.handle.result();
  });

  test('can be cancelled in, and held', async () => {
    const tenantId = freshId('tenant');
    await provision(house.database, tenantId, { db: [] });
    await house.database.rows(`UPDATE inventory_feed SET caught_up_at = now() - interval '2 hours'`);
    const db = await house.start({ subject: serviceSubject(tenantId, 'db') });
    await house.until(db.input.requestId, 'claimed', ({ deletion }) => deletion.step > 0);
    await db.handle.signal('hold');
    await house.untilStatus(db.input.requestId, 'ON_HOLD');
    await currentInventory(house.database);
    await house.environment.sleep('1 hour');
    expect(await triggersOf(db)).toEqual([]);
    await db.handle.signal('cancel');
    expect(await db.handle.result()).toMatchObject({ outcome: 'CANCELLED' });
  });
});
