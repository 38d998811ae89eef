import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isIncarnationAskedFor } from '../../store/inventory/incarnation.rules.js';
import type { Service, Tenant } from '../../store/inventory/locked-tenant.js';
import { readTenant } from '../../store/inventory/read.js';
import { applyServiceEvent, type ServiceEvent } from '../../store/inventory/service-events.js';
import { readJob } from '../../store/ledger/read.js';
import { currentInventory, freshId, provision, receiveRequest, serviceEvent, serviceSubject } from '../support/deletions.js';
import { atOnce, openStore, type TestStore } from '../support/store.js';
import { waitFor } from '../support/wait-for.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

const read = async (tenantId: string) => {
  const record = await readTenant(store.database, tenantId);
  if (!record) throw new Error(`no tenant ${tenantId}`);
  return record;
};
const wakeUpsOf = (tenantId: string) => store.database.rows('SELECT event_id FROM outbox WHERE key = $1', [`tenant/${tenantId}`]);
const at = (second: number): Date => new Date(Date.UTC(2026, 1, 11, 10, 0, second));

/** What an inventory is that was told the events one after another, as a person would reckon it. */
function reckoned(events: readonly ServiceEvent[]): { status: Tenant['status']; services: Map<string, Pick<Service, 'status' | 'generation' | 'serviceType' | 'eventAt'>> } {
  const services = new Map<string, Pick<Service, 'status' | 'generation' | 'serviceType' | 'eventAt'>>();
  for (const { serviceInstanceId, eventType, serviceType, timestamp } of events) {
    const known = services.get(serviceInstanceId);
    if (known && timestamp < known.eventAt) continue;
    const comes = eventType === 'service.provisioned';
    const anew = comes && known !== undefined && known.status !== 'ACTIVE';
    services.set(serviceInstanceId, {
      status: comes ? 'ACTIVE' : 'DEPROVISIONED',
      generation: (known?.generation ?? 1) + (anew ? 1 : 0),
      serviceType: comes ? serviceType : (known?.serviceType ?? serviceType),
      eventAt: timestamp,
    });
  }
  return { status: events.some(({ eventType }) => eventType === 'service.provisioned') ? 'ACTIVE' : 'UNKNOWN', services };
}

/** A history of up to three instances, each event at a time of its own, in the order that it arrives in. */
const arrivals = fc
  .uniqueArray(fc.record({ second: fc.nat(59), serviceInstanceId: fc.constantFrom('a', 'b', 'c'), provisioned: fc.boolean() }), { selector: ({ second }) => second, minLength: 1, maxLength: 8 })
  .map((events) => (tenantId: string): ServiceEvent[] => events.map(({ second, serviceInstanceId, provisioned }) => ({
    eventId: freshId('evt'), eventType: provisioned ? 'service.provisioned' : 'service.deprovisioned',
    tenantId, serviceInstanceId, serviceType: `type-${second}`, dependsOn: [], timestamp: at(second),
  })));
const statuses = (services: Iterable<[string, Pick<Service, 'status' | 'eventAt'>]>) => [...services].map(([id, { status, eventAt }]) => [id, status, eventAt]).sort();

describe('service events', () => {
  test('in whatever order they arrive: the latest wins, incarnations are counted, and a tenant is known by any that was ever provisioned', async () => {
    await fc.assert(fc.asyncProperty(arrivals, async (make) => {
      const tenantId = freshId('tenant');
      const events = make(tenantId);
      for (const event of events) await applyServiceEvent(store.database, 'test', event);
      const { tenant, services } = await read(tenantId);
      const expected = reckoned(events);
      expect(tenant.status).toBe(expected.status);
      expect(new Map(services.map(({ serviceInstanceId, status, generation, serviceType, eventAt }) => [serviceInstanceId, { status, generation, serviceType, eventAt }]))).toEqual(expected.services);
      const isLeft = services.some(({ status }) => status === 'ACTIVE');
      if (!isLeft && tenant.status === 'ACTIVE') expect((await wakeUpsOf(tenantId)).length).toBeGreaterThan(0);
    }), { numRuns: 60 });
  });

  test('all at once, and each several times, end as they do one after another', async () => {
    await fc.assert(fc.asyncProperty(arrivals, async (make) => {
      const tenantId = freshId('tenant');
      const events = make(tenantId);
      const outcomes = await Promise.all([...events, ...events, ...events].map((event) => applyServiceEvent(store.database, 'test', event)));
      expect(outcomes.filter((outcome) => outcome === 'seen-before')).toHaveLength(events.length * 2);
      const { tenant, services } = await read(tenantId);
      const inOrder = reckoned([...events].sort((a, b) => a.timestamp.getTime() - b.timestamp.getTime()));
      expect(tenant.status).toBe(inOrder.status);
      expect(statuses(services.map((service) => [service.serviceInstanceId, service]))).toEqual(statuses(inOrder.services));
      if (!services.some(({ status }) => status === 'ACTIVE') && tenant.status === 'ACTIVE') expect((await wakeUpsOf(tenantId)).length).toBeGreaterThan(0);
    }), { numRuns: 25 });
  });

  test('are remembered by each consumer group for itself', async () => {
    const event: ServiceEvent = { eventId: freshId('evt'), eventType: 'service.provisioned', tenantId: freshId('tenant'), serviceType: 'database', serviceInstanceId: 'db', dependsOn: [], timestamp: at(1) };
    expect(await applyServiceEvent(store.database, 'one', event)).toBe('applied');
    expect(await applyServiceEvent(store.database, 'one', event)).toBe('seen-before');
    expect(await applyServiceEvent(store.database, 'another', event)).toBe('applied');
    expect((await read(event.tenantId)).services[0]?.generation).toBe(1);
  });
});

