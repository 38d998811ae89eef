import { afterAll, beforeAll, describe, test } from 'vitest';
import { openChaosStack, type ChaosStack } from './chaos-stack.js';
import { Chaos } from './play.js';
import { inPlayingOrder } from './scenarios/index.js';
import { readSettings } from './settings.js';
import { outcomeLine, outcomeTable } from './table.js';

const settings = readSettings(process.env);
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

let stack: ChaosStack;
let chaos: Chaos;
beforeAll(async () => {
  say(`    CHAOS_SEED=${settings.seed} repeats this run${settings.long ? ' (the long form)' : ''}`);
  stack = await openChaosStack();
  chaos = new Chaos(stack, settings);
});
afterAll(async () => {
  if (settings.long && chaos.outcomes.length > 0) say(outcomeTable(chaos.outcomes));
  try {
    await chaos.close();
  } finally {
    await stack.close();
  }
});

describe('nothing is lost, and nothing done twice, when', () => {
  for (const scenario of inPlayingOrder(settings)) {
    test(scenario.name, { timeout: settings.long ? 900_000 : 240_000 }, async ({ skip }) => {
      const why = scenario.cannotRun?.({ stack: stack.stack, logDisk: stack.logDisk });
      if (why !== undefined) {
        say(`    SKIPPED, not shown: ${scenario.name}: ${why}`);
        skip(why);
      }
      const outcome = await chaos.play(scenario);
      say(`    ${outcomeLine(outcome)}`);
    });
  }
});
