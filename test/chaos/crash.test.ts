import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../platform/roles.js';
import { openHouse, type House } from '../support/house.js';
import { expectExactlyOnce, prepare, progressOf, whenSomeAre } from '../support/house-load.js';
import { whenAll } from '../support/house-scenes.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ split: 'apart' });
});
afterAll(() => house.close());

/** What people who read the test's output want to know. */
const say = (text: string): void => {
  process.stdout.write(`    ${text}\n`);
};
const seconds = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1);

describe('processes that end', () => {
  test('kill -9 of all roles in the middle of 200 deletions, twice: all are carried out, once each, soon after the restart', async () => {
    const load = await prepare(house, 100, 20, 5);
    await house.airflow.turn('knobs', { duration_ms: 100 });
    await house.send(...load.users, ...load.services);
    await whenSomeAre(house, 'received', load.ids, 20);
    expect(await house.roles.kill('SIGKILL')).toEqual(Array.from({ length: 6 }, () => 'signal SIGKILL'));
    const first = await progressOf(house, load.ids);
    expect(first.received).toBeLessThan(200);

    await house.roles.start();
    await whenSomeAre(house, 'completed', load.ids, 40);
    await house.roles.kill('SIGKILL');
    const second = await progressOf(house, load.ids);
    expect(second.completed).toBeLessThan(180);

    const restarted = performance.now();
    await house.roles.start();
    const ready = seconds(restarted);
    await whenAll(house, load.ids, 'COMPLETED', 60_000);
    say(`of 200 requests ${first.received} were in the ledger at the first kill of all roles, ${second.completed} completed at the second; all were ${seconds(restarted)} s after the restart (the processes were ready after ${ready} s)`);
    await expectExactlyOnce(house, load);
  });

  test('kill -9 of each role on its own, at random moments of a burst: each deletion is carried out once', async () => {
    const load = await prepare(house, 100, 20, 5);
    const flow = load.users.flatMap((user, index) => [user, load.services[index]!]);
    const roles: readonly Role[] = ['ingress', 'worker', 'relay', 'result', 'trigger'];
    const schedule: string[] = [];
    for (let round = 0; round < 2; round++) {
      // A restarted process is not waited for before the next one is killed: several may be out at once.
      const restarts: Promise<void>[] = [];
      for (const role of [...roles].sort(() => Math.random() - 0.5)) {
        await house.send(...flow.splice(0, 20));
        const afterMs = Math.round(Math.random() * 500);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        schedule.push(`${role} after ${afterMs} ms`);
        await house.roles.kill('SIGKILL', role);
        restarts.push(house.roles.start(role));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      await Promise.all(restarts);
    }
    expect(flow).toEqual([]);
    const since = performance.now();
    await whenAll(house, load.ids, 'COMPLETED', 60_000).catch((error: unknown) => {
      throw new Error(`Killed: ${schedule.join(', ')}`, { cause: error });
    });
    say(`all were done ${seconds(since)} s after the last restart; killed: ${schedule.join(', ')}`);
    await expectExactlyOnce(house, load);
  });

  test('SIGTERM under load: every role ends with 0 within 20 s, and nothing is lost', async () => {
    const load = await prepare(house, 60, 12, 5);
    await house.send(...load.users, ...load.services);
    await whenSomeAre(house, 'completed', load.ids, 20);
    const asked = performance.now();
    const ends = await house.roles.kill('SIGTERM');
    const took = seconds(asked);
    expect(ends).toEqual(Array.from({ length: 6 }, () => 'exit code 0'));
    expect(Number(took)).toBeLessThan(20);
    const { completed } = await progressOf(house, load.ids);
    expect(completed).toBeLessThan(120);
    await house.roles.start();
    const since = performance.now();
    await whenAll(house, load.ids, 'COMPLETED', 60_000);
    say(`all roles had ended ${took} s after SIGTERM, with ${120 - completed} of 120 left; all were done ${seconds(since)} s after the restarted processes were ready`);
    await expectExactlyOnce(house, load);
  });
});
