import type { LagPoint } from '../measure/index-times.rules.js';
import { spreadOf, type Spread } from '../measure/statistics.rules.js';
import { shown, spreadText, type Goal, type ReportTable, type SectionReport } from '../report/report.js';
import type { NovaFigures, NovaLoad, NovaOptions, NovaPace } from './nova.js';

/** The document's latency of events, and what it asks of throughput. */
const GOAL_P99_MS = 500;
const GOAL_FLAT_OUT_PER_SECOND = 5_000;
/** At the steady rate: half a second of it may be on its way. */
const GOAL_LAG_SECONDS = 0.5;

/** Tables and goals of the loads of events. */
export function novaReport({ loads, costs }: NovaFigures, { records, bytes, perSecond, repetitions }: NovaOptions): SectionReport {
  const of = (pace: NovaPace): readonly NovaLoad[] => loads.filter((one) => one.pace === pace);
  const spread = (pace: NovaPace, pick: (load: NovaLoad) => number): Spread => spreadOf(of(pace).map(pick));
  const text = (pace: NovaPace, pick: (load: NovaLoad) => number): string => spreadText(spread(pace, pick));
  const paces: readonly (readonly [NovaPace, string])[] = [['steady', `${perSecond} a second`], ['flat out', 'as fast as they go']];
  const parts = Object.keys(loads[0]?.cpu.byName ?? {});

  const rates: ReportTable = {
    title: `${records} records of ${bytes} bytes, middle (least to greatest) of ${repetitions} repetitions; ms from produced to indexed`,
    head: ['', 'events/s', 'sent/s', 'p50 ms', 'p95 ms', 'p99 ms', 'greatest ms', 'most behind', 'others used'],
    rows: paces.map(([pace, name]) => [
      name, text(pace, ({ figures }) => figures.perSecond), text(pace, ({ sentPerSecond }) => sentPerSecond),
      text(pace, ({ figures }) => figures.latencyMs.p50), text(pace, ({ figures }) => figures.latencyMs.p95), text(pace, ({ figures }) => figures.latencyMs.p99), text(pace, ({ figures }) => figures.latencyMs.max),
      text(pace, ({ figures }) => figures.mostLag), `${shown(spread(pace, ({ cpu }) => cpu.othersShare * 100).median)} %`,
    ]),
  };
  const cost: ReportTable = {
    title: 'What an event costs',
    head: ['', 'SQL round trips', 'statements', 'commits', ...parts.map((part) => `${part}, CPU ms`)],
    rows: paces.map(([pace, name]) => {
      const counted = costs.find((one) => one.pace === pace);
      const each = (count: number | undefined): string => shown((count ?? Number.NaN) / (counted?.records ?? 1));
      return [name, each(counted?.sql.roundTrips), each(counted?.sql.statements), each(counted?.sql.commits), ...parts.map((part) => shown(spread(pace, ({ cpu, figures }) => (cpu.byName[part] ?? 0) / figures.events).median))];
    }),
  };
  const lagTables = paces.flatMap(([pace, name]): ReportTable[] => {
    const last = of(pace).at(-1);
    return last === undefined ? [] : [{ title: `Lag over time, ${name}, of the last repetition`, head: ['second', 'produced', 'indexed', 'behind'], rows: last.figures.lagOverTime.map(lagRow) }];
  });

  const steadyP99 = spread('steady', ({ figures }) => figures.latencyMs.p99);
  const flatOut = spread('flat out', ({ figures }) => figures.perSecond);
  const behind = spread('steady', ({ figures }) => Math.max(...figures.lagOverTime.map(({ lag }) => lag)));
  const goals: Goal[] = [
    { what: `produced to indexed at ${perSecond} a second, p99`, goal: `under ${GOAL_P99_MS} ms`, found: `${shown(steadyP99.median)} ms`, met: steadyP99.median < GOAL_P99_MS },
    { what: `the lag at ${perSecond} a second, at the end of any second`, goal: `at most ${perSecond * GOAL_LAG_SECONDS}`, found: shown(behind.median), met: behind.median <= perSecond * GOAL_LAG_SECONDS },
    { what: 'as fast as they go', goal: `at least ${GOAL_FLAT_OUT_PER_SECOND}/s`, found: `${shown(flatOut.median)}/s`, met: flatOut.median >= GOAL_FLAT_OUT_PER_SECOND },
  ];
  return { section: 'Events of the Nova bus', tables: [rates, cost, ...lagTables], goals, data: { loads, costs } };
}

const lagRow = ({ second, produced, indexed, lag }: LagPoint): string[] => [shown(second), String(produced), String(indexed), String(lag)];
