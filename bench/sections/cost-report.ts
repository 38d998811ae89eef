import { shown, type Goal, type ReportTable, type SectionReport } from '../report/report.js';
import { sum, type Cost, type CostFigures, type CostOptions, type LoadCost } from './cost.js';
import type { CrashFigures } from './crash.js';

const GOALS = { events: 14, workflowTasks: 2, roundTrips: 6 } as const;

const each = (total: number, { load }: LoadCost): string => shown(total / load.deletions);
const messagesOf = ({ messages }: LoadCost): number => Object.values(messages).reduce((all, n) => all + n, 0);

/** Tables of what deletions cost, and of what crashes repeated. */
export function costReport({ costs, crashes }: CostFigures, options: CostOptions): SectionReport {
  const tables = [...options.kinds.flatMap((kind) => tablesOf(kind, costs.filter((cost) => cost.kind === kind))), crashTable(crashes)];
  return { section: 'Cost of one deletion', tables, goals: [...costs.flatMap(goalsOfCost), ...crashes.flatMap(goalsOfCrash)], data: { costs, crashes } };
}

function tablesOf(kind: string, costs: readonly Cost[]): ReportTable[] {
  const title = kind === 'user' ? 'A user' : 'A service (with its share of the tenant’s end)';
  const loads = ['oneByOne', 'inABurst'] as const;
  const names = { oneByOne: '5 a second', inABurst: 'burst' };
  const ours = costs.find(({ contestant }) => contestant === 'expunge');
  const roles = Object.keys(ours?.inABurst.sql ?? {});
  const topics = Object.keys(ours?.inABurst.messages ?? {}).filter((topic) => costs.some((cost) => loads.some((load) => (cost[load].messages[topic] ?? 0) > 0)));
  return [
    {
      title: `${title}: history of one workflow (middle, greatest)`,
      head: ['', 'events', 'workflow tasks', 'bytes'],
      rows: costs.map(({ contestant, history: { events, workflowTasks, bytes } }) => [contestant, ...[events, workflowTasks, bytes].map(({ median, max }) => `${median}, ${max}`)]),
    },
    {
      title: `${title}: CPU ms for each`,
      head: ['', 'load', 'worker', 'Temporal', 'PostgreSQL', 'Kafka', 'other roles', 'all'],
      rows: costs.flatMap((cost) => loads.map((load) => {
        const { byName, totalMs } = cost[load].cpu;
        const of = (name: string): number => byName[name] ?? 0;
        const others = of('ingress') + of('trigger') + of('result') + of('relay');
        return [cost.contestant, names[load], ...[of('worker'), of('temporal'), of('postgres'), of('kafka'), others, totalMs].map((ms) => each(ms, cost[load]))];
      })),
    },
    {
      title: `${title}: what is asked of PostgreSQL, by role: round trips / statements`,
      head: ['', 'load', ...roles, 'all', 'commits'],
      rows: ours === undefined ? [] : loads.map((load) => {
        const cell = ({ roundTrips, statements }: { roundTrips: number; statements: number }): string => `${each(roundTrips, ours[load])} / ${each(statements, ours[load])}`;
        const all = sum(ours[load].sql);
        return ['expunge', names[load], ...roles.map((role) => cell(ours[load].sql[role] ?? { roundTrips: 0, statements: 0 })), cell(all), each(all.commits, ours[load])];
      }),
    },
    {
      title: `${title}: Kafka messages for each, by topic`,
      head: ['', ...topics, 'all'],
      rows: costs.map(({ contestant, inABurst }) => [contestant, ...topics.map((topic) => each(inABurst.messages[topic] ?? 0, inABurst)), each(messagesOf(inABurst), inABurst)]),
    },
  ];
}

const crashTable = (crashes: readonly CrashFigures[]): ReportTable => ({
  title: 'kill -9 of all processes in a burst, and a start anew',
  head: ['', 'kind', 'deletions', 'done before', 'second trigger rows', 'second notificationIds', 'trigger messages repeated', 'notifications repeated', 'POSTs repeated', 's to the end'],
  rows: crashes.map((one) => [
    one.contestant, one.kind, String(one.deletions), String(one.before), one.secondTriggerRows === undefined ? 'no ledger' : String(one.secondTriggerRows), String(one.secondNotificationIds),
    String(one.repeatedTriggers), String(one.repeatedNotifications), String(one.repeatedPosts), shown(one.secondsToTheEnd),
  ]),
});

function goalsOfCost({ contestant, kind, history, oneByOne, inABurst }: Cost): Goal[] {
  if (contestant !== 'expunge') return [];
  const roundTrips = sum(inABurst.sql).roundTrips / inABurst.load.deletions;
  return [
    { what: `${kind}: history events`, goal: `at most ${GOALS.events}`, found: shown(history.events.median), met: history.events.median <= GOALS.events },
    { what: `${kind}: workflow tasks`, goal: String(GOALS.workflowTasks), found: shown(history.workflowTasks.median), met: history.workflowTasks.median <= GOALS.workflowTasks },
    { what: `${kind}: round trips to PostgreSQL`, goal: `at most ${GOALS.roundTrips}`, found: `${shown(roundTrips)} (${each(sum(oneByOne.sql).roundTrips, oneByOne)} at 5 a second)`, met: roundTrips <= GOALS.roundTrips },
  ];
}

function goalsOfCrash({ contestant, kind, secondTriggerRows = 0, secondNotificationIds }: CrashFigures): Goal[] {
  if (contestant !== 'expunge') return [];
  return [
    { what: `${kind}: second trigger rows after kill -9`, goal: '0', found: String(secondTriggerRows), met: secondTriggerRows === 0 },
    { what: `${kind}: second notificationIds after kill -9`, goal: '0', found: String(secondNotificationIds), met: secondNotificationIds === 0 },
  ];
}