/** A deletion of the tenant's db that a run has claimed, and its trigger. */
async function claimedDeletion(tenantId: string, requestedAt = new Date(), dryRun = false) {
  const { input } = await receiveRequest(store.database, { subject: serviceSubject(tenantId, 'db'), requestedAt, dryRun });
  const call = { requestId: input.requestId, runId: `run-of-${input.requestId}`, cause: 'the request' };
  await store.activities.claim({ ...call, step: 0 });
  return { ...call, jobId: `del_req_${input.requestId}`, trigger: () => store.activities.trigger({ ...call, step: 1 }) };
}
const standing = async (jobId: string) => {
  const job = await readJob(store.database, jobId);
  return job && { stands: job.stands, reason: job.reason };
};

describe('a service that comes anew', () => {
  test('revokes the job that would erase its former self, and no later trigger takes it for that', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [] }, at(1));
    const job = await claimedDeletion(tenantId);
    expect(await job.trigger()).toMatchObject({ outcome: 'sent' });
    expect(await standing(job.jobId)).toEqual({ stands: true, reason: 'current' });
    await serviceEvent(store.database, { tenantId, serviceInstanceId: 'db', eventType: 'service.deprovisioned', timestamp: at(2) });
    expect(await standing(job.jobId)).toMatchObject({ stands: true });
    await serviceEvent(store.database, { tenantId, serviceInstanceId: 'db', timestamp: at(3) });
    expect(await standing(job.jobId)).toEqual({ stands: false, reason: 'revoked: the instance was provisioned anew' });
    expect(await store.activities.trigger({ ...job, step: 2 })).toEqual({ outcome: 'provisioned-anew' });
    expect((await read(tenantId)).services[0]).toMatchObject({ generation: 2, status: 'ACTIVE' });
  });

  test('is not marked as erased by the SUCCESS of a job on its former self', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [] }, at(1));
    const job = await claimedDeletion(tenantId);
    await job.trigger();
    await serviceEvent(store.database, { tenantId, serviceInstanceId: 'db', eventType: 'service.deprovisioned', timestamp: at(2) });
    await serviceEvent(store.database, { tenantId, serviceInstanceId: 'db', timestamp: at(3) });
    const wakeUps = await wakeUpsOf(tenantId);
    expect(await store.activities.complete({ ...job, step: 2, attempt: 1 })).toMatchObject({ outcome: 'completed', leftOver: [] });
    expect((await read(tenantId)).services[0]).toMatchObject({ generation: 2, status: 'ACTIVE', goneAt: null });
    expect(await wakeUpsOf(tenantId)).toEqual(wakeUps);
  });

  test('leaves the jobs of other instances and of dry runs alone', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [], queue: [] }, at(1));
    const [job, dryRun] = [await claimedDeletion(tenantId), await claimedDeletion(tenantId, new Date(), true)];
    for (const { trigger } of [job, dryRun]) expect(await trigger()).toMatchObject({ outcome: 'sent' });
    const comesAnew = async (serviceInstanceId: string) => {
      for (const [eventType, second] of [['service.deprovisioned', 2], ['service.provisioned', 3]] as const) await serviceEvent(store.database, { tenantId, serviceInstanceId, eventType, timestamp: at(second) });
    };
    await comesAnew('queue');
    expect(await standing(job.jobId)).toMatchObject({ stands: true });
    await comesAnew('db');
    expect(await standing(job.jobId)).toMatchObject({ stands: false });
    expect(await standing(dryRun.jobId)).toMatchObject({ stands: true });
  });

  test.each([['before', at(10), true], ['after', at(50), false]] as const)('and was first heard of after a request, provisioned %s it: the fence decides as the rule', async (_, provisionedAt, stands) => {
    const tenantId = freshId('tenant');
    await currentInventory(store.database);
    const job = await claimedDeletion(tenantId, at(30));
    expect(await job.trigger()).toMatchObject({ outcome: 'sent' });
    await serviceEvent(store.database, { tenantId, serviceInstanceId: 'db', timestamp: provisionedAt });
    expect(await standing(job.jobId)).toMatchObject({ stands });
    expect(isIncarnationAskedFor({ generation: 0, requestedAt: at(30) }, { generation: 1, provisionedAt })).toBe(stands);
  });
});

