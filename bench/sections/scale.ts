import { provision, startContestant, type Contestant, type RunningContestant, type StartOptions } from '../contestants.js';
import { serviceRequests, userRequests, type Requests } from '../load/requests.js';
import { burst } from '../load/run-load.js';
import { rotated } from '../measure/statistics.rules.js';
import type { Rig } from '../rig.js';
import { costAtScale, type CostAtScale } from '../scale/cost-at-scale.js';
import { addLiveDeletions, addWaiting, memoryPerParked } from '../scale/live-deletions.js';
import { addPastDeletions } from '../scale/past-deletions.js';

export interface ScaleOptions {
  readonly parts: readonly ScalePart[];
  readonly repetitions: number;
  readonly burst: number;
  readonly warmUp: number;
  /** Services to a tenant. */
  readonly tenantSizes: readonly number[];
  /** Live deletions, in rising order. */
  readonly live: readonly number[];
  readonly pastDeletions: number;
  readonly parked: number;
  readonly env: Readonly<Record<string, string>>;
}

export const SCALE_PARTS = ['processes', 'tenants', 'live', 'memory'] as const;
export type ScalePart = (typeof SCALE_PARTS)[number];

/** One thing that grows, and what a deletion cost at each size of it. */
export interface Growth {
  readonly of: string;
  /** In rising order; all are compared with the first. */
  readonly cases: readonly string[];
  readonly costs: readonly CostAtScale[];
  /** Not of the product: what it is to be seen beside. */
  readonly isBeside?: true;
}

export interface ScaleFigures {
  readonly growths: readonly Growth[];
  readonly kibPerParked: number | undefined;
}

/** Whether a deletion costs the same when there is more of everything. */
export async function runScale(rig: Rig, options: ScaleOptions): Promise<ScaleFigures> {
  const wanted = (part: ScalePart): boolean => options.parts.includes(part);
  const growths: Growth[] = [];
  if (wanted('processes')) growths.push(...(await growProcesses(rig, options)));
  if (wanted('tenants')) growths.push(await growTenants(rig, options));
  const kibPerParked = wanted('memory') ? await measureMemory(rig, options) : undefined;
  if (wanted('live')) growths.push(await growOpenWorkflows(rig, options), await growLedger(rig, options)); // last: it fills the ledger
  return { growths, kibPerParked };
}

/** Runs with the processes of the product, or of another, warmed up. */
async function beside<T>(rig: Rig, { env, warmUp }: ScaleOptions, { contestant = 'expunge', ...start }: Partial<StartOptions> & { readonly contestant?: Contestant }, act: (running: RunningContestant) => Promise<T>): Promise<T> {
  await rig.freshTemporal();
  rig.driver.forget();
  rig.airflow.forget();
  const running = await startContestant(rig, contestant, { split: 'apart', ...start, env: { ...env, ...start.env } });
  try {
    // As many for each of several processes.
    await burst(rig.driver, userRequests(warmUp * Math.max(1, ...Object.values(start.copies ?? {}))).requests);
    return await act(running);
  } finally {
    await running.stop();
  }
}

async function growProcesses(rig: Rig, options: ScaleOptions): Promise<Growth[]> {
  const cases: Readonly<Record<string, Partial<StartOptions> & { readonly contestant?: Contestant }>> = {
    '1 of each': {},
    '2 workers': { copies: { worker: 2 } },
    '4 workers': { copies: { worker: 4 } },
    '2 of each bridge': { copies: { ingress: 2, trigger: 2, result: 2, relay: 2 } },
    // What more processes cost whoever has them, on as many cores as before.
    'bare, 1 of each': { contestant: 'bare, local activities' },
    'bare, 2 workers': { copies: { worker: 2 }, contestant: 'bare, local activities' },
    'bare, 2 of each bridge': { copies: { ingress: 2, trigger: 2, result: 2 }, contestant: 'bare, local activities' },
  };
  const costs: CostAtScale[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    for (const [name, start] of rotated(Object.entries(cases), repetition)) {
      rig.say(`scale: ${name}, repetition ${repetition + 1} of ${options.repetitions}`);
      costs.push(await beside(rig, options, start, (running) => costAtScale(rig, running, name, userRequests(options.burst))));
    }
  }
  return [
    { of: 'worker processes', cases: ['1 of each', '2 workers', '4 workers'], costs },
    { of: 'bridge processes', cases: ['1 of each', '2 of each bridge'], costs },
    { of: 'worker processes of the bare one, with local activities', cases: ['bare, 1 of each', 'bare, 2 workers'], costs, isBeside: true },
    { of: 'bridge processes of the bare one', cases: ['bare, 1 of each', 'bare, 2 of each bridge'], costs, isBeside: true },
  ];
}

