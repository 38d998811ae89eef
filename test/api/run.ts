import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCacheDir } from '../../stack/fetch/cache.js';
import { pythonEnvironment } from '../../stack/fetch/python.js';
import { startStack } from '../../stack/start.js';
import { openTokenIssuer } from '../../stack/tokens.js';
import { createHouseRoles } from '../support/house-roles.js';
import { expunge } from '../support/run-program.js';
import { waitFor } from '../support/wait-for.js';

// Holds the real API against its own description: Schemathesis makes requests from /openapi.json, good and bad ones, and looks that no
// answer is a fault of the server, of a status, a type or a form that the description does not name. Arguments go to Schemathesis.

const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));
const ROLES = ['worker', 'ingress', 'relay', 'api'] as const;
const ARRIVES_WITHIN_MS = 30_000;
const SEED = [
  { kind: 'user', userId: 'user_888', reason: 'gdpr_request', eventId: 'uuid-1234' },
  { kind: 'service', tenantId: 'tenant-1', serviceType: 'database', serviceInstanceId: 'srv-db-1', gdprMode: true, traceId: 'trace-1' },
];

const environment = process.env;
console.log('Python environment with Schemathesis …');
const bin = await pythonEnvironment(
  { name: 'schemathesis', minimum: [3, 11], installs: [['-r', requirements]], fingerprint: await readFile(requirements, 'utf8') },
  { cacheDir: defaultCacheDir(environment), env: environment, remedy: 'install Python 3.11 or newer with venv and pip (Debian: python3-venv).' },
);
const dir = await mkdtemp(join(tmpdir(), 'expunge-api-tests-'));
const stack = await startStack({ environment, parts: ['temporal', 'kafka', 'postgres'], durability: 'throwaway', dir });
try {
  const { PATH = '', HOME = '' } = environment;
  const env = { PATH, HOME, ...stack.env, API_RATE_LIMIT: '100000000', LOG_LEVEL: 'warn' };
  const setup = await expunge(env, 'setup');
  if (setup.code !== 0) throw new Error(`expunge setup ended with ${setup.code}: ${setup.stderr}`);
  const roles = await createHouseRoles(env, [{ name: 'roles', roles: ROLES }], dir);
  try {
    await roles.start();
    const token = await (await openTokenIssuer(dir)).issue({ subject: 'schemathesis', role: 'admin', expiresInMs: 3_600_000 });
    const url = stack.env['EXPUNGE_API_URL'] ?? '';
    await seed(url, token);
    const given = process.argv.slice(2);
    process.exitCode = await run(join(bin, 'schemathesis'), [
      '--config-file', fileURLToPath(new URL('./schemathesis.toml', import.meta.url)), 'run', `${url}/openapi.json`, '--header', `Authorization: Bearer ${token}`, '--seed', '20260211', '--max-examples', '60', '--no-color', '--report-dir', dir, ...given,
    ], { ...env, PYTHONDONTWRITEBYTECODE: '1' });
    const failed = (await readFile(join(dir, 'roles.log'), 'utf8')).split('\n').filter((line) => /"a request failed"/.test(line));
    if (failed.length > 0) {
      console.error(`The API logged ${failed.length} faults of its own; the first: ${failed[0] ?? ''}`);
      process.exitCode = 1;
    }
  } finally {
    await roles.close();
  }
} finally {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
}

/** Asks for some deletions, so that there is something to be found. */
async function seed(url: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (const body of SEED) {
    const asked = await fetch(`${url}/api/v1/deletions`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (asked.status !== 202) throw new Error(`POST ${JSON.stringify(body)}: HTTP ${asked.status} ${await asked.text()}`);
    const location = asked.headers.get('location') ?? '';
    await waitFor(`${location} is in the ledger`, async () => (await fetch(`${url}${location}`, { headers })).ok, ARRIVES_WITHIN_MS);
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd: dir, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
