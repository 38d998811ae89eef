import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Clock ticks a second in /proc: USER_HZ is 100 on every Linux that Node runs on (man 7 time). */
const MS_PER_TICK = 10;

interface ProcessTimes {
  readonly parent: number;
  /** Its own and that of children which have ended, user and system. */
  readonly ms: number;
  readonly residentBytes: number;
}

/** What the processes have used up to one moment. */
export interface CpuReading {
  readonly atMs: number;
  /** By the name of the process, its children with it; ms. */
  readonly byName: Readonly<Record<string, number>>;
  /** Of all there is on the machine; ms over all cores. */
  readonly machineBusyMs: number;
}

/** What was used between two readings. */
export interface CpuUse {
  readonly byName: Readonly<Record<string, number>>;
  readonly totalMs: number;
  readonly elapsedMs: number;
  /** Share of the machine that others used meanwhile: 0 to 1. More than a little makes times unfit for comparison. */
  readonly othersShare: number;
}

/** Whether this system tells what its processes use. */
export const cpuIsReadable = process.platform === 'linux';

function everyProcess(): Map<number, ProcessTimes> {
  const found = new Map<number, ProcessTimes>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Behind the name, which may hold anything: state, ppid, … (man 5 proc).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
      const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
      found.set(pid, { parent: fields[1] ?? 0, ms: (utime + stime + cutime + cstime) * MS_PER_TICK, residentBytes: (fields[21] ?? 0) * 4096 });
    } catch {
      // ended between the look at the folder and the one at it
    }
  }
  return found;
}

/** A process and its children, but for those that are counted by themselves. */
function treeOf(root: number, all: ReadonlyMap<number, ProcessTimes>, apart: ReadonlySet<number>): ProcessTimes[] {
  const own = all.get(root);
  if (own === undefined) return [];
  return [own, ...[...all].flatMap(([pid, { parent }]) => (parent === root && !apart.has(pid) ? treeOf(pid, all, apart) : []))];
}

function machineBusyMs(): number {
  const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks.map(Number);
  return (user + nice + system + irq + softirq + steal) * MS_PER_TICK;
}

/** Reads what processes have used, by the ids of their roots; a child that is named itself is not counted to its parent. None where the system does not tell. */
export function readCpu(pids: Readonly<Record<string, number>>): CpuReading {
  if (!cpuIsReadable) return { atMs: performance.now(), byName: {}, machineBusyMs: 0 };
  const all = everyProcess();
  const apart = new Set(Object.values(pids));
  const byName = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, treeOf(pid, all, apart).reduce((sum, { ms }) => sum + ms, 0)]));
  return { atMs: performance.now(), byName, machineBusyMs: machineBusyMs() };
}

/** What was used from one reading to a later one. A process that came between counts from its beginning. */
export function cpuBetween(before: CpuReading, after: CpuReading): CpuUse {
  const byName = Object.fromEntries(Object.entries(after.byName).map(([name, ms]) => [name, ms - (before.byName[name] ?? 0)]));
  const totalMs = Object.values(byName).reduce((sum, ms) => sum + ms, 0);
  const elapsedMs = after.atMs - before.atMs;
  const capacityMs = elapsedMs * cpus().length;
  return { byName, totalMs, elapsedMs, othersShare: capacityMs > 0 ? Math.max(0, (after.machineBusyMs - before.machineBusyMs - totalMs) / capacityMs) : 0 };
}

/** Resident memory of a process and its children, in bytes; 0 where the system does not tell. */
export const residentBytes = (pid: number): number => (cpuIsReadable ? treeOf(pid, everyProcess(), new Set()).reduce((sum, one) => sum + one.residentBytes, 0) : 0);
