import { setTimeout as sleep } from 'node:timers/promises';
import { groupLag } from '../../bus/admin.js';
import { consumerGroup } from '../../contracts/names/index.js';
import { startContestant, type RunningContestant } from '../contestants.js';
import { novaPosts, type NovaPost } from '../load/nova-events.js';
import { PATIENCE_MS } from '../load/run-load.js';
import { cpuBetween, readCpu, type CpuUse } from '../measure/cpu.js';
import { indexFigures, type IndexFigures } from '../measure/index-times.rules.js';
import { sqlAtRest, withoutRest } from '../measure/sql-at-rest.js';
import { createSqlProxy, sqlBetween } from '../measure/sql-proxy.js';
import type { SqlCount } from '../measure/sql-wire.rules.js';
import type { Rig } from '../rig.js';

export interface NovaOptions {
  readonly repetitions: number;
  readonly records: number;
  readonly bytes: number;
  readonly perSecond: number;
  readonly warmUp: number;
  readonly env: Readonly<Record<string, string>>;
  readonly profileDir?: string | undefined;
}

/** At a rate that is kept, or as fast as they go. */
export type NovaPace = 'steady' | 'flat out';

/** What one load of events gave. */
export interface NovaLoad {
  readonly pace: NovaPace;
  readonly figures: IndexFigures;
  /** Records that Kafka has acknowledged, a second: what the index could not have been faster than. */
  readonly sentPerSecond: number;
  readonly cpu: CpuUse;
}

/** What an event costs in PostgreSQL, without what the role asks at rest. */
export interface NovaCost {
  readonly pace: NovaPace;
  readonly records: number;
  readonly sql: SqlCount;
}

export interface NovaFigures {
  readonly loads: readonly NovaLoad[];
  readonly costs: readonly NovaCost[];
}

const PACES: readonly NovaPace[] = ['steady', 'flat out'];
/** In one call to the producer when they go as fast as they can. */
const CHUNK = 1_000;
const TICK_MS = 5;
/** Between the points of the lag over time. */
const LAG_STEP_MS: Readonly<Record<NovaPace, number>> = { steady: 1_000, 'flat out': 100 };
const POLL_MS = 100;
const SETTLE_MS = 1_500;

/** The performance test of the document on the Nova bus: records on the content events topic, until they are in the subject inventory. */
export async function runNova(rig: Rig, options: NovaOptions): Promise<NovaFigures> {
  const loads: NovaLoad[] = [];
  const running = await startContestant(rig, 'expunge', { split: 'apart', roles: ['nova'], env: options.env, profileDir: options.profileDir });
  try {
    await load(rig, running, options, 'flat out', options.warmUp);
    for (let n = 0; n < options.repetitions; n++) {
      for (const pace of PACES) {
        const found = await load(rig, running, options, pace, options.records);
        rig.say(`  ${pace}: ${found.figures.perSecond.toFixed(0)}/s, p99 ${found.figures.latencyMs.p99.toFixed(0)} ms, at most ${found.figures.mostLag} behind`);
        loads.push(found);
      }
    }
  } finally {
    await running.stop();
  }
  return { loads, costs: await costs(rig, options) };
}

/** Counted apart, because what counts takes its time as well. */
async function costs(rig: Rig, options: NovaOptions): Promise<NovaCost[]> {
  const found: NovaCost[] = [];
  const proxy = createSqlProxy(rig.config.database.url);
  const url = await proxy.urlFor('nova');
  const running = await startContestant(rig, 'expunge', { split: 'apart', roles: ['nova'], env: { ...options.env, DATABASE_URL: url } });
  try {
    await load(rig, running, options, 'flat out', options.warmUp);
    const rest = await sqlAtRest(() => proxy.read());
    for (const pace of PACES) {
      const [before, startedAtMs] = [proxy.read(), performance.now()];
      await load(rig, running, options, pace, options.records);
      const between = sqlBetween(before, proxy.read())['nova'] ?? { roundTrips: 0, statements: 0, commits: 0 };
      found.push({ pace, records: options.records, sql: withoutRest(between, rest['nova'], (performance.now() - startedAtMs) / 1000) });
    }
  } finally {
    await running.stop();
    await proxy.close();
  }
  return found;
}

