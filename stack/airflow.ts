import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostAndPortOfUrl } from './addresses.js';
import { pythonEnvironment, type PythonRequirements } from './fetch/python.js';
import type { AirflowMode, Launch, Part, PartContext, Program } from './parts.js';
import { httpAnswers } from './probes.js';

export const AIRFLOW_VERSION = '3.3.2';
const KAFKA_PROVIDER = 'apache-airflow-providers-apache-kafka';
const PYTHON_MINIMUM = [3, 11] as const;
const USER = 'admin';

export const AIRFLOW_FOLDER = fileURLToPath(new URL('../airflow', import.meta.url));
const REMEDY = 'install Python 3.11 or newer with venv and pip (Debian: python3-venv), or set AIRFLOW_API_URL to an Airflow that runs.';

async function simulatorRequirements(): Promise<PythonRequirements> {
  const file = join(AIRFLOW_FOLDER, 'requirements-simulator.txt');
  return { name: 'airflow-simulator', minimum: PYTHON_MINIMUM, installs: [['-r', file]], fingerprint: await readFile(file, 'utf8') };
}

async function airflowRequirements(): Promise<PythonRequirements> {
  const file = join(AIRFLOW_FOLDER, 'requirements.txt');
  const airflow = [`apache-airflow==${AIRFLOW_VERSION}`, KAFKA_PROVIDER];
  return {
    name: `airflow-${AIRFLOW_VERSION}`,
    minimum: PYTHON_MINIMUM,
    installs: [[...airflow, '-r', file]],
    fingerprint: `${airflow.join('\n')}\n${await readFile(file, 'utf8')}`,
  };
}

const environmentOf = (requirements: PythonRequirements, context: PartContext): Promise<string> =>
  pythonEnvironment(requirements, { cacheDir: context.cacheDir, env: context.environment, remedy: REMEDY, signal: context.signal });

/** What the erasers need to know, in the simulator and in Airflow alike. */
export function eraserEnv(context: Pick<PartContext, 'environment' | 'stackEnv'>): Record<string, string | undefined> {
  return { ...context.environment, ...context.stackEnv };
}

const common = {
  name: 'airflow',
  addressVariable: 'AIRFLOW_API_URL',
  variablePrefixes: ['AIRFLOW_', 'ERASER'],
  ports: [{ key: 'airflow', variable: 'STACK_AIRFLOW_PORT', usual: 8080 }],
  hostAndPort: (url) => hostAndPortOfUrl(url, 80),
  // No Airflow of the machine is taken: it would need this project's packages, and it has its own DAGs.
  findOnMachine: () => Promise.resolve(undefined),
  isHealthy: (env) => httpAnswers(`${env['AIRFLOW_API_URL'] ?? ''}/api/v2/monitor/health`),
} as const satisfies Partial<Part>;

const simulated: Part = {
  ...common,
  title: 'Airflow (simulated)',
  composeServices: [],
  env: (ports) => ({ AIRFLOW_API_URL: `http://127.0.0.1:${ports['airflow']}` }),
  async fetch(context) {
    const bin = await environmentOf(await simulatorRequirements(), context);
    return { label: 'the simulator in airflow/simulator', command: join(bin, 'python') };
  },
  fetchNote: 'preparing the Python environment (once, about 15 s)',
  async launch(program: Program, context: PartContext): Promise<Launch> {
    await mkdir(context.dataDir, { recursive: true });
    return {
      command: program.command,
      args: ['-m', 'simulator', '--host', '127.0.0.1', '--port', String(context.ports['airflow'])],
      env: { ...eraserEnv(context), PYTHONUNBUFFERED: '1' },
      cwd: AIRFLOW_FOLDER,
      stopGraceMs: 5_000,
    };
  },
  startTimeoutMs: 30_000,
};

/** Airflow's own settings for one machine: SQLite, one user with a made password, nothing but this project's DAGs. */
export function airflowSettings(context: Pick<PartContext, 'dataDir' | 'ports'>, passwordsFile: string): Record<string, string> {
  const url = `http://127.0.0.1:${context.ports['airflow']}`;
  return {
    AIRFLOW_HOME: context.dataDir,
    AIRFLOW__CORE__DAGS_FOLDER: join(AIRFLOW_FOLDER, 'dags'),
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
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

const real: Part = {
  ...common,
  title: 'Airflow',
  composeServices: ['airflow'],
  env: (ports, secrets) => ({
    AIRFLOW_API_URL: `http://127.0.0.1:${ports['airflow']}`,
    AIRFLOW_USERNAME: USER,
    AIRFLOW_PASSWORD: secrets.airflowPassword,
  }),
  async fetch(context) {
    const bin = await environmentOf(await airflowRequirements(), context);
    return { label: `Airflow ${AIRFLOW_VERSION}`, command: join(bin, 'airflow') };
  },
  fetchNote: 'installing Airflow in a Python environment (once, about a minute)',
  async launch(program: Program, context: PartContext): Promise<Launch> {
    await mkdir(context.dataDir, { recursive: true });
    const passwordsFile = join(context.dataDir, 'passwords.json');
    await writeFile(passwordsFile, JSON.stringify({ [USER]: context.secrets.airflowPassword }), { mode: 0o600 });
    return {
      command: program.command,
      args: ['standalone'],
      env: {
        ...eraserEnv(context),
        ...airflowSettings(context, passwordsFile),
        PATH: `${dirname(program.command)}:${context.environment['PATH'] ?? ''}`,
      },
      cwd: context.dataDir,
      stopSignal: 'SIGINT', // `standalone` takes its children down on it
      stopGraceMs: 20_000,
    };
  },
  startTimeoutMs: 240_000,
};

/** Airflow as a part of the stack: the simulator, or the real one. */
export const airflowPart = (mode: Exclude<AirflowMode, 'none'>): Part => (mode === 'real' ? real : simulated);
