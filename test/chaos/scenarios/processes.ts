import type { Role } from '../../../platform/roles.js';
import { ROLES } from '../../../platform/roles.js';
import type { ProcessPlan } from '../../support/house-roles.js';
import type { House } from '../../support/house.js';
import { waitFor } from '../../support/wait-for.js';
import type { Scenario } from '../scenario.js';

const SHARED_WITHIN_MS = 20_000;

/** Two processes with all roles; the API cannot listen twice. */
const TWICE: readonly ProcessPlan[] = [{ name: 'roles-1', roles: ROLES }, { name: 'roles-2', roles: ROLES.filter((role) => role !== 'api') }];

/** Processes of Expunge that end. */
export const processScenarios: readonly Scenario[] = [
  {
    name: 'nothing happens',
    fault: 'None: what the others are compared with',
    userSees: 'Deletions end within seconds.',
    promised: 'Each is carried out once and told once.',
    longOnly: true,
    inject: ({ note }) => {
      note('nothing');
      return Promise.resolve();
    },
  },
  {
    name: 'every role is killed on its own',
    fault: '`kill -9` of each role, one after another, restarted at once',
    userSees: 'Deletions that the role had in hand pause until its process is back.',
    promised: 'Nothing is lost; no trigger, notification or erasure is made twice. What was committed to Kafka was done.',
    spreadMs: (long) => (long ? 60_000 : 5_000),
    inject: async ({ random, kill, house, note, pause, byForm }) => {
      const roles: readonly Role[] = ROLES;
      const restarts: Promise<void>[] = [];
      for (const role of random.shuffle(byForm(roles, [...roles, ...roles]))) {
        const afterMs = random.between(0, 600);
        await pause(afterMs);
        note(`${role} after ${afterMs} ms`);
        await kill(role);
        // Not waited for before the next one is killed: several may be out at once.
        restarts.push(house.roles.start(role));
      }
      await Promise.all(restarts);
    },
  },
  {
    name: 'all roles are killed',
    fault: '`kill -9` of all roles at once, early and again late',
    userSees: 'Everything stands still until the processes are back.',
    promised: 'Nothing is lost; no trigger, notification or erasure is made twice. What was committed to Kafka was done.',
    inject: async ({ random, kill, house, note, load, whenSomeAre, progress }) => {
      const first = await progress();
      const ends = await kill();
      if (ends.length !== house.roles.names.length || ends.some((how) => how !== 'signal SIGKILL')) throw new Error(`Not all were killed: ${ends.join(', ')}`);
      note(`killed with ${first.received} received`);
      await house.roles.start();
      await whenSomeAre('completed', Math.ceil(load.ids.length * (0.2 + 0.3 * random.number())));
      const second = await progress();
      await kill();
      note(`and with ${second.completed} completed`);
      await house.roles.start();
    },
  },
  {
    name: 'all roles are told to end',
    fault: 'SIGTERM to all roles under load',
    userSees: 'Everything stands still until the processes are back.',
    promised: 'Every process ends by itself with exit code 0 within 20 s; nothing is lost.',
    inject: async ({ kill, house, note, progress, load }) => {
      const asked = performance.now();
      const ends = await kill(undefined, 'SIGTERM');
      const tookMs = performance.now() - asked;
      const { completed } = await progress();
      note(`all had ended after ${(tookMs / 1_000).toFixed(1)} s, with ${load.ids.length - completed} left`);
      if (ends.some((how) => how !== 'exit code 0')) throw new Error(`Did not end well: ${ends.join(', ')}`);
      if (tookMs > 20_000) throw new Error(`It took ${tookMs} ms until all had ended`);
      await house.roles.start();
    },
  },
  {
    name: 'everything is restarted under load',
    fault: 'Rolling restart (SIGTERM, then start) of every role',
    userSees: 'Deletions go on, a little slower.',
    promised: 'Every process ends with exit code 0; nothing is lost or done twice.',
    spreadMs: (long) => (long ? 60_000 : 20_000),
    inject: async ({ random, kill, house, note }) => {
      const order = random.shuffle(ROLES);
      for (const role of order) {
        const ends = await kill(role, 'SIGTERM');
        if (ends.some((how) => how !== 'exit code 0')) throw new Error(`${role} did not end well: ${ends.join(', ')}`);
        await house.roles.start(role);
      }
      note(order.join(', '));
    },
  },
  {
    name: 'one of two of everything is killed',
    fault: '`kill -9` of one of two processes with all roles, which does not come back',
    userSees: 'What it had in hand pauses for some seconds.',
    promised: 'Two of every role share the work, and the one that is left carries on for both.',
    setup: { processes: TWICE },
    // Some of it is to come yet when both have had a share.
    spreadMs: (long) => (long ? 20_000 : 3_000),
    inject: async ({ house, kill, note, load, progress, whenSomeAre }) => {
      await whenSomeAre('completed', Math.ceil(load.ids.length * 0.2));
      // A result is handled when its workflow has taken it, which is after the deletion has completed.
      let missing: readonly string[] = [];
      await waitFor('both have a share of all work', async () => (missing = await withoutAShare(house)).length === 0, SHARED_WITHIN_MS, () => missing);
      const { completed } = await progress();
      await kill('roles-2');
      note(`killed with ${completed} completed`);
      // The harness starts what does not run when the fault is over: it is not before most is done by the one that is left.
      await whenSomeAre('completed', Math.ceil(load.ids.length * 0.8));
    },
  },
];

/** What of the work a process has no line of in its log. */
async function withoutAShare(house: House): Promise<string[]> {
  const missing = await Promise.all(TWICE.map(async ({ name }) => {
    const logs = await house.logs(name);
    return ['request started', 'trigger handled', 'result handled'].filter((work) => !logs.includes(`"msg":"${work}"`)).map((work) => `${name}: ${work}`);
  }));
  return missing.flat();
}
