import { setTimeout as sleep } from 'node:timers/promises';
import { sqlBetween } from './sql-proxy.js';
import type { SqlCount } from './sql-wire.rules.js';

export type ReadSql = () => Readonly<Record<string, SqlCount>>;

const SETTLE_MS = 2_000;
const REST_MS = 8_000;

/** What is asked of PostgreSQL while nothing happens, a second, by role. */
export async function sqlAtRest(readSql: ReadSql): Promise<Record<string, SqlCount>> {
  await sleep(SETTLE_MS);
  const before = readSql();
  await sleep(REST_MS);
  const scale = 1000 / REST_MS;
  return Object.fromEntries(Object.entries(sqlBetween(before, readSql())).map(([role, { roundTrips, statements, commits }]) => [role, { roundTrips: roundTrips * scale, statements: statements * scale, commits: commits * scale }]));
}

/** Takes off what would have been asked at rest as well. */
export function withoutRest(count: SqlCount, perSecond: SqlCount | undefined, seconds: number): SqlCount {
  const rest = perSecond ?? { roundTrips: 0, statements: 0, commits: 0 };
  return {
    roundTrips: Math.max(0, count.roundTrips - rest.roundTrips * seconds),
    statements: Math.max(0, count.statements - rest.statements * seconds),
    commits: Math.max(0, count.commits - rest.commits * seconds),
  };
}
