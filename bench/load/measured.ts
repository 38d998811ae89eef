import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContestant } from '../contestants.js';
import { cpuBetween, readCpu, type CpuUse } from '../measure/cpu.js';
import { besideYardstick } from '../measure/yardstick.js';
import type { Rig } from '../rig.js';
import type { LoadFigures } from './run-load.js';

export interface Measured {
  readonly load: LoadFigures;
  readonly cpu: CpuUse;
  /** CPU time of a fixed piece of work meanwhile, in ms. */
  readonly yardstickMs: number;
}

/** What commits and tidies up after a load should not be counted to the next. */
const SETTLE_MS = 1_500;

/** Others that use less than this share of the machine do not matter. */
const QUIET = 0.1;
const LISTEN_MS = 2_000;

/** Waits until nobody else keeps the machine busy, for as long as the bench was told to wait. */
async function whenQuiet(rig: Rig, pids: Readonly<Record<string, number>>): Promise<void> {
  const deadline = performance.now() + rig.quietWithinMs;
  while (performance.now() < deadline) {
    const before = readCpu(pids);
    await sleep(LISTEN_MS);
    if (cpuBetween(before, readCpu(pids)).othersShare < QUIET) return;
  }
}

/** Runs a load once the one before it has settled, and says what it cost. */
export async function measured(rig: Rig, running: RunningContestant, act: () => Promise<LoadFigures>): Promise<Measured> {
  await sleep(SETTLE_MS);
  const pids = { ...rig.partPids(), driver: process.pid, ...running.pids() };
  await whenQuiet(rig, pids);
  const before = readCpu(pids);
  const { result: load, yardstickMs } = await besideYardstick(act);
  return { load, cpu: cpuBetween(before, readCpu(pids)), yardstickMs };
}