async function load(rig: Rig, running: RunningContestant, { bytes, perSecond }: NovaOptions, pace: NovaPace, count: number): Promise<NovaLoad> {
  const topic = rig.config.kafka.novaTopics.content;
  const posts = novaPosts(count, bytes, topic);
  await sleep(SETTLE_MS);
  const pids = { ...rig.partPids(), driver: process.pid, ...running.pids() };
  const before = readCpu(pids);
  const { producedAtMs, seconds } = pace === 'steady' ? await sendSteadily(rig, posts, perSecond) : await sendAll(rig, posts);
  const indexedAtMs = await allIndexed(rig, posts);
  const cpu = cpuBetween(before, readCpu(pids));
  await committed(rig, topic);
  return { pace, figures: indexFigures(posts.map(({ postId }, n) => ({ producedAtMs: producedAtMs[n] ?? 0, indexedAtMs: indexedAtMs.get(postId) ?? 0 })), LAG_STEP_MS[pace]), sentPerSecond: count / seconds, cpu };
}

interface SentPosts {
  /** When each was due; ms since 1970, by the clock that PostgreSQL stamps commits with. */
  readonly producedAtMs: readonly number[];
  /** From the first to the last acknowledgement. */
  readonly seconds: number;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

async function sendSteadily(rig: Rig, posts: readonly NovaPost[], perSecond: number): Promise<SentPosts> {
  const startedAtMs = nowMs() + 200;
  const producedAtMs = posts.map((_, n) => startedAtMs + (n * 1000) / perSecond);
  const sends: Promise<void>[] = [];
  for (let sent = 0; sent < posts.length; ) {
    await sleep(TICK_MS);
    const due = Math.min(posts.length, Math.floor(((nowMs() - startedAtMs) * perSecond) / 1000) + 1);
    if (due <= sent) continue;
    sends.push(rig.driver.send(posts.slice(sent, due).map(({ record }) => record)));
    sent = due;
  }
  await Promise.all(sends);
  return { producedAtMs, seconds: (nowMs() - startedAtMs) / 1000 };
}

async function sendAll(rig: Rig, posts: readonly NovaPost[]): Promise<SentPosts> {
  const startedAtMs = nowMs();
  const producedAtMs: number[] = [];
  for (let n = 0; n < posts.length; n += CHUNK) {
    const chunk = posts.slice(n, n + CHUNK);
    producedAtMs.push(...chunk.map(nowMs));
    await rig.driver.send(chunk.map(({ record }) => record));
  }
  return { producedAtMs, seconds: (nowMs() - startedAtMs) / 1000 };
}

/** Waits until all posts are in the inventory. @returns when each was committed, ms since 1970 */
async function allIndexed(rig: Rig, posts: readonly NovaPost[]): Promise<ReadonlyMap<string, number>> {
  const ids = posts.map(({ postId }) => postId);
  const last = ids.slice(-CHUNK);
  const deadline = performance.now() + PATIENCE_MS + posts.length * 2;
  for (let looked = last; ; ) {
    const [row] = await rig.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM subject_items WHERE kind = 'post' AND item_id = ANY($1)", [looked]);
    if (row?.n === looked.length) {
      if (looked === ids) break;
      looked = ids;
    } else if (performance.now() > deadline) throw new Error(`The subject inventory has ${row?.n ?? 0} of ${looked.length} posts, and nothing more in time`);
    else await sleep(POLL_MS);
  }
  const rows = await rig.ledger.rows<{ itemId: string; atMs: number }>(
    "SELECT item_id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000)::float8 AS at_ms FROM subject_items WHERE kind = 'post' AND item_id = ANY($1)",
    [ids],
  );
  return new Map(rows.map(({ itemId, atMs }) => [itemId, atMs]));
}

/** Waits for the last commit of the group, so that no load counts to the next. */
async function committed(rig: Rig, topic: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const behind = (await groupLag(rig.kafka, consumerGroup('nova'), [topic])).reduce((sum, { lag }) => sum + lag, 0);
    if (behind === 0) return;
    if (performance.now() > deadline) throw new Error(`The group is ${behind} messages behind, and all are in the inventory`);
    await sleep(POLL_MS);
  }
}
