import { TOPICS } from '../../../contracts/names/index.js';
import type { Attempt } from '../../../store/ledger/rows.js';
import { airflowResult } from '../../support/house-scenes.js';
import { waitFor } from '../../support/wait-for.js';
import { TOGETHER } from '../../support/house-roles.js';
import type { ChaosLoad } from '../load.js';
import type { ChaosContext, Scenario } from '../scenario.js';

/** Longer than AIRFLOW_REQUEST_TIMEOUT of the house. */
const TOO_SLOW_MS = 3_000;

/** What one POST of a run may meet. `after`: Airflow took the run, and its answer says otherwise or never comes. */
const ANSWERS = {
  'HTTP 500': { status: 500 },
  'HTTP 502 after it was taken': { status: 502, after: true },
  'HTTP 429': { status: 429, retry_after_s: 1 },
  'no connection': { status: 0 },
  'the answer lost': { status: 0, after: true },
  'too slow': { delay_ms: TOO_SLOW_MS },
} as const;
type Answer = keyof typeof ANSWERS;

/** Users whose first runs fail, and take their time: repeats of the failure come while the second runs. */
const VICTIMS = 3;
const VICTIM_RUN_MS = 2_000;
const UNKNOWN_JOBS = 5;
/** So many attempts at least outlast the pause of their DAG. */
const TIMED_OUT = 5;
/** Users of whose runs only the watcher tells. */
const MUTE = 8;

/** How many runs had been asked for a second time before. */
const conflictsBefore = new WeakMap<ChaosLoad, number>();

const usersOf = ({ load }: ChaosContext, from: number, count: number): readonly string[] => load.users.slice(from, from + count);

/** The results that Airflow gives again, late and out of order, and those that contradict it; of jobs that have a result. */
async function sendStrayResults({ house, load, random }: ChaosContext): Promise<number> {
  const attempts = await house.ledger.rows<Attempt>('SELECT * FROM attempts WHERE request_id = ANY($1) AND result IS NOT NULL ORDER BY job_id', [load.ids]);
  const stray = attempts.filter(() => random.number() < 0.5).flatMap(({ jobId, result }) => {
    if (result === 'FAILURE') return [airflowResult(jobId, 'FAILURE'), airflowResult(jobId, 'FAILURE')];
    return [airflowResult(jobId, 'SUCCESS'), airflowResult(jobId, 'FAILURE')];
  });
  if (stray.length > 0) await house.send(...random.shuffle(stray));
  return stray.length;
}

