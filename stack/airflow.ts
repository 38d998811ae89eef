import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { hostAndPortOfUrl } from './addresses.js';
import { pythonEnvironment, type PythonRequirements } from './fetch/python.js';
import { PartFailedError } from './errors.js';
import { runCommand } from './fetch/commands.js';
import type { AirflowMode, FetchContext, Launch, Part, PartContext, Program } from './parts.js';
import type { Environment } from './settings.js';

export const AIRFLOW_VERSION = '3.3.2';
const KAFKA_PROVIDER = 'apache-airflow-providers-apache-kafka';
const PYTHON_MINIMUM = [3, 11] as const;
const USER = 'admin';
const DAGS_TIMEOUT_MS = 90_000;

export const AIRFLOW_FOLDER = fileURLToPath(new URL('../airflow', import.meta.url));
const REMEDY = 'install Python 3.11 or newer with venv and pip (Debian: python3-venv), or set AIRFLOW_API_URL to an Airflow that runs.';

async function simulatorRequirements(): Promise<PythonRequirements> {
  const file = join(AIRFLOW_FOLDER, 'requirements-simulator.txt');
  return { name: 'airflow-simulator', minimum: PYTHON_MINIMUM, installs: [['-r', file]], fingerprint: await readFile(file, 'utf8') };
}

/** What a real Airflow is installed from. */
export async function airflowRequirements(): Promise<PythonRequirements> {
  const file = join(AIRFLOW_FOLDER, 'requirements.txt');
  const airflow = [`apache-airflow==${AIRFLOW_VERSION}`, KAFKA_PROVIDER];
  return {
    name: `airflow-${AIRFLOW_VERSION}`,
    minimum: PYTHON_MINIMUM,
    installs: [[...airflow, '-r', file]],
    fingerprint: `${airflow.join('\n')}\n${await readFile(file, 'utf8')}`,
  };
}

const environmentOf = (requirements: PythonRequirements, context: FetchContext): Promise<string> =>
  pythonEnvironment(requirements, {
    cacheDir: context.cacheDir,
    env: context.environment,
    remedy: REMEDY,
    signal: context.signal,
    onFetching: context.onFetching,
  });

/** What the erasers need to know, in the simulator and in Airflow alike; a person's own settings come first. */
export function eraserEnv(context: Pick<PartContext, 'environment' | 'stackEnv'>): Record<string, string | undefined> {
  return { ...context.environment, ...context.stackEnv };
}

/** Which erasers there are and where their stores are, for a stack that was told nothing else. */
export function eraserDefaults(dir: string, environment: Environment, databaseUrl: string | undefined): Record<string, string> {
  const files = join(dir, 'data', 'files');
  const appDatabase = environment['ERASER_APP_DB_URL'] ?? databaseUrl;
  return {
    ERASERS_FILE: environment['ERASERS_FILE'] ?? join(AIRFLOW_FOLDER, 'erasers.example.yaml'),
    ERASER_APP_FILES_URL: environment['ERASER_APP_FILES_URL'] ?? pathToFileURL(files).href,
    ...(appDatabase === undefined ? {} : { ERASER_APP_DB_URL: appDatabase }),
  };
}

const health = z.record(z.string(), z.object({ status: z.string().nullable() }));

/** Whether all the named components of an Airflow say that they are healthy. */
async function isHealthy(url: string, components: readonly string[]): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/v2/monitor/health`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) return false;
    const answer = health.parse(await response.json());
    return components.every((component) => answer[component]?.status === 'healthy');
  } catch {
    return false; // not listening yet, or not answering as Airflow does
  }
}

const common = {
  name: 'airflow',
  addressVariable: 'AIRFLOW_API_URL',
  variablePrefixes: ['AIRFLOW_', 'ERASER'],
  ports: [{ key: 'airflow', variable: 'STACK_AIRFLOW_PORT', usual: 8080 }],
  hostAndPort: (url) => hostAndPortOfUrl(url, 80),
  // No Airflow of the machine is taken: it would need this project's packages, and it has its own DAGs.
  findOnMachine: () => Promise.resolve(undefined),
  env: (ports, secrets) => ({
    AIRFLOW_API_URL: `http://127.0.0.1:${ports['airflow']}`,
    AIRFLOW_USERNAME: USER,
    AIRFLOW_PASSWORD: secrets.airflowPassword,
  }),
} as const satisfies Partial<Part>;

const simulated: Part = {
  ...common,
  title: 'Airflow (simulated)',
  composeServices: [],
  async fetch(context) {
    const bin = await environmentOf(await simulatorRequirements(), context);
    return { label: 'the simulator in airflow/simulator', command: join(bin, 'python') };
  },
  fetchNote: 'preparing the Python environment (once, about 15 s)',
  async launch(program: Program, context: PartContext): Promise<Launch> {
    await mkdir(context.dataDir, { recursive: true });
    const state = join(context.dataDir, 'runs.sqlite');
    return {
      command: program.command,
      args: ['-m', 'simulator', '--host', '127.0.0.1', '--port', String(context.ports['airflow']), '--state', state, ...context.simulatorArgs],
      env: {
        ...eraserEnv(context),
        SIMULATOR_USERNAME: USER,
        SIMULATOR_PASSWORD: context.secrets.airflowPassword,
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
      },
      cwd: AIRFLOW_FOLDER,
      stopGraceMs: 5_000,
    };
  },
  isHealthy: (env) => isHealthy(env['AIRFLOW_API_URL'] ?? '', ['metadatabase', 'scheduler']),
  startTimeoutMs: 30_000,
};

