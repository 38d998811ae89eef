import { openDatabase } from '../../../store/database.js';
import { waitFor } from '../../support/wait-for.js';
import type { ChaosContext, Scenario } from '../scenario.js';

/** As the roles name their sessions; the harness has another name. */
const SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'expunge-%' AND pid <> pg_backend_pid()";

/** Ends sessions of the roles, each with this chance. @returns how many */
async function terminate({ house, random }: ChaosContext, chance: number): Promise<number> {
  const sessions = (await house.ledger.rows<{ pid: number }>(`${SESSIONS} ORDER BY pid`)).filter(() => random.number() < chance);
  await house.ledger.rows('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [sessions.map(({ pid }) => pid)]);
  return sessions.length;
}

/** Takes every connection that PostgreSQL has left, and each that becomes free, until it is told to give them back. */
async function takeAll(url: string): Promise<{ readonly taken: () => number; giveBack(): Promise<void> }> {
  const others = openDatabase({ url, poolSize: 1, applicationName: 'others' });
  const held: (() => Promise<void>)[] = [];
  let [over, refused] = [false, 0];
  const takeOne = async (): Promise<void> => {
    try {
      // One that listens is kept for as long as nobody ends it.
      held.push(await others.listen('nothing', () => undefined, () => undefined));
    } catch {
      refused++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const taking = Promise.all(Array.from({ length: 8 }, async () => {
    while (!over) await takeOne();
  }));
  await waitFor('no connection is left', () => refused > 0, 60_000);
  return {
    taken: () => held.length,
    giveBack: async () => {
      over = true;
      await taking;
      await Promise.all(held.map((end) => end()));
      await others.close();
    },
  };
}

const TOO_MANY = /too many clients|remaining connection slots/;

/** The ledger goes, or the way to it. */
export const postgresScenarios: readonly Scenario[] = [
  {
    name: 'postgresql is restarted, and killed',
    fault: 'PostgreSQL stopped and started under load, then `kill -9`',
    userSees: 'Requests wait in Kafka, running deletions where they are; the API says 503. All go on within seconds of its return.',
    promised: 'What was committed is there, what was not is done again; nothing is lost, sent as something else or kept as a dead letter.',
    // The erasers' database is on the same server: runs may fail with it, and are tried again.
    expects: { attempts: 'several' },
    inject: async ({ stack, byForm, pause, note, random, load, whenSomeAre, progress }) => {
      const downMs = byForm(1_000, 30_000);
      const first = await progress();
      await stack.part('postgres').stop();
      await pause(downMs);
      await stack.part('postgres').start();
      await whenSomeAre('completed', Math.ceil(load.ids.length * (0.1 + 0.3 * random.number())));
      const second = await progress();
      await stack.part('postgres').kill('SIGKILL');
      await pause(downMs);
      await stack.part('postgres').start();
      note(`stopped with ${first.received} received, killed with ${second.completed} completed, ${downMs / 1_000} s out each time`);
    },
  },
  {
    name: 'connections to postgresql are cut, and run out',
    fault: 'Connections to PostgreSQL reset by the network or ended by an administrator, at random; then every connection taken by others',
    userSees: 'Deletions take a little longer.',
    promised: 'Each transaction that was cut is done again, once; nothing is lost or done twice.',
    expects: { attempts: 'several' },
    inject: async (context) => {
      const { house, postgres, random, byForm, pause, note } = context;
      let [reset, terminated] = [0, 0];
      for (let round = 0; round < byForm(8, 80); round++) {
        if (random.number() < 0.5) reset += postgres.reset(() => random.number() < 0.5);
        else terminated += await terminate(context, 0.5);
        await pause(random.between(50, 500));
      }
      const others = await takeAll(house.env['DATABASE_URL'] ?? '');
      // The roles have theirs still; whoever asks anew gets none.
      const cut = postgres.reset();
      const since = performance.now();
      try {
        await waitFor('a role is refused a connection', async () => TOO_MANY.test(await house.logs()), 30_000);
        await pause(byForm(2_000, 20_000));
      } finally {
        note(`${reset} connections reset, ${terminated} ended; then ${others.taken()} taken by others for ${((performance.now() - since) / 1_000).toFixed(1)} s, and ${cut} cut`);
        await others.giveBack();
      }
    },
  },
  {
    name: 'postgresql falls silent',
    fault: 'The network swallows everything to and from PostgreSQL: no answer, no reset. Later new connections work, old ones stay silent',
    userSees: 'Everything stands still, and goes on once the network is back.',
    promised: 'No process waits for ever: a silent connection is given up 5 s after DATABASE_STATEMENT_TIMEOUT, and what it was asked is done again.',
    expects: { attempts: 'several' },
    inject: async ({ postgres, byForm, pause, note }) => {
      const ms = byForm(3_000, 60_000);
      const swallowed = postgres.open();
      postgres.blackHole();
      await pause(ms);
      postgres.pass();
      note(`silent for ${ms / 1_000} s, ${swallowed} connections never heard of again`);
    },
  },
];
