import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { acquire, type Tell } from './acquire.js';
import { airflowPart } from './airflow.js';
import { composeArgs, composeDown, engineRuns } from './compose.js';
import { defaultCacheDir } from './fetch/cache.js';
import { kafka } from './kafka.js';
import { givingUpTogether } from './give-up.js';
import { launchPart, type PartHandle, type PartSetting } from './part-handle.js';
import { PART_NAMES, type AirflowMode, type Durability, type KafkaOptions, type Part, type PartName, type PostgresOptions } from './parts.js';
import { postgres } from './postgres.js';
import { createProcessKeeper } from './processes.js';
import type { OnProgress } from './progress.js';
import { keepSecrets } from './secrets.js';
import { readStackSettings, type Environment } from './settings.js';
import { stackPorts, stackVariables } from './stack-env.js';
import { airflowMode, sourcesFor } from './sources.rules.js';
import { temporal } from './temporal.js';

export interface StackOptions {
  /** The environment of the person: addresses, ports, PATH. */
  readonly environment: Environment;
  /** All of them when left out; Airflow only if its mode is not `none`. */
  readonly parts?: readonly PartName[];
  /** STACK_AIRFLOW, and without that `simulated`, when left out. */
  readonly airflow?: AirflowMode;
  /** Where fetched programs are kept; per user when left out. */
  readonly cacheDir?: string;
  /** Where data and logs go; `.stack` when left out. */
  readonly dir?: string;
  /** `durable` when left out: data on disk, kept for the next run. */
  readonly durability?: Durability;
  /** `usual`: 7233, 9092 and so on where they are free. `any` when left out. */
  readonly ports?: 'usual' | 'any';
  readonly kafka?: KafkaOptions;
  readonly postgres?: PostgresOptions;
  /** More arguments for the Airflow simulator (`--duration-ms 50`). */
  readonly simulatorArgs?: readonly string[];
  readonly onProgress?: OnProgress;
  /** Told of a part that ends by itself, with how it ended. */
  readonly onPartEnded?: (part: PartName, how: string, logFile: string) => void;
  /** Gives the start up. */
  readonly signal?: AbortSignal;
}

export interface RunningStack {
  /** What the product and its tests need to know, by the names of the environment variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly parts: readonly PartHandle[];
  /** @throws Error when the stack was started without that part. */
  part(name: PartName): PartHandle;
  /** Stops all that was started here. May be called twice. */
  stop(): Promise<void>;
}

const definitions = (airflow: AirflowMode): Readonly<Partial<Record<PartName, Part>>> => ({
  temporal,
  kafka,
  postgres,
  ...(airflow === 'none' ? {} : { airflow: airflowPart(airflow) }),
});

/**
 * Brings the parts up side by side and waits until each answers.
 * @throws MissingToolError, PartFailedError, CommandFailedError; nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const { environment } = options;
  const settings = readStackSettings(environment);
  const dir = resolve(options.dir ?? '.stack');
  const durability = options.durability ?? 'durable';
  const all = definitions(airflowMode(options.airflow, settings.STACK_AIRFLOW));
  const wanted = (options.parts ?? PART_NAMES).flatMap((name) => all[name] ?? []);
  const local = wanted.filter((part) => !environment[part.addressVariable]);
  await mkdir(dir, { recursive: true });
  const secrets = await keepSecrets(dir);
  const engine = settings.STACK_SOURCES.includes('compose') && local.length > 0 && (await engineRuns(environment));

  const startedAt = performance.now();
  const start = givingUpTogether(options.signal);
  const tell =
    (part: Part): Tell =>
    (state, detail = '') =>
      options.onProgress?.({ part: part.name, title: part.title, state, detail, seconds: (performance.now() - startedAt) / 1000 });

  // All programs first: what must be built may take minutes, and ports that were chosen before could be taken by then.
  const acquired = await start.all(wanted, tell, async (part) => {
    tell(part)('looking');
    const addressSet = Boolean(environment[part.addressVariable]);
    const sources = sourcesFor({ addressSet, engineRuns: engine, composeServices: part.composeServices, allowed: settings.STACK_SOURCES });
    const cacheDir = options.cacheDir ?? defaultCacheDir(environment);
    const how = await acquire(part, sources, { cacheDir, environment, signal: start.signal, onFetching: () => undefined }, tell(part));
    if (how.source === 'registry') tell(part)('fetched', how.program.label);
    return { part, how };
  });
  if (acquired.failure !== undefined) throw acquired.failure;

  const { ports, variables } = await stackPorts(local, settings, options.ports);
  const stackEnv = await stackVariables(wanted, local, ports, secrets, environment, dir);
  const keeper = await createProcessKeeper();
  const composeEnv = {
    ...environment,
    ...stackEnv,
    ...variables,
    STACK_UID: String(process.getuid?.() ?? 50_000),
    STACK_FILES: join(dir, 'data', 'files'),
    POSTGRES_PASSWORD: secrets.postgresPassword,
    AIRFLOW_PASSWORD: secrets.airflowPassword,
  };
  let composeUsed = false;
  const setting: PartSetting = {
    dir,
    composeEnv,
    durability,
    keeper,
    onPartEnded: options.onPartEnded ?? (() => undefined),
    onComposeUsed: () => {
      if (!composeUsed) keeper.onParentDeath(['docker', ...composeArgs(dir, 'down')]);
      composeUsed = true;
    },
    context: (part) => ({
      dataDir: join(dir, 'data', part.name),
      environment,
      ports,
      secrets,
      durability,
      kafka: options.kafka ?? {},
      postgres: options.postgres ?? {},
      simulatorArgs: options.simulatorArgs ?? [],
      stackEnv,
      signal: start.signal,
    }),
  };
  const launched = await start.all(acquired.values, ({ part }) => tell(part), ({ part, how }) => launchPart(part, how, tell(part), startedAt, setting));
  start.over();
  const handles = launched.values;
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    await Promise.all(handles.map(async (handle) => {
      await handle.stop();
      await handle.forget();
    }));
    if (composeUsed) await composeDown(dir, composeEnv, durability !== 'durable');
    await keeper.close();
  };
  const stop = (): Promise<void> => (stopping ??= stopAll());
  if (launched.failure !== undefined) {
    await stop();
    throw launched.failure;
  }
  return {
    env: Object.assign({}, stackEnv, ...handles.map((handle) => handle.programEnv)) as Record<string, string>,
    parts: handles,
    part(name) {
      const handle = handles.find((candidate) => candidate.name === name);
      if (handle === undefined) throw new Error(`This stack was started without ${name}.`);
      return handle;
    },
    stop,
  };
}
