import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTopics } from '../../bus/admin.js';
import { createKafka } from '../../bus/kafka.js';
import { topicSpecs } from '../../bus/topics.js';
import { loadConfig } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { AIRFLOW_FOLDER, airflowRequirements } from '../../stack/airflow.js';
import { defaultCacheDir } from '../../stack/fetch/cache.js';
import { pythonEnvironment, type PythonRequirements } from '../../stack/fetch/python.js';
import { startStack } from '../../stack/start.js';

// Runs the Python tests: those of the erasers and the simulator in a small environment, those of the DAGs in one with a
// real Airflow, both against a real Kafka and PostgreSQL. Arguments go to pytest; --junitxml names one report for each.

const REMEDY = 'install Python 3.11 or newer with venv and pip (Debian: python3-venv).';

async function testRequirements(): Promise<PythonRequirements> {
  const [tests, simulator] = await Promise.all(
    ['requirements-test.txt', 'requirements-simulator.txt'].map((name) => readFile(join(AIRFLOW_FOLDER, name), 'utf8')),
  );
  return { name: 'airflow-tests', minimum: [3, 11], installs: [['-r', join(AIRFLOW_FOLDER, 'requirements-test.txt')]], fingerprint: `${tests}\n${simulator}` };
}

async function withPytest(requirements: PythonRequirements): Promise<PythonRequirements> {
  const [pytest] = /^pytest==.*$/m.exec(await readFile(join(AIRFLOW_FOLDER, 'requirements-test.txt'), 'utf8')) ?? [];
  if (pytest === undefined) throw new Error('airflow/requirements-test.txt names no pytest version');
  return { ...requirements, name: `${requirements.name}-tests`, installs: [...requirements.installs, [pytest]], fingerprint: `${requirements.fingerprint}\n${pytest}` };
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: AIRFLOW_FOLDER, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

const environment = process.env;
const prepare = (requirements: PythonRequirements): Promise<string> => {
  console.log(`Python environment ${requirements.name} …`);
  return pythonEnvironment(requirements, { cacheDir: defaultCacheDir(environment), env: environment, remedy: REMEDY });
};
const small = await prepare(await testRequirements());
const airflow = await prepare(await withPytest(await airflowRequirements()));
const dir = await mkdtemp(join(tmpdir(), 'expunge-python-tests-'));
const stack = await startStack({ environment, parts: ['kafka', 'postgres'], durability: 'throwaway', dir });
try {
  const log = createLog({ level: 'warn' });
  const kafka = createKafka({ brokers: (stack.env['KAFKA_BROKERS'] ?? '').split(','), clientId: 'airflow-tests', log });
  await createTopics(kafka, topicSpecs(loadConfig({}).kafka), { log });
  const env = { ...environment, KAFKA_BROKERS: stack.env['KAFKA_BROKERS'], TEST_DATABASE_URL: stack.env['DATABASE_URL'], PYTHONDONTWRITEBYTECODE: '1' };
  const given = process.argv.slice(2);
  const codes = [
    await run(join(small, 'ruff'), ['check', '.'], env),
    await run(join(small, 'python'), ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--deselect', 'tests/test_dags.py', ...given], env),
    await run(join(airflow, 'python'), ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests/test_dags.py'], {
      ...env,
      AIRFLOW_TESTS: '1',
      AIRFLOW_HOME: join(dir, 'airflow-home'),
      PYTHONPATH: AIRFLOW_FOLDER,
    }),
  ];
  process.exitCode = codes.some((code) => code !== 0) ? 1 : 0;
} finally {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
}
