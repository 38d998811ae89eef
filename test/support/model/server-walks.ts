import { losesAnswers, WalkOnServer, type ServerWalk } from './server-walk.js';
import { openWorkflowHouse, type HouseOptions, type WorkflowHouse } from '../workflow-house.js';

const ABREAST = 25;
const MOST_ROUNDS = 80;
const HOUR_MS = 3_600_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Walks on one server, one worker and one database, many side by side, in step with one another: where time is skipped it is
 * skipped for all of them, and only when nothing has moved for a moment, because the server lets workflow tasks expire otherwise.
 * @returns how many came to their end, and what did not hold of the others
 */
export async function walkOnServer(options: HouseOptions, walks: readonly ServerWalk[]): Promise<{ ended: number; broken: string[] }> {
  const house = await openWorkflowHouse({ ...options, wrap: losesAnswers(17), inventoryMaxStalenessMs: 24 * HOUR_MS });
  let relaying = true;
  const relay = relayOn(house, () => relaying);
  const broken: string[] = [];
  let ended = 0;
  try {
    for (let from = 0; from < walks.length; from += ABREAST) {
      const outcome = await walkInStep(house, walks.slice(from, from + ABREAST), options.server !== 'real');
      ended += outcome.ended;
      broken.push(...outcome.broken);
    }
    return { ended, broken };
  } finally {
    relaying = false;
    await relay;
    await house.close();
  }
}

async function relayOn(house: WorkflowHouse, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    await house.relay();
    await pause(20);
  }
}

async function walkInStep(house: WorkflowHouse, walks: readonly ServerWalk[], skipsTime: boolean): Promise<{ ended: number; broken: string[] }> {
  const broken: string[] = [];
  const runs = new Map(walks.map((walk) => [new WalkOnServer(house, walk), walk]));
  const giveUp = (run: WalkOnServer, faults: readonly string[]) => {
    broken.push(`${JSON.stringify(runs.get(run))}\n${faults.join('\n')}`);
    runs.delete(run);
  };
  const skip = async (ms: number) => {
    if (!skipsTime || ms === 0) return;
    await pause(250);
    await house.environment.sleep(ms);
    await pause(50);
  };
  const most = Math.max(...walks.map(({ steps }) => steps.length));
  for (let n = 0; n < most; n++) {
    await Promise.all([...runs.keys()].map(async (run) => {
      const faults = await run.takeStep(n).catch(inWords);
      if (faults.length > 0) giveUp(run, faults);
    }));
    const asked = [...runs.values()].map(({ steps }) => steps[n]).flatMap((step) => (step?.do === 'time-passes' ? [step.ms] : []));
    await skip(Math.max(0, ...asked));
  }
  let ended = 0;
  for (let round = 0; round < MOST_ROUNDS && runs.size > 0; round++) {
    let waits = false;
    await Promise.all([...runs.keys()].map(async (run) => {
      const { left, waitsForTime, faults } = await run.towardsTheEnd().catch((error: unknown) => ({ left: [], waitsForTime: false, faults: inWords(error) }));
      waits ||= waitsForTime;
      if (faults.length > 0) giveUp(run, faults);
      else if (left.length === 0) {
        ended++;
        runs.delete(run);
      } else if (round === MOST_ROUNDS - 1) giveUp(run, ['not everything ends:', ...left, ...(await run.view()).timeline.map(({ requestId, what, cause }) => `  ${requestId} ${what}: ${cause}`)]);
    }));
    if (waits && round % 3 === 2) await skip(HOUR_MS);
    else await pause(100);
  }
  return { ended, broken };
}

const inWords = (error: unknown): string[] => [error instanceof Error ? (error.stack ?? error.message) : String(error)];