/** Airflow's own settings for one machine: SQLite, one user with a made password, nothing but this project's DAGs. */
export function airflowSettings(context: Pick<PartContext, 'dataDir' | 'ports'>, passwordsFile: string): Record<string, string> {
  const url = `http://127.0.0.1:${context.ports['airflow']}`;
  return {
    AIRFLOW_HOME: context.dataDir,
    AIRFLOW__CORE__DAGS_FOLDER: join(AIRFLOW_FOLDER, 'dags'),
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__CORE__PARALLELISM: '16',
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `${url}/execution/`,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS: `${USER}:admin`,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE: passwordsFile,
    AIRFLOW__API__HOST: '127.0.0.1',
    AIRFLOW__API__PORT: String(context.ports['airflow']),
    AIRFLOW__API__BASE_URL: url,
    AIRFLOW__API__WORKERS: '1',
    AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL: '5',
    AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC: '1',
    AIRFLOW__LOGGING__LOGGING_LEVEL: 'WARNING',
    PYTHONPATH: AIRFLOW_FOLDER,
  };
}

/**
 * `airflow standalone` runs its components as `airflow …` from PATH; this one keeps them from serving their logs on all
 * network interfaces, which they cannot be told otherwise. The API server reads the same log files from disk.
 */
const componentScript = (airflow: string): string => `#!/bin/sh
case "$1" in
  scheduler | triggerer) exec '${airflow}' "$@" --skip-serve-logs ;;
  *) exec '${airflow}' "$@" ;;
esac
`;

/** Creates the pools of the DAGs and waits until Airflow has read the DAGs. */
async function prepareDags(program: Program, context: PartContext): Promise<void> {
  const python = join(dirname(program.command), 'python');
  await runCommand(python, ['setup_pools.py'], { env: eraserEnv(context), cwd: AIRFLOW_FOLDER, signal: context.signal });
  const url = context.stackEnv['AIRFLOW_API_URL'] ?? '';
  const login = { username: USER, password: context.secrets.airflowPassword };
  const answer = await fetch(`${url}/auth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(login), signal: context.signal });
  const { access_token: token } = z.object({ access_token: z.string() }).parse(await answer.json());
  const deadline = Date.now() + DAGS_TIMEOUT_MS;
  for (;;) {
    const dags = await fetch(`${url}/api/v2/dags`, { headers: { authorization: `Bearer ${token}` }, signal: context.signal });
    if (dags.ok && z.object({ total_entries: z.number() }).parse(await dags.json()).total_entries > 0) return;
    if (Date.now() > deadline) {
      const errors = await fetch(`${url}/api/v2/importErrors`, { headers: { authorization: `Bearer ${token}` }, signal: context.signal });
      throw new PartFailedError(`Airflow has read no DAG from ${join(AIRFLOW_FOLDER, 'dags')} within ${DAGS_TIMEOUT_MS / 1000} s: ${await errors.text()}`);
    }
    await delay(250, undefined, { signal: context.signal });
  }
}

const real: Part = {
  ...common,
  title: 'Airflow',
  composeServices: ['airflow'],
  async fetch(context) {
    const bin = await environmentOf(await airflowRequirements(), context);
    return { label: `Airflow ${AIRFLOW_VERSION}`, command: join(bin, 'airflow') };
  },
  fetchNote: 'installing Airflow in a Python environment (once, about a minute)',
  async launch(program: Program, context: PartContext): Promise<Launch> {
    const scripts = join(context.dataDir, 'bin');
    await mkdir(scripts, { recursive: true });
    const script = join(scripts, 'airflow');
    await writeFile(script, componentScript(program.command));
    await chmod(script, 0o755);
    const passwordsFile = join(context.dataDir, 'passwords.json');
    await writeFile(passwordsFile, JSON.stringify({ [USER]: context.secrets.airflowPassword }), { mode: 0o600 });
    return {
      command: program.command,
      args: ['standalone'],
      env: {
        ...eraserEnv(context),
        ...airflowSettings(context, passwordsFile),
        PATH: `${scripts}:${dirname(program.command)}:${context.environment['PATH'] ?? ''}`,
      },
      cwd: context.dataDir,
      stopSignal: 'SIGINT', // `standalone` takes its children down on it
      stopGraceMs: 20_000,
    };
  },
  isHealthy: (env) => isHealthy(env['AIRFLOW_API_URL'] ?? '', ['metadatabase', 'scheduler', 'dag_processor']),
  afterStart: prepareDags,
  startTimeoutMs: 240_000,
};

/** Airflow as a part of the stack: the simulator, or the real one. */
export const airflowPart = (mode: Exclude<AirflowMode, 'none'>): Part => (mode === 'real' ? real : simulated);
