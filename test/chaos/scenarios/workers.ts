import { APART, type ProcessPlan } from '../../support/house-roles.js';
import type { Scenario } from '../scenario.js';

const without = (role: string): readonly ProcessPlan[] => APART.filter(({ name }) => name !== role);
const THREE_WORKERS: readonly ProcessPlan[] = [...without('worker'), ...['worker-1', 'worker-2', 'worker-3'].map((name) => ({ name, roles: ['worker'] as const }))];

/** Workers go, and others are there. */
export const workerScenarios: readonly Scenario[] = [
  {
    name: 'two of three workers are killed',
    fault: '`kill -9` of two of three workers, which do not come back',
    userSees: 'Deletions whose workflow a dead worker had in its memory pause until Temporal gives them to the one that is left.',
    promised: 'The one that is left carries everything through; no trigger, notification or erasure is made twice.',
    setup: { processes: THREE_WORKERS },
    inject: async ({ random, kill, house, note, whenSomeAre, load }) => {
      const doomed = random.shuffle(['worker-1', 'worker-2', 'worker-3']).slice(0, 2);
      await Promise.all(doomed.map((worker) => house.roles.kill('SIGKILL', worker)));
      await kill(doomed[0]); // what is committed by now must be done without them
      note(doomed.join(' and '));
      // The harness starts what does not run when the fault is over: it is not before most is done without them.
      await whenSomeAre('completed', Math.ceil(load.ids.length * 0.8));
    },
  },
];
