import { setTimeout as sleep } from 'node:timers/promises';
import { provision, type Contestant, type RunningContestant } from '../contestants.js';
import { requestsOf, type Kind } from '../load/requests.js';
import { PATIENCE_MS } from '../load/run-load.js';
import { countRepeats } from '../load/topic-counts.js';
import type { Rig } from '../rig.js';

/** What became of a burst in whose middle everything was killed. */
export interface CrashFigures {
  readonly contestant: Contestant;
  readonly kind: Kind;
  readonly deletions: number;
  /** Told of before the kill. */
  readonly before: number;
  /** Requests with more than one trigger in the ledger; undefined for whom there is none. */
  readonly secondTriggerRows: number | undefined;
  /** Requests that were told of under more than one notificationId. */
  readonly secondNotificationIds: number;
  /** Messages beyond the first with the same id. */
  readonly repeatedTriggers: number;
  readonly repeatedNotifications: number;
  /** Runs that Airflow was asked for more than once, and refused. */
  readonly repeatedPosts: number;
  /** From the kill to the last notification. */
  readonly secondsToTheEnd: number;
}

const POLL_MS = 20;
/** Repeats may come after the first of each. */
const REPEATS_WITHIN_MS = 3_000;

/** Kills every process of a contestant with SIGKILL when a tenth of a burst is done, starts them again, and counts what was done twice. */
export async function crashInABurst(rig: Rig, running: RunningContestant, kind: Kind, count: number): Promise<CrashFigures> {
  const made = requestsOf(kind, count);
  const { requests } = made;
  if (running.name === 'expunge') await provision(rig, made);
  rig.airflow.forget();
  const repeats = await countRepeats(rig);
  try {
    const ids = requests.map(({ requestId }) => requestId);
    await rig.driver.send(requests.map(({ record }) => record));
    const deadline = Date.now() + PATIENCE_MS;
    const seen = (): number => ids.filter((id) => rig.driver.seenAt(id) !== undefined).length;
    while (seen() < count / 10) {
      if (Date.now() > deadline) throw new Error(`Only ${seen()} of ${count} deletions were done before the crash was due`);
      await sleep(POLL_MS);
    }
    await running.crash();
    const before = seen();
    const killedAtMs = performance.now();
    await running.start();
    await rig.driver.allSeen(ids, PATIENCE_MS);
    const secondsToTheEnd = (Math.max(...ids.map((id) => rig.driver.seenAt(id) ?? Number.NaN)) - killedAtMs) / 1000;
    await sleep(REPEATS_WITHIN_MS);
    const beyondFirst = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n - 1, 0);
    const figures: CrashFigures = {
      contestant: running.name, kind, deletions: ids.length, before, secondsToTheEnd,
      secondTriggerRows: running.name === 'expunge' ? await secondTriggerRows(rig, ids) : undefined,
      secondNotificationIds: ids.filter((id) => rig.driver.notificationIds(id).size > 1).length,
      repeatedTriggers: beyondFirst(repeats.triggers),
      repeatedNotifications: beyondFirst(repeats.notifications),
      repeatedPosts: beyondFirst(rig.airflow.posts),
    };
    rig.say(`  ${kind}, killed after ${before} of ${ids.length}: ${figures.repeatedTriggers} triggers and ${figures.repeatedNotifications} notifications repeated, done ${secondsToTheEnd.toFixed(1)} s later`);
    return figures;
  } finally {
    await repeats.close();
  }
}

/** A request has one attempt, and one outbox row for it. */
async function secondTriggerRows(rig: Rig, requestIds: readonly string[]): Promise<number> {
  const [row] = await rig.ledger.rows<{ n: number }>(
    `SELECT count(*)::int AS n FROM unnest($1::text[]) AS wanted (request_id)
      WHERE (SELECT count(*) FROM attempts a WHERE a.request_id = wanted.request_id) > 1
         OR (SELECT count(*) FROM outbox o WHERE o.request_id = wanted.request_id AND o.destination = 'airflow.pipeline.trigger') > 1`,
    [requestIds],
  );
  return row?.n ?? 0;
}
