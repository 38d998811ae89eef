import { provision, startContestant, type Contestant, type Split } from '../contestants.js';
import { requestsOf, type Kind } from '../load/requests.js';
import { measured, type Measured } from '../load/measured.js';
import { burst, steady } from '../load/run-load.js';
import { phasesOf, type Phase } from '../measure/phases.js';
import { rotated } from '../measure/statistics.rules.js';
import type { Rig } from '../rig.js';

export interface PipelineOptions {
  readonly repetitions: number;
  readonly burst: number;
  readonly steadySeconds: number;
  readonly steadyPerSecond: number;
  readonly warmUp: number;
  readonly kinds: readonly Kind[];
  readonly contestants: readonly Contestant[];
  readonly split: Split;
  readonly env: Readonly<Record<string, string>>;
  readonly profileDir?: string | undefined;
}

/** One contestant's turn with one kind of deletion. */
export interface Turn {
  readonly contestant: Contestant;
  readonly kind: Kind;
  readonly repetition: number;
  readonly steady: Measured;
  readonly burst: Measured;
  /** Where the time went at the steady rate; what has a ledger can tell. */
  readonly phases: readonly Phase[];
}

/** Deletions from their request on Kafka to their notification on Kafka, beside the least that Temporal needs for the same. */
export async function runPipeline(rig: Rig, options: PipelineOptions): Promise<readonly Turn[]> {
  const turns: Turn[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    for (const contestant of rotated(options.contestants, repetition)) turns.push(...(await takeTurn(rig, contestant, repetition, options)));
  }
  return turns;
}

async function takeTurn(rig: Rig, contestant: Contestant, repetition: number, options: PipelineOptions): Promise<Turn[]> {
  rig.say(`repetition ${repetition + 1} of ${options.repetitions}: ${contestant}`);
  await rig.freshTemporal();
  rig.driver.forget();
  rig.airflow.forget();
  const running = await startContestant(rig, contestant, { split: options.split, env: options.env, profileDir: options.profileDir });
  const prepared = async (kind: Kind, count: number) => {
    const requests = requestsOf(kind, count);
    if (contestant === 'expunge') await provision(rig, requests);
    return requests.requests;
  };
  try {
    for (const kind of options.kinds) await burst(rig.driver, await prepared(kind, Math.ceil(options.warmUp / options.kinds.length)));
    const turns: Turn[] = [];
    for (const kind of options.kinds) {
      const forSteady = await prepared(kind, options.steadySeconds * options.steadyPerSecond);
      const forBurst = await prepared(kind, options.burst);
      const steadily = await measured(rig, running, () => steady(rig.driver, forSteady, options.steadyPerSecond));
      const phases = contestant === 'expunge' ? await phasesOf(rig.ledger, forSteady.map(({ requestId }) => requestId)) : [];
      const atOnce = await measured(rig, running, () => burst(rig.driver, forBurst));
      rig.say(`  ${kind}: ${atOnce.load.perSecond.toFixed(1)}/s in a burst of ${atOnce.load.deletions}; p50 ${steadily.load.latencyMs.p50.toFixed(0)} ms at ${options.steadyPerSecond}/s; others used ${(atOnce.cpu.othersShare * 100).toFixed(0)} % of the machine, yardstick ${atOnce.yardstickMs.toFixed(1)} ms`);
      turns.push({ contestant, kind, repetition, steady: steadily, burst: atOnce, phases });
    }
    return turns;
  } finally {
    await running.stop();
  }
}

