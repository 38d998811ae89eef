import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../platform/roles.js';
import { openHouse, type House } from '../support/house.js';
import { fresh, lifecycleOf, serviceEvent, serviceRequest, userRequest, whenAll } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ split: 'apart' });
});
afterAll(() => house.close());

interface Load {
  readonly users: readonly ReturnType<typeof userRequest>[];
  readonly services: readonly ReturnType<typeof serviceRequest>[];
  readonly tenants: readonly string[];
  readonly ids: readonly string[];
}

/** Requests for users, and for all the services of tenants, which the inventory knows. */
async function prepare(users: number, tenants: number, servicesEach: number): Promise<Load> {
  const tenantIds = Array.from({ length: tenants }, () => fresh('tenant'));
  const instances = tenantIds.flatMap((tenantId) => Array.from({ length: servicesEach }, (_, n) => ({ tenantId, serviceInstanceId: `s${n}` })));
  await house.send(...instances.map(({ tenantId, serviceInstanceId }) => serviceEvent('service.provisioned', tenantId, serviceInstanceId)));
  await waitFor('the inventory has all services', async () => {
    const [row] = await house.ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM services WHERE tenant_id = ANY($1)', [tenantIds]);
    return row?.n === instances.length;
  });
  const load = { users: Array.from({ length: users }, () => userRequest(fresh('user'))), services: instances.map((instance) => serviceRequest(instance)) };
  for (const { key } of load.users) await house.data.addUser(key);
  for (const { tenantId, serviceInstanceId } of instances) await house.data.addService(tenantId, serviceInstanceId);
  return { ...load, tenants: tenantIds, ids: [...load.users, ...load.services].map(({ requestId }) => requestId) };
}

const whenSomeAre = (ids: readonly string[], atLeast: number): Promise<true> =>
  waitFor(`${atLeast} of ${ids.length} are completed`, async () => {
    const [row] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM deletions WHERE request_id = ANY($1) AND status = 'COMPLETED'", [ids]);
    return (row?.n ?? 0) >= atLeast;
  }, 60_000);

/** Every deletion was carried out exactly once, and told exactly once but for repeats that show themselves as such. */
async function expectExactlyOnce({ users, services, tenants, ids }: Load): Promise<void> {
  const attempts = await house.ledger.rows<{ requestId: string; jobId: string; dagId: string }>('SELECT request_id, job_id, dag_id FROM attempts WHERE request_id = ANY($1)', [ids]);
  expect(attempts.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());
  const jobs = new Set(attempts.map(({ jobId }) => jobId));
  const subjects = new Set([...users, ...services].map(({ key }) => key));
  const runs = (await house.airflow.runs()).filter(({ conf }) => subjects.has(String(conf['user_id'] ?? conf['tenant_id'])));
  expect(runs.map(({ dag_run_id }) => dag_run_id).sort()).toEqual([...jobs].sort());
  expect(runs.every(({ state }) => state === 'success')).toBe(true);

  const completions = await house.ledger.rows<{ requestId: string }>("SELECT request_id FROM timeline WHERE request_id = ANY($1) AND what = 'completed'", [ids]);
  expect(completions.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());

  const wanted = new Set(ids);
  const told = () => house.bus.values('notifications.send', ({ requestId }) => wanted.has(requestId as string));
  const idsOf = () => new Map(told().map((value) => [value['notificationId'] as string, value['requestId'] as string]));
  await waitFor('every request is told of', () => new Set(idsOf().values()).size === ids.length, 30_000, () => idsOf().size);
  expect([...idsOf().values()].sort()).toEqual([...ids].sort());
  for (const tenant of tenants) {
    const empties = await waitFor(`${tenant} is told empty`, () => lifecycleOf(house, tenant).length > 0 && lifecycleOf(house, tenant));
    expect(new Set(empties.map(({ eventId }) => eventId as string)).size).toBe(1);
  }
  for (const { key } of users) expect(await house.data.ofUser(key)).toEqual([]);
  for (const tenant of tenants) expect(await house.data.ofTenant(tenant)).toEqual([]);
}

