import { fork, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Progress } from '../../stack/progress.js';
import { startStack, type RunningStack } from '../../stack/start.js';
import { hostAndPortOfUrl } from '../../stack/addresses.js';
import { accepts } from '../../stack/probes.js';
import { queryRows } from '../support/databases.js';
import { createFirstTopic } from '../support/first-topic.js';

let dir: string;
const running: RunningStack[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'expunge-stack-'));
  await chmod(dir, 0o755); // as root, PostgreSQL's user has to get in
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map((stack) => stack.stop()));
  await rm(dir, { recursive: true, force: true });
});

/** Without addresses of the setup's stack or of a person, so that the parts are started here. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(KAFKA|TEMPORAL|AIRFLOW|DATABASE|ERASER)/.test(name)),
);
const start = async (options: Partial<Parameters<typeof startStack>[0]>): Promise<RunningStack> => {
  const stack = await startStack({ environment, dir, durability: 'throwaway', ...options });
  running.push(stack);
  return stack;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`);
    await delay(50);
  }
}

async function hold(): Promise<{ child: ChildProcess; env: Record<string, string>; pids: number[] }> {
  const child = fork(fileURLToPath(new URL('../support/hold-stack.ts', import.meta.url)), [dir], { env: environment, execArgv: ['--import', 'tsx'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      resolve({ child, ...(message as { env: Record<string, string>; pids: number[] }) });
    });
    child.once('exit', (code) => {
      reject(new Error(`The holder ended with ${code ?? 'a signal'} before the stack was up.`));
    });
  });
}

describe('the stack', () => {
  test('is up when it says so: each part does its work at the address it gives', async () => {
    const seen: Progress[] = [];
    const { env } = await start({ airflow: 'simulated', onProgress: (progress) => seen.push(progress) });

    expect(await queryRows(env['DATABASE_URL']!, 'SELECT current_database() AS name')).toEqual([{ name: 'expunge' }]);
    expect(await queryRows(env['ERASER_APP_DB_URL']!, 'SELECT current_database() AS name')).toEqual([{ name: 'app' }]);

    expect(await createFirstTopic(env['KAFKA_BROKERS']!, 'asked-for')).toEqual(['asked-for']);

    const connection = await Connection.connect({ address: env['TEMPORAL_ADDRESS']! });
    const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: env['TEMPORAL_NAMESPACE']! });
    expect(namespaceInfo?.name).toBe('default');
    await connection.close();
    expect((await fetch(env['TEMPORAL_UI_URL']!)).status).toBe(200);

    const login = { username: env['AIRFLOW_USERNAME'], password: env['AIRFLOW_PASSWORD'] };
    const post = (body: unknown) => fetch(`${env['AIRFLOW_API_URL']!}/auth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect((await post(login)).status).toBe(201);
    expect((await post({ ...login, password: 'wrong' })).status).toBe(401);

    expect(seen.filter(({ state }) => state === 'ready').map(({ part }) => part).sort()).toEqual(['airflow', 'kafka', 'postgres', 'temporal']);
  });

  test('asks for the password', async () => {
    const { env } = await start({ parts: ['postgres'] });
    const url = new URL(env['DATABASE_URL']!);
    url.password = 'guessed';
    await expect(queryRows(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test.each([
    ['stopped', 'SIGTERM'],
    ['killed with -9', 'SIGKILL'],
  ] as const)('leaves no process behind when its parent is %s', async (_how, signal) => {
    const { child, env, pids } = await hold();
    expect(pids).toHaveLength(3);
    expect(pids.every(isAlive)).toBe(true);
    child.kill(signal);
    await until('every part has ended', () => !pids.some(isAlive));
    const { host, port } = hostAndPortOfUrl(env['DATABASE_URL']!, 5432);
    await until('nothing listens any more', async () => !(await accepts(host, port)));
  });

  test('a part that was killed is told of, and starts again at the same address with the same data', async () => {
    const ended: string[] = [];
    const stack = await start({ parts: ['postgres', 'kafka'], onPartEnded: (part, how) => ended.push(`${part}: ${how}`) });
    const url = stack.env['DATABASE_URL']!;
    await queryRows(url, 'CREATE TABLE kept AS SELECT 1 AS n');

    const postgres = stack.part('postgres');
    const firstPid = postgres.pid;
    await postgres.kill('SIGKILL');
    expect(postgres.pid).toBeUndefined();
    await expect(queryRows(url, 'SELECT 1')).rejects.toThrow();
    await postgres.start();
    expect(postgres.pid).not.toBe(firstPid);
    expect(await queryRows(url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    expect(ended).toEqual([]);

    process.kill(stack.part('kafka').pid!, 'SIGKILL');
    await until('the end is told', () => ended.includes('kafka: signal SIGKILL'));
    await stack.part('kafka').start();
    expect(stack.part('kafka').pid).toBeDefined();
  });

  test('keeps data and passwords from one run to the next, unless they are throwaway', async () => {
    const first = await start({ parts: ['postgres'], durability: 'durable' });
    await queryRows(first.env['DATABASE_URL']!, 'CREATE TABLE kept AS SELECT 1 AS n');
    await first.stop();
    const second = await start({ parts: ['postgres'], durability: 'durable' });
    onTestFinished(async () => {
      await second.stop();
      await (await start({ parts: ['postgres'] })).stop(); // throwaway: takes the data away, wherever it was
    });
    expect(await queryRows(second.env['DATABASE_URL']!, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    expect(second.env['SUBJECT_PEPPER']).toBe(first.env['SUBJECT_PEPPER']);
  });

  test('runs PostgreSQL from its npm package where the machine’s own is not to be used', async () => {
    const stack = await start({ parts: ['postgres'], environment: { ...environment, STACK_SOURCES: 'registry' } });
    expect(stack.part('postgres').source).toBe('registry');
    const [row] = await queryRows(stack.env['DATABASE_URL']!, 'SHOW server_version_num');
    expect(Number(row?.['server_version_num'])).toBeGreaterThan(180_000);
  });

  test('comes up although the PostgreSQL found now is another version than the one that made the data', async ({ skip }) => {
    const first = await start({ parts: ['postgres'], durability: 'durable', environment: { ...environment, STACK_SOURCES: 'registry' } });
    const [made] = await queryRows(first.env['DATABASE_URL']!, 'SHOW server_version');
    await first.stop();
    const second = await start({ parts: ['postgres'], durability: 'durable' });
    const [now] = await queryRows(second.env['DATABASE_URL']!, 'SHOW server_version');
    if (now?.['server_version'] === made?.['server_version']) skip('this machine has no other PostgreSQL');
    expect(second.part('postgres').source).toBe('machine');
  });
});

describe('an address in the environment', () => {
  test('is used as it is, and nothing is started', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const brokers = `127.0.0.1:${port}`;
    const stack = await start({ parts: ['kafka'], environment: { ...environment, KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: 'plain' } });
    expect(stack.part('kafka')).toMatchObject({ source: 'environment', pid: undefined, address: brokers });
    expect(stack.env).toMatchObject({ KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: 'plain' });
    await expect(stack.part('kafka').kill('SIGKILL')).rejects.toThrow('its address came from KAFKA_BROKERS');
    await new Promise((resolve) => server.close(resolve));
  });

  test('that nothing answers at is an error that names the variable', async () => {
    await expect(start({ parts: ['kafka'], environment: { ...environment, KAFKA_BROKERS: '127.0.0.1:1' } })).rejects.toThrow(
      /^KAFKA_BROKERS is set, but nothing accepts connections at 127\.0\.0\.1:1/,
    );
  });
});

describe('a machine with a container engine', () => {
  /** A `docker` that says an engine runs and does what `up` says; it notes what it was asked for. */
  async function docker(up: string): Promise<{ PATH: string; asked: () => Promise<string[]> }> {
    const bin = join(dir, 'bin');
    const log = join(dir, 'asked');
    await mkdir(bin);
    await writeFile(join(bin, 'docker'), `#!/bin/sh\necho "$*" >> '${log}'\ncase "$*" in *" up "*) ${up} ;; esac\n`);
    await chmod(join(bin, 'docker'), 0o755);
    return { PATH: `${bin}:${environment['PATH'] ?? ''}`, asked: async () => (await readFile(log, 'utf8')).trim().split('\n') };
  }

  test('has compose bring the parts, with the stack’s ports, and take them down again', async () => {
    const { PATH, asked } = await docker('exit 0');
    const stack = await start({ parts: ['kafka', 'postgres'], environment: { ...environment, PATH } });
    expect(stack.parts.map(({ source }) => source)).toEqual(['compose', 'compose']);
    await stack.stop();
    const commands = await asked();
    expect(commands.filter((command) => / up -d --wait .* (kafka|postgres)$/.test(command))).toHaveLength(2);
    expect(commands.at(-1)).toMatch(/ down --volumes$/);
  });

  test('takes the next way when compose fails', async () => {
    const { PATH } = await docker('echo "cannot pull" >&2; exit 1');
    const stack = await start({ parts: ['postgres'], environment: { ...environment, PATH } });
    expect(stack.part('postgres').source).not.toBe('compose');
    expect(await queryRows(stack.env['DATABASE_URL']!, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('is not asked when STACK_SOURCES leaves compose out', async () => {
    const { PATH } = await docker('exit 0');
    const stack = await start({ parts: ['postgres'], environment: { ...environment, PATH, STACK_SOURCES: 'machine,registry' } });
    expect(stack.part('postgres').source).not.toBe('compose');
  });
});

describe('a machine without what a part needs', () => {
  test('is told all that is missing at once, and what did start is stopped again', async () => {
    const failed: string[] = [];
    const bare = { ...environment, PATH: '/nonexistent', JAVA_HOME: '', EXPUNGE_CACHE_DIR: join(dir, 'cache') };
    const error = await start({ parts: ['kafka', 'airflow'], airflow: 'simulated', environment: bare, onProgress: ({ state, part }) => state === 'failed' && failed.push(part) }).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ name: 'MissingToolError' });
    expect((error as Error).message).toMatch(/KAFKA_BROKERS[\s\S]*AIRFLOW_API_URL/);
    expect(failed.sort()).toEqual(['airflow', 'kafka']);
  });
});

test('another program on a fixed port is no part of the stack, whatever it answers', async () => {
  const first = await start({ parts: ['postgres'] });
  const taken = new URL(first.env['DATABASE_URL']!).port;
  const second = join(dir, 'second');
  await mkdir(second);
  await expect(start({ parts: ['postgres'], dir: second, environment: { ...environment, STACK_POSTGRES_PORT: taken } })).rejects.toThrow(
    `Port ${taken} of PostgreSQL is in use by another program: end that, or set STACK_POSTGRES_PORT to a free port.`,
  );
});
