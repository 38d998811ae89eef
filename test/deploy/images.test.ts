import { spawn } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLES } from '../../platform/roles.js';
import { AIRFLOW_VERSION } from '../../stack/airflow.js';

// No engine builds the images here: what they hold is laid out as their files say, and run as they run it.

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(join(root, 'deploy/images', file), 'utf8');

interface Stage {
  readonly from: string;
  readonly lines: readonly string[];
}
function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile.replaceAll(/\\\n/g, ' ').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  return lines.reduce<Stage[]>((stages, line) => {
    const from = /^FROM (\S+)/.exec(line)?.[1];
    if (from !== undefined) return [...stages, { from, lines: [] }];
    const last = stages.at(-1);
    return last ? [...stages.slice(0, -1), { ...last, lines: [...last.lines, line] }] : stages;
  }, []);
}
/** What a stage copies out of the project: from and to. */
const copiesOf = ({ lines }: Stage): [string, string][] =>
  lines.filter((line) => line.startsWith('COPY ') && !line.includes('--from=')).flatMap((line) => {
    const parts = line.split(/\s+/).slice(1).filter((part) => !part.startsWith('--'));
    const to = parts.at(-1) ?? '';
    return parts.slice(0, -1).map((from): [string, string] => [from, to.endsWith('/') ? `${to}${from}` : to]);
  });
const instruction = ({ lines }: Stage, name: string): string | undefined => lines.findLast((line) => line.startsWith(`${name} `))?.slice(name.length + 1);

const stagesOfRoles = stagesOf(read('expunge.Dockerfile'));
const image = stagesOfRoles.at(-1);
const building = stagesOfRoles.find(({ lines }) => lines.includes('COPY package.json package-lock.json ./') && lines.some((line) => line.startsWith('RUN node build.mjs')));
let folder: string;
let app: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'expunge-image-'));
  await chmod(folder, 0o755);
  app = join(folder, 'app');
  const sources = join(folder, 'sources');
  await layOut(building!, sources);
  for (const command of (instruction(building!, 'RUN') ?? '').split(' && ')) {
    const made = await runIn(sources, command.split(' ').slice(1));
    if (made.code !== 0) throw new Error(`${command}: ${made.out}`);
  }
  expect(image!.lines).toContain('COPY --from=build /app/build ./');
  await cp(join(sources, 'build'), app, { recursive: true });
  await layOut(image!, app);
  await readOnly(app);
});
afterAll(async () => {
  await chmod(app, 0o755);
  await rm(folder, { recursive: true, force: true });
});

/** What a stage copies out of the project, with the packages beside it. */
async function layOut(stage: Stage, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const [from, place] of copiesOf(stage)) {
    await mkdir(dirname(join(to, place)), { recursive: true });
    await cp(join(root, from), join(to, place), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'));
}

async function readOnly(path: string): Promise<void> {
  const { isDirectory, isSymbolicLink } = await lstat(path).then((stat) => ({ isDirectory: stat.isDirectory(), isSymbolicLink: stat.isSymbolicLink() }));
  if (isSymbolicLink) return;
  if (isDirectory) for (const name of await readdir(path)) await readOnly(join(path, name));
  await chmod(path, isDirectory ? 0o555 : 0o444);
}

/** Runs a program in what the image holds: as a user without rights where this process may become one. */
const run = (...args: string[]): Promise<{ code: number | null; out: string }> => runIn(app, args, process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {});

async function runIn(cwd: string, args: readonly string[], asUser: { uid?: number; gid?: number } = {}): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env['PATH'], HOME: '/nonexistent', NODE_ENV: 'production' }, stdio: ['ignore', 'pipe', 'pipe'], ...asUser });
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), new Promise<number | null>((resolve) => child.on('close', resolve))]);
  return { code, out: out + err };
}

describe('the image of the roles', () => {
  test('holds all that every role loads, and the bundle of its own workflows', async () => {
    const modules = ['./worker.js', ...['ingress', 'nova', 'trigger', 'result', 'relay'].map((role) => `./bridges/${role}/role.js`), './api/role.js', './client/run.js'];
    const script = `for (const module of ${JSON.stringify(modules)}) await import(module);
      const { bundleWorkflows } = await import('./platform/workflow-bundle.js');
      const { loadPolicies } = await import('./platform/policies.js');
      const { loadConfig } = await import('./platform/config.js');
      console.log('lanes', loadPolicies(loadConfig({})).lanes.length, 'bundle', (await bundleWorkflows({ bundleFile: 'workflows.js' })).code.length > 100_000);
      process.exit(0);`;
    expect(await run('--input-type=module', '--eval', script)).toEqual({ code: 0, out: 'lanes 2 bundle true\n' });
  });

  test('serves the status page, all of it', async () => {
    const script = `const { createApi } = await import('./api/server.js');
      const never = () => { throw new Error('not asked'); };
      const log = (await import('./platform/log.js')).createLog({ level: 'silent' });
      const api = createApi({ reads: {}, writes: {}, deadLetters: { topics: ['t'] }, health: { answer: never }, log, verifyToken: undefined, requestsPerMinute: 1 });
      const { readdirSync } = await import('node:fs');
      const files = readdirSync('api/page', { recursive: true }).filter((file) => /[.](html|js|css|svg)$/.test(file));
      const answers = await Promise.all(['', ...files].map(async (file) => (await api.inject('/ui/' + file)).statusCode));
      console.log(files.includes('main.js'), files.includes('index.html'), [...new Set(answers)].join());
      process.exit(0);`;
    expect(await run('--input-type=module', '--eval', script)).toEqual({ code: 0, out: 'true true 200\n' });
  });

  test('runs what it is told to: roles, and the command line', async () => {
    const [program, ...args] = JSON.parse(instruction(image!, 'ENTRYPOINT') ?? '[]') as string[];
    expect(program).toBe('node');
    const help = await run(...args, '--help');
    expect(help.code).toBe(0);
    for (const role of ROLES) expect(help.out).toContain(role);
    expect(await run('client/main.js', 'setup', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('schedule') as unknown });
    expect(await run(...args, '--roles', 'worker')).toMatchObject({ code: 2, out: expect.stringContaining('DATABASE_URL') as unknown });
  });

  test('holds no test, nothing of the local stack, and no right', async () => {
    expect(copiesOf(image!).filter(([from]) => /^(test|stack|bench|docs|airflow|\.)/.test(from))).toEqual([]);
    expect(instruction(image!, 'USER')).toBe('1000:1000');
    await expect(cp(join(root, 'LICENSE'), join(app, 'LICENSE'), { force: false, errorOnExist: true })).rejects.toThrow();
  });

  test.each(['expunge', 'airflow'])('%s: gets from the context all that it copies, and nothing else is sent', (name) => {
    const copied = stagesOf(read(`${name}.Dockerfile`)).flatMap(copiesOf).map(([from]) => from).sort();
    const let_ = read(`${name}.Dockerfile.dockerignore`).split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1)).sort();
    expect(let_).toEqual([...new Set(copied)].sort());
  });
});

describe('the image of Airflow', () => {
  const stages = stagesOf(read('airflow.Dockerfile'));

  test('is of the Airflow that is tested, and runs as its user', () => {
    expect(stages.map(({ from }) => from)).toEqual([`apache/airflow:slim-${AIRFLOW_VERSION}`]);
    expect(instruction(stages[0]!, 'USER')).toBe('50000:0');
  });
});
