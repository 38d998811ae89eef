import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestMessage } from '../../client/request-messages.rules.js';
import { startContestant, type RunningContestant } from '../contestants.js';
import { userRequests } from '../load/requests.js';
import { cpuBetween, readCpu } from '../measure/cpu.js';
import { spreadOf, type Spread } from '../measure/statistics.rules.js';
import { shown, spreadText, type SectionReport } from '../report/report.js';
import type { Rig } from '../rig.js';

export interface IngressOptions {
  readonly repetitions: number;
  /** New requests in a repetition. */
  readonly requests: number;
  /** How often each comes again. */
  readonly repeats: number;
  readonly env: Readonly<Record<string, string>>;
  readonly profileDir?: string | undefined;
}

const GOAL_DUPLICATES_PER_SECOND = 5_000;
/** To be asked takes the ingress some ms. */
const POLL_MS = 200;
const CHUNK = 500;
/** A member of a group may be silent for so long: the session timeout is 10 s. */
const MOST_SECONDS_STILL = 7;
const WARM_UP = 300;

const CASES = ['new', 'claimed or ended', 'not claimed yet'] as const;
type Case = (typeof CASES)[number];

interface Found {
  readonly case: Case;
  readonly requests: number;
  readonly perSecond: number;
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** The ingress by itself: how fast what lies in its topic gets into the ledger and is started, and how fast it knows what it had before. */
export async function runIngress(rig: Rig, options: IngressOptions): Promise<SectionReport> {
  const found: Found[] = [];
  await rig.freshTemporal();
  const ingress = await startContestant(rig, 'expunge', { split: 'apart', roles: ['ingress'], env: options.env, profileDir: options.profileDir });
  try {
    await handled(rig, ingress, 'new', userRequests(WARM_UP).requests);
    for (let n = 0; n < options.repetitions; n++) {
      const { requests } = userRequests(options.requests);
      const again = Array.from({ length: options.repeats }, () => requests).flat();
      const turn = [await handled(rig, ingress, 'new', requests)];
      // As soon as a worker claims them it is known without asking Temporal; one in two has ended.
      turn.push(await handled(rig, ingress, 'not claimed yet', requests));
      await rig.ledger.rows(
        `UPDATE deletions SET claimed_run = request_id, status = CASE WHEN hashtext(request_id) % 2 = 0 THEN 'COMPLETED' ELSE 'SENT_TO_AIRFLOW' END
          WHERE request_id = ANY($1)`,
        [requests.map(({ requestId }) => requestId)],
      );
      turn.push(await handled(rig, ingress, 'claimed or ended', again));
      rig.say(`  ${turn.map((one) => `${one.case}: ${one.perSecond.toFixed(0)}/s`).join(', ')}`);
      found.push(...turn);
    }
  } finally {
    await ingress.stop();
  }
  return report(found, options);
}

/** Lays requests into the topic while the ingress stands still, then lets it go and waits until all are handled. */
async function handled(rig: Rig, ingress: RunningContestant, name: Case, requests: readonly RequestMessage[]): Promise<Found> {
  const done = (): Promise<number> => ingress.metric('expunge_messages_total', { group: 'expunge-ingress', outcome: 'done' });
  const pids = { ...rig.partPids(), driver: process.pid, ...ingress.pids() };
  const goal = (await done()) + requests.length;
  const startedStillMs = performance.now();
  still(ingress, 'SIGSTOP');
  try {
    for (let n = 0; n < requests.length; n += CHUNK) await rig.driver.send(requests.slice(n, n + CHUNK).map(({ record }) => record));
  } finally {
    still(ingress, 'SIGCONT');
  }
  const stillSeconds = (performance.now() - startedStillMs) / 1000;
  if (stillSeconds > MOST_SECONDS_STILL) rig.say(`  the ingress stood still for ${stillSeconds.toFixed(1)} s: it may have lost its partitions, take fewer requests`);
  const startedAtMs = performance.now();
  const before = readCpu(pids);
  const deadline = startedAtMs + 60_000 + requests.length * 50;
  while ((await done()) < goal) {
    if (performance.now() > deadline) throw new Error(`The ingress has not handled ${requests.length} requests (${name}) in time`);
    await sleep(POLL_MS);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  const { byName } = cpuBetween(before, readCpu(pids));
  await sleep(1_000); // the last commit
  return { case: name, requests: requests.length, perSecond: requests.length / seconds, cpuMs: Object.fromEntries(Object.entries(byName).map(([part, ms]) => [part, ms / requests.length])) };
}

function still(ingress: RunningContestant, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of Object.values(ingress.pids())) process.kill(pid, signal);
}

function report(found: readonly Found[], { repetitions, requests, repeats }: IngressOptions): SectionReport {
  const of = (name: Case): readonly Found[] => found.filter((one) => one.case === name);
  const rate = (name: Case): Spread => spreadOf(of(name).map(({ perSecond }) => perSecond));
  const parts = Object.keys(found[0]?.cpuMs ?? {});
  const duplicates = rate('claimed or ended');
  return {
    section: 'Ingress alone',
    tables: [{
      title: `Requests a second, middle (least to greatest) of ${repetitions} repetitions with ${requests} new users; no worker runs`,
      head: ['', 'a second', ...parts.map((part) => `${part}, CPU ms each`)],
      rows: CASES.map((name) => [
        name === 'new' ? 'new: into the ledger and started' : `duplicates, ${name}${name === 'claimed or ended' ? `, ${repeats} of each` : ''}`,
        spreadText(rate(name)),
        ...parts.map((part) => shown(spreadOf(of(name).map(({ cpuMs }) => cpuMs[part] ?? 0)).median)),
      ]),
    }],
    goals: [{ what: 'duplicates of requests that are claimed or ended', goal: `at least ${GOAL_DUPLICATES_PER_SECOND}/s`, found: `${shown(duplicates.median)}/s`, met: duplicates.median >= GOAL_DUPLICATES_PER_SECOND }],
    data: found,
  };
}
