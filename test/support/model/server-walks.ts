import { losesAnswers, WalkOnServer, type ServerWalk } from './server-walk.js';
import { openWorkflowHouse, type HouseOptions, type WorkflowHouse } from '../workflow-house.js';

const ABREAST = 50;
/** Longer than several workflow tasks that are lost, each of which is noticed after 10 s. */
const END_WITHIN_MS = 120_000;
const HOUR_MS = 3_600_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The server that skips time sometimes skips none any more: its fault, not the walks', which are walked again on another. */
class NoTimeSkips extends Error {
  override readonly name = 'NoTimeSkips';
}
const MOST_SERVERS_LOST = 3;
const SKIP_WITHIN_MS = 20_000;

interface Outcome {
  readonly ended: number;
  readonly broken: readonly string[];
}

/**
 * Walks on servers, many side by side on one server, one worker and one database, in step with one another: where time is
 * skipped it is skipped for all of them, and only when nothing has moved for a moment, because workflow tasks expire otherwise.
 * @returns how many came to their end, and what did not hold of the others
 * @throws NoTimeSkips when the test server failed again and again
 */
export async function walkOnServer(options: HouseOptions, walks: readonly ServerWalk[]): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  let lost = 0;
  for (let from = 0; from < walks.length; ) {
    try {
      outcomes.push(await walkInOneHouse(options, walks.slice(from, from + ABREAST)));
      from += ABREAST;
    } catch (error) {
      const isServersFault = error instanceof NoTimeSkips || (error instanceof Error && error.message.includes('ephemeral server'));
      if (!isServersFault || ++lost > MOST_SERVERS_LOST) throw error;
      console.log(`the test server failed (${error.message.slice(0, 80)}): walks from ${from} on are walked again on another`);
    }
  }
  return { ended: outcomes.reduce((sum, { ended }) => sum + ended, 0), broken: outcomes.flatMap(({ broken }) => broken) };
}

async function walkInOneHouse(options: HouseOptions, walks: readonly ServerWalk[]): Promise<Outcome> {
  const house = await openWorkflowHouse({ ...options, wrap: losesAnswers(17), inventoryMaxStalenessMs: 24 * HOUR_MS });
  let relaying = true;
  const relay = relayOn(house, () => relaying);
  try {
    return await walkInStep(house, walks, options.server !== 'real');
  } finally {
    relaying = false;
    await relay;
    await house.close();
  }
}

async function relayOn(house: WorkflowHouse, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    // What could not be sent goes out again, as from the relay: the time-skipping server refuses a signal now and then when a run ends.
    await house.relay().catch((error: unknown) => console.log(String(error)));
    await pause(20);
  }
}

async function walkInStep(house: WorkflowHouse, walks: readonly ServerWalk[], skipsTime: boolean): Promise<Outcome> {
  const broken: string[] = [];
  const runs = new Map(walks.map((walk) => [new WalkOnServer(house, walk), walk]));
  const giveUp = (run: WalkOnServer, faults: readonly string[]) => {
    broken.push(`${JSON.stringify(runs.get(run))}\n${faults.join('\n')}`);
    runs.delete(run);
  };
  const skip = async (ms: number) => {
    if (!skipsTime || ms === 0) return;
    await pause(250);
    const skipped = await Promise.race([house.environment.sleep(ms).then(() => true), pause(SKIP_WITHIN_MS).then(() => false)]);
    if (!skipped) throw new NoTimeSkips('the test server does not skip time any more');
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
  const until = performance.now() + END_WITHIN_MS;
  for (let round = 0; runs.size > 0; round++) {
    const isLast = performance.now() > until;
    const waits = await Promise.all([...runs.keys()].map(async (run) => {
      const { left, waitsForTime, faults } = await run.towardsTheEnd().catch((error: unknown) => ({ left: [], waitsForTime: false, faults: inWords(error) }));
      if (faults.length > 0) giveUp(run, faults);
      else if (left.length === 0) {
        ended++;
        runs.delete(run);
      } else if (isLast) giveUp(run, ['not everything ends:', ...left, ...(await run.view()).timeline.map(({ requestId, what, cause }) => `  ${requestId} ${what}: ${cause}`)]);
      return waitsForTime;
    }));
    if (waits.includes(true) && round % 3 === 2) await skip(HOUR_MS);
    else await pause(100);
  }
  return { ended, broken };
}

const inWords = (error: unknown): string[] => [error instanceof Error ? (error.stack ?? error.message) : String(error)];
