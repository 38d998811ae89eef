import { setTimeout as sleep } from 'node:timers/promises';
import { openAirflowWatch, type AirflowWatch } from '../airflow-watch.js';
import { provision, startContestant } from '../contestants.js';
import { serviceRequests, type Requests } from '../load/requests.js';
import { steady, type LoadFigures } from '../load/run-load.js';
import { spreadOf, type Spread } from '../measure/statistics.rules.js';
import { shown, spreadText, type SectionReport } from '../report/report.js';
import type { Rig } from '../rig.js';
import { addErasable } from './bulkhead-data.js';

export interface BulkheadOptions {
  readonly airflow: 'simulated' | 'real';
  readonly repetitions: number;
  readonly emails: number;
  readonly emailsPerSecond: number;
  /** Slow runs that are asked for before; more than the lane takes. */
  readonly hadoops: number;
  readonly hadoopMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/** As bench/erasers.yaml caps it. */
const LANE_TAKES = 2;
const HEAVY_DAG = 'service_cleanup_dag__heavy';
const EMAIL_MS = 100;
const GOAL = 1.2;
const POLL_MS = 250;
const LANE_FULL_WITHIN_MS = 120_000;
const WARM_UP = 40;

/** Quick deletions beside a lane that is full of slow ones. */
export async function runBulkhead(rig: Rig, options: BulkheadOptions): Promise<SectionReport> {
  const watch = await openAirflowWatch(rig.env);
  await rig.freshTemporal();
  const running = await startContestant(rig, 'expunge', { split: 'apart', roles: ['worker', 'ingress', 'trigger', 'result', 'relay', 'api'], env: options.env });
  const without: LoadFigures[] = [];
  const beside: LoadFigures[] = [];
  try {
    const emails = async (count = options.emails): Promise<LoadFigures> => steady(rig.driver, (await made(rig, options, count, 'email-service')).requests, options.emailsPerSecond);
    if (options.airflow === 'simulated') await watch.setDurations({ 'email-service': EMAIL_MS });
    await emails(options.airflow === 'simulated' ? WARM_UP : 2);
    for (let n = 0; n < options.repetitions; n++) {
      without.push(await emails());
      beside.push(await besideFullLane(rig, watch, options, emails));
      rig.say(`  Email p95: ${without.at(-1)?.latencyMs.p95.toFixed(0) ?? ''} ms alone, ${beside.at(-1)?.latencyMs.p95.toFixed(0) ?? ''} ms beside a full lane`);
    }
  } finally {
    await running.stop();
  }
  return report(without, beside, options);
}

async function besideFullLane(rig: Rig, watch: AirflowWatch, options: BulkheadOptions, emails: () => Promise<LoadFigures>): Promise<LoadFigures> {
  if (options.airflow === 'simulated') await watch.setDurations({ 'hadoop-cluster': options.hadoopMs });
  const slow = await made(rig, options, options.hadoops, 'hadoop-cluster');
  await rig.driver.send(slow.requests.map(({ record }) => record));
  const isFull = async (): Promise<boolean> => (await watch.runs(HEAVY_DAG, 'running')) >= LANE_TAKES;
  const deadline = Date.now() + LANE_FULL_WITHIN_MS;
  while (!(await isFull())) {
    if (Date.now() > deadline) throw new Error(`The lane was not full ${LANE_FULL_WITHIN_MS / 1000} s after its requests`);
    await sleep(POLL_MS);
  }
  const found = await emails();
  // A lane that had run empty meanwhile would have proved nothing.
  if (!(await isFull())) throw new Error('The lane was no longer full when the quick deletions were done: ask for more slow ones');
  if (options.airflow === 'simulated') await watch.setDurations({ 'hadoop-cluster': 0 });
  await rig.driver.allSeen(slow.requests.map(({ requestId }) => requestId), options.hadoopMs * 2 + LANE_FULL_WITHIN_MS);
  return found;
}

/** New services that the inventory knows, each with something to erase. One to a tenant, so that nothing but lanes is shared. */
async function made(rig: Rig, { airflow, hadoopMs }: BulkheadOptions, count: number, serviceType: 'email-service' | 'hadoop-cluster'): Promise<Requests> {
  const requests = serviceRequests(count, 1, serviceType);
  await provision(rig, requests);
  if (airflow === 'real') await addErasable(rig.env['ERASER_APP_DB_URL'] ?? '', serviceType === 'email-service' ? 'mailboxes' : 'hadoop_blocks', requests, hadoopMs / 1000);
  return requests;
}

function report(without: readonly LoadFigures[], beside: readonly LoadFigures[], { airflow, repetitions, emails, emailsPerSecond, hadoops, hadoopMs }: BulkheadOptions): SectionReport {
  const of = (found: readonly LoadFigures[], name: 'p50' | 'p95' | 'p99'): Spread => spreadOf(found.map(({ latencyMs }) => latencyMs[name]));
  const ratio = of(beside, 'p95').median / of(without, 'p95').median;
  const row = (name: string, found: readonly LoadFigures[]): string[] => [name, ...(['p50', 'p95', 'p99'] as const).map((percentile) => spreadText(of(found, percentile)))];
  return {
    section: `Bulkhead, Airflow ${airflow}`,
    tables: [{
      title: `${emails} Email deletions at ${shown(emailsPerSecond)} a second, latency in ms; middle (least to greatest) of ${repetitions} repetitions. The other lane takes ${LANE_TAKES} runs and has ${hadoops} of ${hadoopMs / 1000} s`,
      head: ['', 'p50', 'p95', 'p99'],
      rows: [row('alone', without), row('beside a full Hadoop lane', beside)],
    }],
    goals: [{ what: `Email p95 beside a full Hadoop lane, Airflow ${airflow}`, goal: `at most ${GOAL} times`, found: shown(ratio), met: ratio <= GOAL }],
    data: { without, beside },
  };
}