/** What people who read the test's output want to know. */
const say = (text: string): void => {
  process.stdout.write(`    ${text}\n`);
};
const seconds = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1);

describe('processes that end', () => {
  test('kill -9 of all roles in the middle of 200 deletions: all are carried out, once each, soon after the restart', async () => {
    const load = await prepare(100, 20, 5);
    await house.airflow.turn('knobs', { duration_ms: 100 });
    await house.send(...load.users, ...load.services);
    await whenSomeAre(load.ids, 40);
    expect(await house.roles.kill('SIGKILL')).toEqual(Array.from({ length: 6 }, () => 'signal SIGKILL'));
    const [left] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM unnest($1::text[]) AS id LEFT JOIN deletions ON request_id = id WHERE status IS DISTINCT FROM 'COMPLETED'", [load.ids]);
    expect(left!.n).toBeGreaterThan(20);

    const restarted = performance.now();
    await house.roles.start();
    const ready = seconds(restarted);
    await whenAll(house, load.ids, 'COMPLETED', 60_000);
    say(`${left!.n} of 200 were left when all roles were killed; all were done ${seconds(restarted)} s after the restart (the processes were ready after ${ready} s)`);
    await expectExactlyOnce(load);
  });

  test('kill -9 of each role on its own, at random moments while requests flow: each deletion is carried out once', async () => {
    const load = await prepare(100, 20, 5);
    const flow = load.users.flatMap((user, index) => [user, load.services[index]!]);
    const roles: readonly Role[] = ['ingress', 'worker', 'relay', 'result', 'trigger'];
    const schedule: string[] = [];
    // A restarted process is not waited for before the next one is killed: several may be out at once.
    const killEach = async (): Promise<void> => {
      const restarts: Promise<void>[] = [];
      for (const role of [...roles].sort(() => Math.random() - 0.5)) {
        const afterMs = Math.round(Math.random() * 2_000);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        schedule.push(`${role} after ${afterMs} ms`);
        await house.roles.kill('SIGKILL', role);
        restarts.push(house.roles.start(role));
      }
      await Promise.all(restarts);
    };
    const rounds = new AbortController();
    const kills = killEach().then(killEach).finally(() => {
      rounds.abort();
    });
    for (const request of flow) {
      await house.send(request);
      if (!rounds.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 120));
    }
    await kills;
    const since = performance.now();
    await whenAll(house, load.ids, 'COMPLETED', 60_000).catch((error: unknown) => {
      throw new Error(`Killed: ${schedule.join(', ')}`, { cause: error });
    });
    say(`all were done ${seconds(since)} s after the last restart; killed: ${schedule.join(', ')}`);
    await expectExactlyOnce(load);
  });

  test('SIGTERM under load: every role ends with 0 within 20 s, and nothing is lost', async () => {
    const load = await prepare(60, 12, 5);
    await house.send(...load.users, ...load.services);
    await whenSomeAre(load.ids, 20);
    const asked = performance.now();
    const ends = await house.roles.kill('SIGTERM');
    const took = seconds(asked);
    expect(ends).toEqual(Array.from({ length: 6 }, () => 'exit code 0'));
    expect(Number(took)).toBeLessThan(20);
    const [left] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM unnest($1::text[]) AS id LEFT JOIN deletions ON request_id = id WHERE status IS DISTINCT FROM 'COMPLETED'", [load.ids]);
    expect(left!.n).toBeGreaterThan(0);
    await house.roles.start();
    const since = performance.now();
    await whenAll(house, load.ids, 'COMPLETED', 60_000);
    say(`all roles had ended ${took} s after SIGTERM, with ${left!.n} of 120 left; all were done ${seconds(since)} s after the restarted processes were ready`);
    await expectExactlyOnce(load);
  });
});
