import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApiReader } from '../../client/api-reader.js';
import { loadConfig } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { openDatabase, type Database } from '../../store/database.js';
import { outboxStats } from '../../store/outbox.js';
import { writeEnvFile } from '../env-file.js';
import { createProcessKeeper, lastLines } from '../processes.js';
import { showProgress } from '../progress.js';
import { markHolder } from '../holder.js';
import { readStackSettings, type Environment } from '../settings.js';
import { startStack } from '../start.js';
import { openDemoBus } from './bus.js';
import { writeScript } from './cases.js';
import type { Paint } from './colours.js';
import { openDemoData } from './data.js';
import { judge } from './expectations.rules.js';
import { play } from './play.js';
import { renderReport } from './report.js';
import { rolesEnv, startRoles } from './roles.js';
import { seconds } from './rows.rules.js';
import { openScreen, type ScreenOutput } from './screen.js';
import { refuseUsedLedger, setUp } from './set-up.js';
import type { FeedLine } from './table.rules.js';

const ERASERS = fileURLToPath(new URL('./erasers.yaml', import.meta.url));
/** How long each erasure of the simulator takes: long enough to be seen. */
const SIMULATED_ERASURE_MS = 1_500;
/** From the first message to the last. */
const PATIENCE_MS = { simulated: 150_000, real: 600_000 } as const;
/** Airflow's own task of the real DAG is tried three times before its run fails. */
const TRIES_OF_ONE_RUN = { simulated: 1, real: 3 } as const;

export interface DemoOptions {
  readonly environment: Environment;
  /** Everything of the demo is below it. */
  readonly dir: string;
  readonly logs: string;
  readonly exitWhenOver: boolean;
  readonly output: ScreenOutput;
  readonly paint: Paint;
  readonly interrupted: AbortSignal;
}

/** Undoes in the opposite order what was done. */
class Undo {
  readonly #steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  async all(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) await step();
  }
}

/** Runs the demo. @returns the exit code: 0 when every outcome was the expected one. @throws when a part does not come up or dies */
export async function runDemo(options: DemoOptions): Promise<number> {
  const undo = new Undo();
  const over = new AbortController();
  const { output, interrupted } = options;
  interrupted.addEventListener('abort', () => over.abort(interrupted.reason));
  try {
    return await demo(options, undo, over);
  } catch (error) {
    if (interrupted.aborted) return 130;
    throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    output.write('Stopping what was started …\n');
    await undo.all();
  }
}

