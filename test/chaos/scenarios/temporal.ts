import type { Scenario } from '../scenario.js';

/** Temporal, with its state on disk, goes. */
export const temporalScenarios: readonly Scenario[] = [
  {
    name: 'temporal is restarted',
    fault: 'Temporal (on disk) stopped and started again',
    userSees: 'Requests are received and wait; running deletions pause.',
    promised: 'Every request is in the ledger and is started when Temporal is back; no result is lost that came meanwhile.',
    inject: async ({ stack, byForm, pause, note, progress }) => {
      const ms = byForm(3_000, 30_000);
      const { received, completed } = await progress();
      await stack.part('temporal').stop();
      await pause(ms);
      await stack.part('temporal').start();
      note(`stopped for ${ms / 1_000} s with ${received} received and ${completed} completed`);
    },
  },
  {
    name: 'temporal is killed',
    fault: '`kill -9` of Temporal (on disk), restarted at once, twice',
    userSees: 'Running deletions pause for some seconds.',
    promised: 'What Temporal has forgotten of a workflow task the ledger knows: the step is answered again, not done again.',
    inject: async ({ stack, random, pause, note }) => {
      for (let round = 0; round < 2; round++) {
        const afterMs = random.between(0, 1_500);
        await pause(afterMs);
        await stack.part('temporal').kill('SIGKILL');
        await stack.part('temporal').start();
        note(`killed after ${afterMs} ms`);
      }
    },
  },
];
