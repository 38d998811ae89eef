import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHouse, type House } from '../support/house.js';
import { expectExactlyOnce, prepare, whenSomeAre } from '../support/house-load.js';
import { whenAll } from '../support/house-scenes.js';
import { openChaosStack, type ChaosStack } from './chaos-stack.js';

let stack: ChaosStack;
let house: House;
beforeAll(async () => {
  stack = await openChaosStack();
  house = await openHouse({ split: 'twice', stack: { env: stack.stack.env, dir: stack.dir } });
});
afterAll(async () => {
  try {
    await house.close();
  } finally {
    await stack.close();
  }
});
describe('every role in two processes', () => {
  test('they share the work: each deletion is carried out once', async () => {
    const load = await prepare(house, 60, 12, 5);
    await house.send(...load.users, ...load.services);
    await whenAll(house, load.ids, 'COMPLETED');
    await expectExactlyOnce(house, load);
    for (const process of ['roles-1', 'roles-2']) {
      const logs = await house.logs(process);
      for (const work of ['request started', 'trigger handled', 'result handled']) expect(logs).toContain(`"msg":"${work}"`);
    }
  });

  test('one is killed with -9 and does not come back: the other carries on for both', async () => {
    const load = await prepare(house, 60, 12, 5);
    await house.airflow.turn('knobs', { duration_ms: 100 });
    await house.send(...load.users, ...load.services);
    await whenSomeAre(house, 'completed', load.ids, 20);
    expect(await house.roles.killLast('SIGKILL')).toBe('signal SIGKILL');
    await whenAll(house, load.ids, 'COMPLETED');
    await expectExactlyOnce(house, load);
  });
});
