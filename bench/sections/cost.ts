import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { bareWorkflowId } from '../bare/names.js';
import { provision, startContestant, type Contestant, type RunningContestant } from '../contestants.js';
import { measured, type Measured } from '../load/measured.js';
import { requestsOf, type Kind } from '../load/requests.js';
import { burst, steady } from '../load/run-load.js';
import { messageCounts } from '../load/topic-counts.js';
import { sqlAtRest, withoutRest, type ReadSql } from '../measure/sql-at-rest.js';
import { createSqlProxy, sqlBetween } from '../measure/sql-proxy.js';
import type { SqlCount } from '../measure/sql-wire.rules.js';
import { median } from '../measure/statistics.rules.js';
import type { Rig } from '../rig.js';
import { readDeletion } from '../../store/ledger/read.js';
import { crashInABurst, type CrashFigures } from './crash.js';

export interface CostOptions {
  readonly kinds: readonly Kind[];
  readonly contestants: readonly Contestant[];
  readonly burst: number;
  readonly steadySeconds: number;
  readonly crashBurst: number;
  readonly warmUp: number;
  readonly env: Readonly<Record<string, string>>;
}

/** What Temporal kept of some workflows: middle and greatest. */
export interface HistoryFigures {
  readonly events: { readonly median: number; readonly max: number };
  readonly workflowTasks: { readonly median: number; readonly max: number };
  readonly bytes: { readonly median: number; readonly max: number };
}

export interface LoadCost extends Measured {
  /** By role, over the whole load, without what the role asks at rest. */
  readonly sql: Readonly<Record<string, SqlCount>>;
  /** By topic, over the whole load. */
  readonly messages: Readonly<Record<string, number>>;
}

export interface Cost {
  readonly contestant: Contestant;
  readonly kind: Kind;
  readonly history: HistoryFigures;
  readonly oneByOne: LoadCost;
  readonly inABurst: LoadCost;
}

export interface CostFigures {
  readonly costs: readonly Cost[];
  readonly crashes: readonly CrashFigures[];
}

const ONE_BY_ONE_PER_SECOND = 5;
const HISTORIES = 20;
/** Roles that speak to PostgreSQL. */
const SQL_ROLES = ['worker', 'ingress', 'trigger', 'result', 'relay'] as const;

/** What one deletion costs, and what a crash repeats. */
export async function runCost(rig: Rig, options: CostOptions): Promise<CostFigures> {
  const costs: Cost[] = [];
  const crashes: CrashFigures[] = [];
  for (const contestant of options.contestants) {
    rig.say(`cost: ${contestant}`);
    await rig.freshTemporal();
    rig.driver.forget();
    rig.airflow.forget();
    const proxy = createSqlProxy(rig.config.database.url);
    const urls = Object.fromEntries(await Promise.all(SQL_ROLES.map(async (role) => [role, await proxy.urlFor(role)] as const)));
    const running = await startContestant(rig, contestant, { split: 'apart', env: options.env, envOf: (role) => (urls[role] === undefined ? {} : { DATABASE_URL: urls[role] }) });
    try {
      for (const kind of options.kinds) costs.push(await costOf(rig, running, kind, options, () => proxy.read()));
      for (const kind of options.kinds) crashes.push(await crashInABurst(rig, running, kind, options.crashBurst));
    } finally {
      await running.stop();
      await proxy.close();
    }
  }
  return { costs, crashes };
}

async function costOf(rig: Rig, running: RunningContestant, kind: Kind, options: CostOptions, readSql: ReadSql): Promise<Cost> {
  const prepared = async (count: number) => {
    const requests = requestsOf(kind, count);
    if (running.name === 'expunge') await provision(rig, requests);
    return requests.requests;
  };
  await burst(rig.driver, await prepared(options.warmUp));
  const forSteady = await prepared(options.steadySeconds * ONE_BY_ONE_PER_SECOND);
  const forBurst = await prepared(options.burst);
  const perSecondAtRest = await sqlAtRest(readSql);
  const withAll = async (act: () => Promise<Measured>): Promise<LoadCost> => {
    const [messages, sql, startedAtMs] = [await messageCounts(rig), readSql(), performance.now()];
    const found = await act();
    const seconds = (performance.now() - startedAtMs) / 1000;
    await sleep(1_000); // the last commits and marks belong to it
    const after = await messageCounts(rig);
    const between = sqlBetween(sql, readSql());
    return {
      ...found,
      sql: Object.fromEntries(Object.entries(between).map(([role, count]) => [role, withoutRest(count, perSecondAtRest[role], seconds + 1)])),
      messages: Object.fromEntries(Object.entries(after).map(([topic, n]) => [topic, n - (messages[topic] ?? 0)])),
    };
  };
  const oneByOne = await withAll(() => measured(rig, running, () => steady(rig.driver, forSteady, ONE_BY_ONE_PER_SECOND)));
  const history = await historiesOf(rig, running.name, forSteady.slice(0, HISTORIES).map(({ requestId }) => requestId));
  const inABurst = await withAll(() => measured(rig, running, () => burst(rig.driver, forBurst)));
  rig.say(`  ${kind}: ${history.events.median} events, ${sum(inABurst.sql).roundTrips / options.burst} round trips to PostgreSQL each`);
  return { contestant: running.name, kind, history, oneByOne, inABurst };
}

export const sum = (byRole: Readonly<Record<string, SqlCount>>): SqlCount =>
  Object.values(byRole).reduce((all, one) => ({ roundTrips: all.roundTrips + one.roundTrips, statements: all.statements + one.statements, commits: all.commits + one.commits }), { roundTrips: 0, statements: 0, commits: 0 });

async function historiesOf(rig: Rig, contestant: Contestant, requestIds: readonly string[]): Promise<HistoryFigures> {
  const client = rig.temporal();
  const found: { events: number; tasks: number; bytes: number }[] = [];
  for (const requestId of requestIds) {
    const workflowId = contestant === 'expunge' ? (await readDeletion(rig.ledger, requestId))?.deletion.workflowId : bareWorkflowId(requestId);
    if (workflowId === undefined) throw new Error(`The ledger does not know request ${requestId}`);
    found.push(await historyOf(client, workflowId));
  }
  const middle = (pick: (one: (typeof found)[number]) => number) => ({ median: median(found.map(pick)), max: Math.max(...found.map(pick)) });
  return { events: middle(({ events }) => events), workflowTasks: middle(({ tasks }) => tasks), bytes: middle(({ bytes }) => bytes) };
}

/** Of a workflow that is over, or about to be. */
async function historyOf(client: Client, workflowId: string): Promise<{ events: number; tasks: number; bytes: number }> {
  const handle = client.workflow.getHandle(workflowId);
  await handle.result();
  const [{ raw }, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
  return {
    events: events?.length ?? 0,
    tasks: events?.filter(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes != null).length ?? 0,
    bytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
  };
}