describe('a trigger, and a service that comes to depend on what it erases', () => {
  const appEvent = (tenantId: string) => serviceEvent(store.database, { tenantId, serviceInstanceId: 'app', dependsOn: ['db'] });

  /** Starts calls one after another while the tenant is locked by another transaction, then lets them go. */
  async function queuedUnderTheLock(tenantId: string, ...calls: (() => Promise<unknown>)[]): Promise<unknown[]> {
    const results: Promise<unknown>[] = [];
    await store.database.transaction(async (tx) => {
      await tx.rows('SELECT FROM tenants WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
      for (const call of calls) {
        results.push(call());
        await waitFor(`${results.length} wait for the tenant's lock`, async () => {
          const [row] = await store.database.rows<{ count: number }>(`SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
          return row?.count === results.length;
        });
      }
    });
    return Promise.all(results);
  }

  test('that was first: the trigger is sent', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [] });
    const job = await claimedDeletion(tenantId);
    expect(await queuedUnderTheLock(tenantId, job.trigger, () => appEvent(tenantId))).toEqual([{ outcome: 'sent', attempt: 1 }, 'applied']);
  });

  test('that was second: the trigger is held back', async () => {
    const tenantId = freshId('tenant');
    await provision(store.database, tenantId, { db: [] });
    const job = await claimedDeletion(tenantId);
    expect(await queuedUnderTheLock(tenantId, () => appEvent(tenantId), job.trigger)).toEqual(['applied', { outcome: 'blocked', dependants: ['app'] }]);
  });

  test('at the same moment, fifty times: no trigger is written after the service that it should have seen', async () => {
    // Both rows are written under the tenant's lock, so their order is that of the decisions.
    await store.database.script(`
      CREATE SEQUENCE IF NOT EXISTS written;
      CREATE TABLE written_in_order (what text, tenant_id text, at bigint);
      CREATE FUNCTION note_attempt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO written_in_order SELECT 'trigger', tenant_id, nextval('written') FROM deletions WHERE request_id = NEW.request_id; RETURN NEW; END $$;
      CREATE FUNCTION note_service() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO written_in_order VALUES (NEW.service_instance_id, NEW.tenant_id, nextval('written')); RETURN NEW; END $$;
      CREATE TRIGGER note_attempt BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION note_attempt();
      CREATE TRIGGER note_service BEFORE INSERT ON services FOR EACH ROW EXECUTE FUNCTION note_service();`);
    const outcomes: string[] = [];
    for (let round = 0; round < 50; round++) {
      const tenantId = freshId('tenant');
      await provision(store.database, tenantId, { db: [] });
      const job = await claimedDeletion(tenantId);
      const [first, second] = round % 2 === 0 ? [job.trigger, () => appEvent(tenantId)] : [() => appEvent(tenantId), job.trigger];
      const answers = await Promise.all([first(), second()]);
      const answer = answers.find((one) => typeof one === 'object');
      if (!answer) throw new Error('the trigger gave no answer');
      outcomes.push(answer.outcome);
      const order = (await store.database.rows<{ what: string }>('SELECT what FROM written_in_order WHERE tenant_id = $1 ORDER BY at', [tenantId])).map(({ what }) => what);
      expect(order).toEqual(answer.outcome === 'sent' ? ['db', 'trigger', 'app'] : ['db', 'app']);
    }
    expect(outcomes.every((outcome) => outcome === 'sent' || outcome === 'blocked')).toBe(true);
  });
});

test('ten deletions that end at the same moment make one emptying, and TENANT_EMPTY once', async () => {
  const tenantId = freshId('tenant');
  const ids = Array.from({ length: 10 }, (_, index) => `service-${index}`);
  await provision(store.database, tenantId, Object.fromEntries(ids.map((id) => [id, []])));
  const calls = await Promise.all(ids.map(async (id) => {
    const { input } = await receiveRequest(store.database, { subject: serviceSubject(tenantId, id), gdprMode: true });
    const call = { requestId: input.requestId, runId: `run-of-${input.requestId}`, cause: 'the request' };
    await store.activities.claim({ ...call, step: 0 });
    await store.activities.trigger({ ...call, step: 1 });
    return call;
  }));
  await Promise.all(calls.map((call) => store.activities.complete({ ...call, step: 2, attempt: 1 })));
  expect(await wakeUpsOf(tenantId)).toHaveLength(1);
  const answers = await atOnce(10, () => store.activities.decideEmptying(tenantId));
  expect(new Set(answers.map((answer) => (answer.outcome === 'clean-up' ? answer.input.requestId : answer.why)))).toEqual(new Set([`tenant~${tenantId}~1`]));
  const told = await store.database.rows<{ body: string }>(`SELECT body FROM outbox WHERE destination = 'tenant.lifecycle.events' AND key = $1`, [tenantId]);
  expect(told.map(({ body }) => (JSON.parse(body) as { eventType: string }).eventType)).toEqual(['TENANT_EMPTY']);
  expect((await read(tenantId)).tenant).toMatchObject({ status: 'EMPTY', emptyings: 1, gdprDeletions: 10, otherDeletions: 0 });
});
