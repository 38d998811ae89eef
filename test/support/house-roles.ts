import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createProcessKeeper, lastLines, type ManagedProcess } from '../../stack/processes.js';
import { ROLES, type Role } from '../../platform/roles.js';
import { waitFor } from './wait-for.js';

/** How roles are shared out to processes: one with all of them, one for each, or two with all of them (the API in the first only). */
export type Split = 'together' | 'apart' | 'twice';

const SETS: Readonly<Record<Split, readonly (readonly Role[])[]>> = {
  together: [ROLES],
  apart: ROLES.map((role) => [role]),
  twice: [ROLES, ROLES.filter((role) => role !== 'api')],
};

/** The roles of Expunge as child processes, which do not outlive this one. */
export interface HouseRoles {
  /** Starts what does not run, and waits until it is ready. */
  start(role?: Role): Promise<void>;
  /** Signals the processes of a role, or all, and waits until they have ended. @returns how each ended: `exit code 0`, `signal SIGKILL` */
  kill(signal: NodeJS.Signals, role?: Role): Promise<string[]>;
  /** As kill, of the last process only. */
  killLast(signal: NodeJS.Signals): Promise<string>;
  /** Adds up a metric over all processes, of samples that have these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Ends everything in good order. @throws Error when a process did not end with exit code 0 by itself in time */
  close(): Promise<void>;
}

interface Member {
  readonly roles: readonly Role[];
  readonly healthPort: number;
  process?: ManagedProcess;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param logDir where the processes' logs go, one file each. */
export async function createHouseRoles(env: Readonly<Record<string, string>>, split: Split, logDir: string): Promise<HouseRoles> {
  const keeper = await createProcessKeeper();
  const members: Member[] = [];
  for (const roles of SETS[split]) members.push({ roles, healthPort: await freePort() });
  const of = (role?: Role): Member[] => members.filter(({ roles }) => role === undefined || roles.includes(role));
  const runs = ({ process }: Member): boolean => process !== undefined && !process.hasExited();

  const start = async (member: Member): Promise<void> => {
    if (runs(member)) return;
    const name = member.roles.length === 1 ? member.roles.join() : `roles-${members.indexOf(member) + 1}`;
    const logFile = `${logDir}/${name}.log`;
    const started = await keeper.start({
      name,
      command: process.execPath,
      args: ['--import', 'tsx', 'start.ts', '--roles', member.roles.join(',')],
      env: { ...env, HEALTH_PORT: String(member.healthPort) },
      cwd: root,
      logFile,
      stopGraceMs: STOP_WITHIN_MS,
    });
    member.process = started;
    await waitFor(`${name} is ready (log: ${logFile})`, async () => {
      if (started.hasExited()) throw new Error(`${name} ended with ${await started.exited} before it was ready:\n${lastLines(logFile)}`);
      return (await fetch(`http://127.0.0.1:${member.healthPort}/readyz`).catch(() => undefined))?.ok;
    }, START_WITHIN_MS);
  };

  const kill = async (member: Member, signal: NodeJS.Signals): Promise<string> => {
    member.process?.kill(signal);
    return (await member.process?.exited) ?? 'not started';
  };

  /** @returns how it ended, unless well */
  const stop = async (member: Member): Promise<string | undefined> => {
    if (!runs(member)) return undefined;
    await member.process?.stop();
    const how = await member.process?.exited;
    return how === 'exit code 0' ? undefined : `${member.roles.join(',')}: ${how ?? ''}`;
  };

  return {
    start: async (role) => {
      await Promise.all(of(role).map(start));
    },
    kill: (signal, role) => Promise.all(of(role).filter(runs).map((member) => kill(member, signal))),
    killLast: (signal) => kill(members.at(-1)!, signal),
    metric: async (name, labels = {}) => {
      const texts = await Promise.all(members.filter(runs).map(async ({ healthPort }) => (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()));
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      const samples = texts.flatMap((text) => text.split('\n')).filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return samples.filter((line) => wanted.every((label) => line.includes(label))).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    close: async () => {
      const bad = (await Promise.all(members.map(stop))).filter((how) => how !== undefined);
      await keeper.close();
      if (bad.length > 0) throw new Error(`Did not end well (logs: ${logDir}): ${bad.join('; ')}`);
    },
  };
}