async function growTenants(rig: Rig, options: ScaleOptions): Promise<Growth> {
  const nameOf = (size: number): string => `${size} ${size === 1 ? 'service' : 'services'} to a tenant`;
  const prepared = async (size: number): Promise<Requests> => {
    const requests = serviceRequests(options.burst, size);
    await provision(rig, requests);
    return requests;
  };
  rig.say('scale: tenants');
  const costs = await beside(rig, options, {}, async (running) => {
    const found: CostAtScale[] = [];
    for (let repetition = 0; repetition < options.repetitions; repetition++) {
      for (const size of rotated(options.tenantSizes, repetition)) found.push(await costAtScale(rig, running, nameOf(size), await prepared(size)));
    }
    return found;
  });
  return { of: 'services to a tenant', cases: options.tenantSizes.map(nameOf), costs };
}

/** Measures a deletion, as often as there are repetitions. */
async function costsOf(rig: Rig, { repetitions, burst: count }: ScaleOptions, running: RunningContestant, name: string): Promise<CostAtScale[]> {
  const found: CostAtScale[] = [];
  for (let n = 0; n < repetitions; n++) found.push(await costAtScale(rig, running, name, userRequests(count)));
  return found;
}

/** @param what is added, in a word @returns adds as many as are missing */
function growing(rig: Rig, add: typeof addLiveDeletions, what: string): (count: number) => Promise<void> {
  let present = 0;
  return async (count) => {
    await add(rig, count - present, (done) => {
      if (done % 2_000 === 0) rig.say(`  ${present + done} ${what}`);
    });
    present = count;
  };
}

/** What Temporal alone costs with as many open workflows: the bare one keeps nothing of them anywhere else. */
async function growOpenWorkflows(rig: Rig, options: ScaleOptions): Promise<Growth> {
  const nameOf = (open: number): string => `bare, ${open} open`;
  rig.say('scale: open workflows of the bare one');
  const costs = await beside(rig, options, { contestant: 'bare, local activities' }, async (running) => {
    const growTo = growing(rig, addWaiting, 'open');
    const found: CostAtScale[] = [];
    for (const count of options.live) {
      await growTo(count);
      found.push(...(await costsOf(rig, options, running, nameOf(count))));
    }
    return found;
  });
  return { of: 'open workflows of the bare one, with local activities', cases: options.live.map(nameOf), costs, isBeside: true };
}

async function growLedger(rig: Rig, options: ScaleOptions): Promise<Growth> {
  const nameOf = (live: number): string => `${live} live over ${options.pastDeletions} past`;
  const empty = '1 live over none past';
  rig.say('scale: live deletions and past ones');
  const costs = await beside(rig, options, { env: { AUTO_RETRIES: '0' } }, async (running) => {
    const growTo = growing(rig, addLiveDeletions, 'live');
    await growTo(1);
    const found = await costsOf(rig, options, running, empty);
    rig.say(`  writing ${options.pastDeletions} past deletions`);
    await addPastDeletions(rig.ledger, options.pastDeletions, (done) => {
      rig.say(`  ${done} past`);
    });
    for (const count of options.live) {
      await growTo(count);
      found.push(...(await costsOf(rig, options, running, nameOf(count))));
    }
    return found;
  });
  return { of: 'live and past deletions', cases: [empty, ...options.live.map(nameOf)], costs };
}

function measureMemory(rig: Rig, options: ScaleOptions): Promise<number> {
  rig.say(`scale: memory of ${options.parked} parked deletions`);
  return beside(rig, options, { env: { AUTO_RETRIES: '0', WORKER_CACHED_WORKFLOWS: String(options.parked * 2) } }, (running) => memoryPerParked(rig, running, options.parked));
}
