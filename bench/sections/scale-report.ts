import { spreadOf, type Spread } from '../measure/statistics.rules.js';
import { shown, spreadText, type Goal, type ReportTable, type SectionReport } from '../report/report.js';
import type { CostAtScale } from '../scale/cost-at-scale.js';
import type { Growth, ScaleFigures, ScaleOptions } from './scale.js';

const GOAL = 1.15;

/** Tables of what grew, and whether the cost of a deletion stayed. */
export function scaleReport({ growths, kibPerParked }: ScaleFigures, { repetitions, burst, parked }: ScaleOptions): SectionReport {
  const tables: ReportTable[] = growths.map((growth) => tableOf(growth, burst, repetitions));
  if (kibPerParked !== undefined) tables.push({ title: `Memory of the worker for a parked deletion that it keeps in its cache (${parked} of them)`, head: ['KiB'], rows: [[shown(kibPerParked)]] });
  return { section: 'Scale out', tables, goals: growths.flatMap(goalsOf), data: { growths, kibPerParked } };
}

const spread = ({ costs }: Growth, name: string, pick: (cost: CostAtScale) => number): Spread => spreadOf(costs.filter((cost) => cost.case === name).map(pick));

function tableOf(growth: Growth, burst: number, repetitions: number): ReportTable {
  const parts = [...new Set(growth.costs.flatMap(({ cpuMsByName }) => Object.keys(cpuMsByName).map(roleOf)))];
  return {
    title: `By ${growth.of}: a deletion in a burst of ${burst}, ms; middle (least to greatest) of ${repetitions} repetitions; what is spent at rest is taken off`,
    head: ['', 'CPU', ...parts, 'SQL', 'a second', 'CPU ms/s at rest', 'others used', 'yardstick ms'],
    rows: growth.cases.map((name) => [
      name,
      spreadText(spread(growth, name, ({ cpuMs }) => cpuMs)),
      ...parts.map((part) => shown(spread(growth, name, (cost) => ofRole(cost, part)).median)),
      spreadText(spread(growth, name, ({ sqlMs }) => sqlMs)),
      spreadText(spread(growth, name, ({ perSecond }) => perSecond)),
      shown(spread(growth, name, ({ atRestCpuMsPerSecond }) => atRestCpuMsPerSecond).median),
      `${shown(spread(growth, name, ({ othersShare }) => othersShare * 100).median)} %`,
      shown(spread(growth, name, ({ yardstickMs }) => yardstickMs).median),
    ]),
  };
}

/** `worker-2` is a worker. */
const roleOf = (process: string): string => process.replace(/-\d+$/, '');

const ofRole = ({ cpuMsByName }: CostAtScale, role: string): number => Object.entries(cpuMsByName).reduce((sum, [process, ms]) => (roleOf(process) === role ? sum + ms : sum), 0);

function goalsOf(growth: Growth): Goal[] {
  const [least, ...others] = growth.cases;
  if (least === undefined || growth.isBeside) return [];
  const measures = { CPU: ({ cpuMs }: CostAtScale) => cpuMs, SQL: ({ sqlMs }: CostAtScale) => sqlMs };
  const times = (name: string, pick: (cost: CostAtScale) => number): number => spread(growth, name, pick).median / spread(growth, least, pick).median;
  return others.flatMap((name) => Object.entries(measures).map(([what, pick]): Goal => {
    const ratio = times(name, pick);
    // A cost of nothing was lost in what is spent at rest: it shows nothing.
    const isMeasured = Number.isFinite(ratio) && ratio > 0;
    // A machine that was slower meanwhile is no cost of scale; but what is measured may have made it slower.
    const byYardstick = what === 'CPU' ? ` (${shown(times(name, ({ cpuMs, yardstickMs }) => cpuMs / yardstickMs))} by the yardstick)` : '';
    return { what: `${what} of a deletion, ${name} against ${least}`, goal: `at most ${GOAL} times`, found: isMeasured ? `${shown(ratio)}${byYardstick}` : 'not measurable: take a larger burst', met: isMeasured && ratio <= GOAL };
  }));
}
