import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContestant } from '../contestants.js';
import { measured } from '../load/measured.js';
import type { Requests } from '../load/requests.js';
import { burst } from '../load/run-load.js';
import { cpuBetween, readCpu } from '../measure/cpu.js';
import type { Rig } from '../rig.js';

/** What one deletion cost in a burst, with what is spent at rest taken off. */
export interface CostAtScale {
  readonly case: string;
  readonly perSecond: number;
  /** Of everything but the driver. */
  readonly cpuMs: number;
  readonly cpuMsByName: Readonly<Record<string, number>>;
  /** That PostgreSQL spent on statements, waits included. */
  readonly sqlMs: number;
  readonly atRestCpuMsPerSecond: number;
  readonly othersShare: number;
}

const REST_MS = 6_000;
/** Backends tell their statistics when they have been idle for a second. */
const STATISTICS_MS = 1_500;

async function sqlMs(rig: Rig): Promise<number> {
  await sleep(STATISTICS_MS);
  const [row] = await rig.ledger.rows<{ ms: number }>('SELECT active_time AS ms FROM pg_stat_database WHERE datname = current_database()');
  return row?.ms ?? 0;
}

/** Measures a burst against the processes as they stand. */
export async function costAtScale(rig: Rig, running: RunningContestant, name: string, { requests }: Requests): Promise<CostAtScale> {
  const pids = { ...rig.partPids(), driver: process.pid, ...running.pids() };
  const before = readCpu(pids);
  await sleep(REST_MS);
  const rest = cpuBetween(before, readCpu(pids));
  const sqlBefore = await sqlMs(rig);
  const { load, cpu } = await measured(rig, running, () => burst(rig.driver, requests));
  const spent = (part: string): number => Math.max(0, (cpu.byName[part] ?? 0) - ((rest.byName[part] ?? 0) * load.seconds * 1000) / REST_MS) / load.deletions;
  const cpuMsByName = Object.fromEntries(Object.keys(cpu.byName).filter((part) => part !== 'driver').map((part) => [part, spent(part)]));
  const found: CostAtScale = {
    case: name,
    perSecond: load.perSecond,
    cpuMs: Object.values(cpuMsByName).reduce((sum, ms) => sum + ms, 0),
    cpuMsByName,
    sqlMs: ((await sqlMs(rig)) - sqlBefore) / load.deletions,
    atRestCpuMsPerSecond: ((rest.totalMs - (rest.byName['driver'] ?? 0)) * 1000) / REST_MS,
    othersShare: cpu.othersShare,
  };
  rig.say(`  ${name}: ${found.cpuMs.toFixed(1)} ms of CPU and ${found.sqlMs.toFixed(1)} ms of SQL each, ${found.perSecond.toFixed(1)}/s; others used ${(found.othersShare * 100).toFixed(0)} %`);
  return found;
}