/** Airflow goes, lies, stutters and falls silent. */
export const airflowScenarios: readonly Scenario[] = [
  {
    name: 'airflow is down, slow and at fault',
    fault: 'Airflow down (60 s), then answering with 500, 429, too slowly, or taking a run and losing the answer',
    userSees: 'Deletions stay SENT_TO_AIRFLOW until Airflow answers; none fails for it.',
    promised: 'Every job is posted, and has one run, however often it had to be asked for. Nothing becomes a dead letter.',
    before: async (context) => {
      const { house, random, byForm, note, load } = context;
      conflictsBefore.set(load, (await house.airflow.stats()).conflicts);
      const downMs = byForm(3_000, 60_000);
      // Longer than the bridge waits before it asks again, 10 s after a long outage: a run that has told its result is not asked for any more.
      await house.airflow.turn('knobs', { duration_ms: byForm(4_000, 12_000) });
      await house.airflow.turn('http', { method: '*', status: 0, for_ms: downMs });
      const answers = random.shuffle(Object.keys(ANSWERS).flatMap((answer) => Array.from({ length: byForm(3, 12) }, () => answer as Answer)));
      for (const answer of answers) await house.airflow.turn('http', { ...ANSWERS[answer], times: 1 });
      // A run that is there already is looked at: that fails as well, for a while.
      await house.airflow.turn('http', { method: 'GET', status: 503, for_ms: downMs * 2 });
      note(`down for ${downMs / 1_000} s, then ${answers.length} POSTs: ${Object.keys(ANSWERS).join(', ')}`);
    },
    inject: async ({ house, byForm }) => {
      await waitFor('every fault was met', async () => (await house.airflow.faultsLeft()) === 0, byForm(60_000, 240_000), () => house.airflow.stats());
    },
    check: async ({ house, load, note }) => {
      const repeated = (await house.airflow.stats()).conflicts - (conflictsBefore.get(load) ?? 0);
      note(`${repeated} runs asked for twice`);
      if (repeated === 0) throw new Error('No run was asked for a second time: the lost answers did not reach the bridge');
    },
  },
  {
    name: 'results are lost, late, repeated and of others',
    fault: 'Results lost, published by nobody, doubled, out of order, contradicted, of an earlier attempt, of unknown jobs',
    userSees: 'Nothing: a lost result is found by the watcher, a stray one changes nothing.',
    promised: 'The first SUCCESS counts; a FAILURE of an earlier attempt does not fail the current one; an unknown job is a dead letter.',
    expects: { attempts: 'several', deadLetters: { [TOPICS.airflowResult]: UNKNOWN_JOBS } },
    before: async (context) => {
      const { house, byForm, note } = context;
      const victims = usersOf(context, 0, VICTIMS);
      await house.airflow.turn('knobs', { durations: Object.fromEntries(victims.map((user) => [user, VICTIM_RUN_MS])) });
      for (const subject of victims) await house.airflow.turn('fail', { subject, times: 1 });
      const lost = byForm(2, 10);
      for (const end of ['success', 'publish_failed', 'failed']) for (const subject of usersOf(context, VICTIMS + lost * ['success', 'publish_failed', 'failed'].indexOf(end), lost)) await house.airflow.turn('silent', { subject, end });
      note(`${lost * 3} results lost, ${victims.length} runs failed`);
    },
    inject: async (context) => {
      const { house, load, random, byForm, pause, note } = context;
      await house.send(...Array.from({ length: UNKNOWN_JOBS }, () => airflowResult(`del_req_${random.id('nobody')}`, random.pick(['SUCCESS', 'FAILURE'] as const))));
      const victims = usersOf(context, 0, VICTIMS);
      const until = performance.now() + byForm(4_000, 60_000);
      const givenUpAt = until + 60_000;
      let stray = 0;
      // For as long as the second runs of those whose first failed go on.
      for (let over = false; !over || performance.now() < until; ) {
        stray += await sendStrayResults(context);
        await pause(random.between(100, 600));
        const done = await house.ledger.rows("SELECT FROM deletions WHERE user_id = ANY($1) AND status = 'COMPLETED'", [victims]);
        over = done.length >= victims.length;
        if (performance.now() > givenUpAt) throw new Error(`Only ${done.length} of ${VICTIMS} users whose first run failed are deleted`);
      }
      const silent = await house.ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM attempts WHERE request_id = ANY($1)', [load.ids]);
      note(`${stray} stray results for ${silent[0]?.n ?? 0} attempts`);
    },
    check: async (context) => {
      const { house, load } = context;
      const victims = new Set(usersOf(context, 0, VICTIMS).map((user) => `user ${user}`));
      const firsts = load.requests.filter(({ subject }) => victims.has(subject)).map(({ requestId }) => requestId);
      const rows = await house.ledger.rows<{ userId: string; n: number }>('SELECT user_id, count(*)::int AS n FROM attempts JOIN deletions USING (request_id) WHERE request_id = ANY($1) GROUP BY user_id', [firsts]);
      const wrong = rows.filter(({ n }) => n !== 2);
      if (rows.length !== VICTIMS || wrong.length > 0) throw new Error(`Each of ${VICTIMS} users whose first run failed has two attempts, no more: ${JSON.stringify(rows)}`);
      const noted = await house.ledger.rows("SELECT FROM timeline WHERE request_id = ANY($1) AND (cause LIKE '%of an earlier or overdue attempt%' OR cause LIKE '%came after the end%') LIMIT 1", [load.ids]);
      if (noted.length === 0) throw new Error('No stray result is noted in a timeline: none reached the ledger');
    },
  },
  {
    name: 'a dag is paused beyond the timeout',
    fault: 'A DAG paused for longer than RESULT_TIMEOUT, and released; runs that outlast it; results that come after it',
    userSees: 'Deletions of that DAG are tried again and again, and end once it runs.',
    promised: 'Each timeout revokes its run: of the runs that waited, those of revoked attempts erase nothing. A SUCCESS of any attempt before the end completes.',
    setup: { env: { RESULT_TIMEOUT: '3s', AUTO_RETRIES: '100', RETRY_BACKOFF: '100ms', MAX_RETRY_BACKOFF: '200ms', WATCHER_INTERVAL: '5s' }, processes: TOGETHER },
    expects: { attempts: 'several' },
    before: async (context) => {
      const { house } = context;
      await house.airflow.pause('service_cleanup_dag', true);
      const [slow, mute] = [usersOf(context, 0, 3), usersOf(context, 3, MUTE)];
      await house.airflow.turn('knobs', { durations: Object.fromEntries(slow.map((user) => [user, 4_000])) });
      // Only the watcher can tell of these, and by then another attempt is under way.
      for (const subject of mute) await house.airflow.turn('silent', { subject, times: null, end: 'success' });
    },
    inject: async (context) => {
      const { house, load, byForm, pause, note } = context;
      const since = performance.now();
      await pause(byForm(6_000, 60_000));
      const timedOut = await waitFor('attempts time out', async () => {
        const [row] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM attempts JOIN deletions USING (request_id) WHERE request_id = ANY($1) AND kind = 'service' AND timed_out_at IS NOT NULL", [load.ids]);
        return row !== undefined && row.n >= TIMED_OUT && row.n;
      }, 60_000);
      await house.airflow.pause('service_cleanup_dag', false);
      note(`paused for ${((performance.now() - since) / 1_000).toFixed(0)} s, ${timedOut} attempts timed out`);
    },
    check: async (context) => {
      const { house } = context;
      const rows = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM attempts JOIN deletions USING (request_id) WHERE user_id = ANY($1) AND result = 'SUCCESS' AND attempts.attempt < deletions.attempt", [usersOf(context, 3, MUTE)]);
      const late = rows[0]?.n ?? 0;
      context.note(`${late} completed by a late SUCCESS of an earlier attempt`);
      if (late === 0) throw new Error('No late SUCCESS of an earlier attempt completed a deletion: the scenario shows nothing of it');
    },
  },
];
