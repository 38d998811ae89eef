import type { Contestant } from '../contestants.js';
import type { Kind } from '../load/requests.js';
import { spreadOf, type Latencies, type Spread } from '../measure/statistics.rules.js';
import { shown, spreadText, type Goal, type ReportTable, type SectionReport } from '../report/report.js';
import type { Measured } from '../load/measured.js';
import type { PipelineOptions, Turn } from './pipeline.js';

const GOALS = { overNormal: 1.2, overLocal: 0.8, p50OverLocal: 1.3 } as const;

/** Tables and goals of the turns that were taken. */
export function pipelineReport(turns: readonly Turn[], options: PipelineOptions, cores: number): SectionReport {
  const of = (contestant: Contestant, kind: Kind) => turns.filter((turn) => turn.contestant === contestant && turn.kind === kind);
  const tables = options.kinds.flatMap((kind): ReportTable[] => [
    {
      title: `${kind === 'user' ? 'Users' : 'Services'}: middle (least to greatest) of ${options.repetitions} repetitions; latency in ms from request to notification`,
      head: ['', 'burst/s', 'burst p50', 'p95', 'p99', `p50 at ${options.steadyPerSecond}/s`, 'p95', 'p99', 'CPU ms each', 'CPU allows/s', 'others used', 'yardstick ms'],
      rows: options.contestants.map((contestant) => {
        const found = of(contestant, kind);
        const latency = (pick: (turn: Turn) => Measured, name: keyof Latencies) => spreadText(spreadOf(found.map((turn) => pick(turn).load.latencyMs[name])));
        return [
          contestant,
          spreadText(throughput(found)),
          ...(['p50', 'p95', 'p99'] as const).map((name) => latency((turn) => turn.burst, name)),
          ...(['p50', 'p95', 'p99'] as const).map((name) => latency((turn) => turn.steady, name)),
          spreadText(spreadOf(found.map(({ burst }) => burst.cpu.totalMs / burst.load.deletions))),
          shown((cores * 1000) / spreadOf(found.map(({ burst }) => burst.cpu.totalMs / burst.load.deletions)).median),
          `${shown(spreadOf(found.map(({ burst }) => burst.cpu.othersShare * 100)).median)} %`,
          spreadText(spreadOf(found.map(({ burst }) => burst.yardstickMs))),
        ];
      }),
    },
    cpuTable(kind, options.contestants, of),
    ...phaseTables(kind, of('expunge', kind), options.steadyPerSecond),
  ]);
  const goals = options.kinds.flatMap((kind) => goalsOf(kind, of));
  return { section: `Pipeline (${options.split === 'apart' ? 'a process for each role' : 'all roles in one process'})`, tables, goals, data: { options: { ...options, env: undefined }, turns } };
}

const throughput = (turns: readonly Turn[]): Spread => spreadOf(turns.map(({ burst }) => burst.load.perSecond));
/** Deletions in the time that the yardstick takes a thousand times. */
const byYardstick = (turns: readonly Turn[]): number => spreadOf(turns.map(({ burst }) => burst.load.perSecond * burst.yardstickMs)).median;
const steadyP50 = (turns: readonly Turn[]): Spread => spreadOf(turns.map(({ steady }) => steady.load.latencyMs.p50));

function cpuTable(kind: Kind, contestants: readonly Contestant[], of: (contestant: Contestant, kind: Kind) => readonly Turn[]): ReportTable {
  const names = [...new Set(contestants.flatMap((contestant) => of(contestant, kind).flatMap(({ burst }) => Object.keys(burst.cpu.byName))))];
  return {
    title: `${kind === 'user' ? 'Users' : 'Services'}: CPU ms for one deletion in the burst, by process (middle)`,
    head: ['', ...names],
    rows: contestants.map((contestant) => {
      const found = of(contestant, kind);
      return [contestant, ...names.map((name) => {
        const each = found.flatMap(({ burst: { cpu, load } }) => (cpu.byName[name] === undefined ? [] : [cpu.byName[name] / load.deletions]));
        return each.length === 0 ? '–' : shown(spreadOf(each).median);
      })];
    }),
  };
}

function phaseTables(kind: Kind, turns: readonly Turn[], perSecond: number): ReportTable[] {
  const [first] = turns;
  if (!first) return [];
  const rows = first.phases.map(({ phase }, n) => [phase, spreadText(spreadOf(turns.map(({ phases }) => phases[n]?.p50Ms ?? Number.NaN)))]);
  return [{ title: `${kind === 'user' ? 'Users' : 'Services'}: where the time of Expunge goes at ${perSecond}/s, p50 in ms by the ledger’s times`, head: ['', 'ms'], rows }];
}

function throughputGoal(kind: Kind, ours: readonly Turn[], bare: readonly Turn[], activities: 'normal' | 'local', atLeast: number): Goal {
  const over = throughput(ours).median / throughput(bare).median;
  return {
    what: `${kind}: throughput over bare, ${activities} activities`, goal: `at least ${atLeast}`,
    found: `${shown(over)} (${shown(byYardstick(ours) / byYardstick(bare))} by the yardstick)`, met: over >= atLeast,
  };
}

/** What the middle figures promise, of those contestants that took part. */
function goalsOf(kind: Kind, of: (contestant: Contestant, kind: Kind) => readonly Turn[]): Goal[] {
  const [ours, normal, local] = [of('expunge', kind), of('bare, normal activities', kind), of('bare, local activities', kind)];
  if (ours.length === 0) return [];
  const p50 = steadyP50(ours).median;
  const goals: Goal[] = [];
  if (normal.length > 0) {
    goals.push(throughputGoal(kind, ours, normal, 'normal', GOALS.overNormal));
    const normalP50 = steadyP50(normal).median;
    goals.push({ what: `${kind}: p50 against bare, normal activities`, goal: `under ${shown(normalP50)} ms`, found: `${shown(p50)} ms`, met: p50 < normalP50 });
  }
  if (local.length > 0) {
    goals.push(throughputGoal(kind, ours, local, 'local', GOALS.overLocal));
    const p50Ratio = p50 / steadyP50(local).median;
    goals.push({ what: `${kind}: p50 over bare, local activities`, goal: `at most ${GOALS.p50OverLocal}`, found: shown(p50Ratio), met: p50Ratio <= GOALS.p50OverLocal });
  }
  return goals;
}
