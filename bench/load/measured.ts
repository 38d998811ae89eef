import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContestant } from '../contestants.js';
import { cpuBetween, readCpu, type CpuUse } from '../measure/cpu.js';
import type { Rig } from '../rig.js';
import type { LoadFigures } from './run-load.js';

export interface Measured {
  readonly load: LoadFigures;
  readonly cpu: CpuUse;
}

/** What commits and tidies up after a load should not be counted to the next. */
const SETTLE_MS = 1_500;

/** Runs a load once the one before it has settled, and says what it cost. */
export async function measured(rig: Rig, running: RunningContestant, act: () => Promise<LoadFigures>): Promise<Measured> {
  await sleep(SETTLE_MS);
  const pids = { ...rig.partPids(), driver: process.pid, ...running.pids() };
  const before = readCpu(pids);
  const load = await act();
  return { load, cpu: cpuBetween(before, readCpu(pids)) };
}
