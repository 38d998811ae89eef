import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContestant } from '../contestants.js';
import { measured } from '../load/measured.js';
import type { Requests } from '../load/requests.js';
import { burst, steady } from '../load/run-load.js';
import { cpuBetween, readCpu } from '../measure/cpu.js';
import type { Rig } from '../rig.js';

/** What one deletion cost, with what is spent at rest taken off. */
export interface CostAtScale {
  readonly case: string;
  /** Of the burst. */
  readonly perSecond: number;
  /** Of everything but the driver, in the burst and until what follows it is done. */
  readonly cpuMs: number;
  readonly cpuMsByName: Readonly<Record<string, number>>;
  /** That PostgreSQL spent on statements, at a steady load: in a burst they wait for locks and for one another. */
  readonly sqlMs: number;
  readonly atRestCpuMsPerSecond: number;
  readonly othersShare: number;
  /** CPU time of a fixed piece of work during the burst, in ms: how fast the machine was. */
  readonly yardstickMs: number;
}

const REST_MS = 10_000;
const STEADY_SHARE = 0.2;
const STEADY_PER_SECOND = 5;
/** Backends tell their statistics when they have been idle for ten seconds. */
const STATISTICS_MS = 11_000;

async function sqlMs(rig: Rig): Promise<number> {
  await sleep(STATISTICS_MS);
  const [row] = await rig.ledger.rows<{ ms: number }>('SELECT active_time AS ms FROM pg_stat_database WHERE datname = current_database()');
  return row?.ms ?? 0;
}

const WINDOW_MS = 3_000;
const SETTLES_WITHIN_MS = 120_000;

/** Waits while ever less is used: deletions have work behind their notification, as tenants that they have emptied. */
async function untilSettled(pids: Readonly<Record<string, number>>): Promise<void> {
  const use = async (): Promise<number> => {
    const before = readCpu(pids);
    await sleep(WINDOW_MS);
    return cpuBetween(before, readCpu(pids)).totalMs;
  };
  const deadline = performance.now() + SETTLES_WITHIN_MS;
  let [before, now] = [await use(), await use()];
  while (now < before * 0.9 && performance.now() < deadline) [before, now] = [now, await use()];
}

/** Measures the processes as they stand: a fifth of the requests at a steady load, the others in a burst. */
export async function costAtScale(rig: Rig, running: RunningContestant, name: string, { requests }: Requests): Promise<CostAtScale> {
  const pids = { ...rig.partPids(), driver: process.pid, ...running.pids() };
  const forSteady = requests.slice(0, Math.ceil(requests.length * STEADY_SHARE));
  await untilSettled(pids);
  const [before, sqlBeforeRest, restSince] = [readCpu(pids), await sqlMs(rig), performance.now()];
  await sleep(REST_MS);
  const rest = cpuBetween(before, readCpu(pids));
  const sqlBefore = await sqlMs(rig);
  const sqlAtRestPerMs = (sqlBefore - sqlBeforeRest) / (performance.now() - restSince);
  const steadySince = performance.now();
  await measured(rig, running, () => steady(rig.driver, forSteady, STEADY_PER_SECOND));
  const sqlSpent = (await sqlMs(rig)) - sqlBefore - sqlAtRestPerMs * (performance.now() - steadySince);
  const beforeBurst = readCpu(pids);
  const { load, cpu, yardstickMs } = await measured(rig, running, () => burst(rig.driver, requests.slice(forSteady.length)));
  await untilSettled(pids);
  const inAll = cpuBetween(beforeBurst, readCpu(pids));
  const restMs = rest.elapsedMs;
  const spent = (part: string): number => Math.max(0, (inAll.byName[part] ?? 0) - ((rest.byName[part] ?? 0) * inAll.elapsedMs) / restMs) / load.deletions;
  const cpuMsByName = Object.fromEntries(Object.keys(inAll.byName).filter((part) => part !== 'driver').map((part) => [part, spent(part)]));
  const found: CostAtScale = {
    case: name,
    perSecond: load.perSecond,
    cpuMs: Object.values(cpuMsByName).reduce((sum, ms) => sum + ms, 0),
    cpuMsByName,
    sqlMs: sqlSpent / forSteady.length,
    atRestCpuMsPerSecond: ((rest.totalMs - (rest.byName['driver'] ?? 0)) * 1000) / restMs,
    othersShare: cpu.othersShare,
    yardstickMs,
  };
  rig.say(`  ${name}: ${found.cpuMs.toFixed(1)} ms of CPU and ${found.sqlMs.toFixed(1)} ms of SQL each, ${found.perSecond.toFixed(1)}/s; others used ${(found.othersShare * 100).toFixed(0)} %, yardstick ${yardstickMs.toFixed(1)} ms`);
  return found;
}
