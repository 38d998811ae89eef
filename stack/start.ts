import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { airflowPart, eraserDefaults } from './airflow.js';
import { composeArgs, composeDown, engineRuns } from './compose.js';
import { GivenUpError, messageOf, MissingToolError, PartFailedError } from './errors.js';
import { defaultCacheDir } from './fetch/cache.js';
import { kafka } from './kafka.js';
import { startPart, type PartHandle, type PartSetting } from './part-handle.js';
import { PART_NAMES, type AirflowMode, type Durability, type KafkaOptions, type Part, type PartName } from './parts.js';
import { choosePorts } from './ports.js';
import { postgres } from './postgres.js';
import { createProcessKeeper } from './processes.js';
import type { OnProgress } from './progress.js';
import { keepSecrets } from './secrets.js';
import { readStackSettings, type Environment } from './settings.js';
import { airflowMode } from './sources.rules.js';
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

/** What the environment says about a part that it gives the address of. */
const fromEnvironment = (part: Part, environment: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value && part.variablePrefixes.some((prefix) => name.startsWith(prefix)) ? [[name, value]] : [],
    ),
  );

/** Within it, every part knows whether what it needs is there. */
const LOOKING_MS = 3_000;

/** One error for all that is missing, so that a person installs once. */
function summarise(failures: readonly unknown[]): Error {
  const missing = failures.filter((failure) => failure instanceof MissingToolError);
  if (missing.length > 0) return new MissingToolError(missing.map(({ message }) => message).join('\n'));
  const [first] = failures;
  return failures.length === 1 && first instanceof Error ? first : new PartFailedError(failures.map(messageOf).join('\n'));
}

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
  const wishes = [
    ...local.flatMap((part) => part.ports.map(({ key, variable, usual }) => ({ key, variable, usual }))),
    { key: 'api', variable: 'API_PORT' as const, usual: 8088 },
  ];
  const ports = await choosePorts(
    wishes.map(({ key, variable, usual }) => ({ name: key, fixed: settings[variable], usual: options.ports === 'usual' ? usual : undefined })),
  );

  const stackEnv: Record<string, string> = {
    API_PORT: String(ports['api']),
    EXPUNGE_API_URL: environment['EXPUNGE_API_URL'] ?? `http://127.0.0.1:${ports['api']}`,
    SUBJECT_PEPPER: environment['SUBJECT_PEPPER'] ?? secrets.subjectPepper,
    TENANT_PURGE_GRACE: environment['TENANT_PURGE_GRACE'] ?? '0s',
  };
  for (const part of wanted) {
    Object.assign(stackEnv, local.includes(part) ? part.env(ports, secrets) : fromEnvironment(part, environment));
  }
  if (wanted.some(({ name }) => name === 'airflow')) {
    Object.assign(stackEnv, eraserDefaults(dir, environment, stackEnv['ERASER_APP_DB_URL'] ?? stackEnv['DATABASE_URL']));
    await mkdir(join(dir, 'data', 'files'), { recursive: true });
  }

  const keeper = await createProcessKeeper();
  const abort = new AbortController();
  const giveUp = (): void => {
    abort.abort(new GivenUpError());
  };
  options.signal?.addEventListener('abort', giveUp);
  if (options.signal?.aborted === true) giveUp();
  const composeEnv = {
    ...environment,
    ...stackEnv,
    STACK_UID: String(process.getuid?.() ?? 50_000),
    STACK_FILES: join(dir, 'data', 'files'),
    ...Object.fromEntries(wishes.map(({ key, variable }) => [variable, String(ports[key])])),
    POSTGRES_PASSWORD: secrets.postgresPassword,
    AIRFLOW_PASSWORD: secrets.airflowPassword,
  };
  let composeUsed = false;
  const setting: PartSetting = {
    dir,
    environment,
    composeEnv,
    engineRuns: engine,
    allowedSources: settings.STACK_SOURCES,
    durability,
    keeper,
    onProgress: options.onProgress ?? (() => undefined),
    onPartEnded: options.onPartEnded ?? (() => undefined),
    onComposeUsed: () => {
      if (!composeUsed) keeper.onParentDeath(['docker', ...composeArgs(dir, 'down')]);
      composeUsed = true;
    },
    context: (part) => ({
      cacheDir: options.cacheDir ?? defaultCacheDir(environment),
      dataDir: join(dir, 'data', part.name),
      environment,
      ports,
      secrets,
      durability,
      kafka: options.kafka ?? {},
      simulatorArgs: options.simulatorArgs ?? [],
      stackEnv,
      signal: abort.signal,
      onFetching: () => undefined,
    }),
  };

  let lateGiveUp: NodeJS.Timeout | undefined;
  const started = await Promise.allSettled(
    wanted.map((part) =>
      startPart(part, setting).catch((error: unknown) => {
        // A missing tool leaves the others time to look too: all that is missing is told at once.
        if (error instanceof MissingToolError) lateGiveUp ??= setTimeout(giveUp, LOOKING_MS);
        else giveUp();
        throw error;
      }),
    ),
  );
  clearTimeout(lateGiveUp);
  options.signal?.removeEventListener('abort', giveUp);
  const handles = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    await Promise.all(handles.map((handle) => handle.stop()));
    if (composeUsed) await composeDown(dir, composeEnv, durability === 'throwaway');
    await keeper.close();
  };
  const stop = (): Promise<void> => (stopping ??= stopAll());

  const failures = started.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failures.length > 0) {
    await stop();
    const own = failures.filter((failure) => !(failure instanceof GivenUpError));
    throw summarise(own.length > 0 ? own : failures);
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