async function demo({ environment, dir, logs, exitWhenOver, output, paint, interrupted }: DemoOptions, undo: Undo, over: AbortController): Promise<number> {
  const startedAtMs = Date.now();
  const say = (text: string): void => void output.write(`${text}\n`);
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const begunAtMs = Date.now();
    const result = await work();
    say(`  ${paint('good', '✓')} ${what.padEnd(60)} ${seconds(Date.now() - begunAtMs).padStart(8)}`);
    return result;
  };
  const airflow = readStackSettings(environment).STACK_AIRFLOW;
  if (airflow === 'none') throw new Error('The demo needs an Airflow: set STACK_AIRFLOW to simulated or real, or unset it.');
  await markHolder(dir);
  undo.add(() => rm(join(dir, 'holder'), { force: true }));
  await mkdir(logs, { recursive: true });
  await rm(join(logs, 'expunge.log'), { force: true });

  const died = (why: Error): void => over.abort(why);

  say(paint('strong', 'The stack'));
  const stack = await startStack({
    environment: { ...environment, ERASERS_FILE: ERASERS },
    dir, durability: 'throwaway', airflow,
    // A person finds the usual ones again; several unattended demos on one machine keep out of each other's way.
    ports: exitWhenOver ? 'any' : 'usual', signal: over.signal,
    simulatorArgs: ['--duration-ms', String(SIMULATED_ERASURE_MS)],
    onProgress: showProgress(output),
    onPartEnded: (part, how, logFile) => {
      died(new Error(`${part} ended by itself (${how}). The end of ${logFile}:\n${lastLines(logFile, 8)}`));
    },
  });
  undo.add(() => stack.stop());
  over.signal.throwIfAborted();

  say(paint('strong', '\nExpunge'));
  const env = rolesEnv(environment, stack.env);
  const config = loadConfig(env, { roles: ['worker', 'api'] });
  const log = createLog({ level: 'info', destination: createWriteStream(join(logs, 'demo.log')) });
  const open = (url: string): Database => {
    const database = openDatabase({ url, poolSize: 3, applicationName: 'expunge demo', onError: (error) => log.warn({ err: error }, 'a database connection broke') });
    undo.add(() => database.close());
    return database;
  };
  const ledger = open(config.database.url);
  const data = openDemoData(open(stack.env['ERASER_APP_DB_URL'] ?? ''), stack.env['ERASER_APP_FILES_URL'] ?? '');
  const script = writeScript(new Date());

  await step('schema, topics and search attributes are made', () => setUp(config, log));
  await refuseUsedLedger(ledger, script.cases.flatMap((one) => (one.kind === 'deletion' ? [one.requestId] : [])));
  const feed: FeedLine[] = [];
  let playedAtMs = Date.now();
  const [, bus, roles] = await Promise.all([
    step('tables and folders are filled', async () => {
      await data.fill();
      await data.refuseMailbox('shop-mail', TRIES_OF_ONE_RUN[airflow]);
    }),
    openDemoBus(config, log, (topic, about, text) => feed.push({ atMs: Date.now() - playedAtMs, topic, about, text })),
    step('all roles run and are ready', async () => {
      const keeper = await createProcessKeeper();
      undo.add(() => keeper.close());
      const running = await startRoles(keeper, env, join(logs, 'expunge.log'), over.signal);
      undo.add(() => running.stop());
      return running;
    }),
  ]);
  undo.add(() => bus.close());
  void roles.ended.then(died);
  await writeEnvFile(join(dir, 'env'), stack.env);
  undo.add(() => rm(join(dir, 'env'), { force: true }));

  if (airflow === 'real') say('  Airflow tries a task three times, ever further apart, before its run fails: acme/shop-mail takes about 90 s.');
  say('');
  playedAtMs = Date.now();
  const screen = openScreen(output, paint);
  const webUi = stack.env['TEMPORAL_UI_URL'];
  const { seen, missing } = await play({
    script, api: createApiReader(config.client.apiUrl, { token: config.client.apiToken }), bus, data, screen, feed,
    outboxIsEmpty: async () => (await outboxStats(ledger)).unsent === 0,
    startedAtMs: playedAtMs, deadlineMs: playedAtMs + PATIENCE_MS[airflow],
    heading: webUi === undefined ? '' : ` · ${webUi}`, signal: over.signal,
  }).finally(() => screen.close());

  const expectations = judge(script, seen);
  say(renderReport(script, seen, expectations, { webUi, airflowUi: airflow === 'real' ? stack.env['AIRFLOW_API_URL'] : undefined }, paint));
  if (missing !== undefined) say(paint('bad', `✗ Not over after ${seconds(Date.now() - playedAtMs)}: ${missing}`));
  say(`The deletions took ${seconds(Date.now() - playedAtMs)}, the whole demo ${seconds(Date.now() - startedAtMs)}.`);
  const code = missing === undefined && expectations.every(({ holds }) => holds) ? 0 : 1;
  if (exitWhenOver) return code;

  say([
    '', paint('strong', 'Everything stays up until Ctrl-C.'),
    ...(webUi === undefined ? [] : [`  Temporal Web UI  ${webUi}`]),
    `  Status page      ${config.client.apiUrl}/ui/`,
    `  API              ${config.client.apiUrl}/docs (token: npm run --silent token -- --role operator --stack ${relative(process.cwd(), dir)})`,
    `  Airflow          ${stack.env['AIRFLOW_API_URL'] ?? ''}${airflow === 'real' ? '' : ' (simulated)'}`,
    `  Logs             ${relative(process.cwd(), logs)}`,
    `  Ask it yourself  set -a; . ${relative(process.cwd(), join(dir, 'env'))}; set +a; npm run expunge -- status uuid-1234`,
  ].join('\n'));
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve()));
  clearInterval(alive);
  say('');
  if (!interrupted.aborted) throw over.signal.reason;
  return code;
}
