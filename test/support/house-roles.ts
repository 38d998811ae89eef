import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProcessKeeper, lastLines, type ManagedProcess } from '../../stack/processes.js';
import { ROLES, type Role } from '../../platform/roles.js';
import { waitFor } from './wait-for.js';

/** One process of a house. */
export interface ProcessPlan {
  /** Its name in the house, and of its log. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Configuration of its own, over that of the house. */
  readonly env?: Readonly<Record<string, string>>;
  /** A module, by its path from the project's root, that it loads before everything else (`node --import`). */
  readonly preload?: string;
  /** The built program that it runs instead of `npm start -- --roles …`, by its path from the project's root. */
  readonly program?: string;
}

/** Every role in a process of its own, named after it. */
export const APART: readonly ProcessPlan[] = ROLES.map((role) => ({ name: role, roles: [role] }));

/** All roles in one process. */
export const TOGETHER: readonly ProcessPlan[] = [{ name: 'roles-1', roles: ROLES }];

/** The roles of Expunge as child processes, which do not outlive this one. */
export interface HouseRoles {
  /** The names of the processes, in their order. */
  readonly names: readonly string[];
  /** Starts what does not run of a role, of the process of that name, or of all, and waits until it is ready, or was killed by the test. */
  start(which?: string): Promise<void>;
  /** Signals the processes of a role, the process of that name, or all, and waits until they have ended. @returns how each ended: `exit code 0`, `signal SIGKILL` */
  kill(signal: NodeJS.Signals, which?: string): Promise<string[]>;
  /** Signals the processes of a role, the process of that name, or all: SIGSTOP, SIGCONT, and what a preload listens to. */
  signal(signal: NodeJS.Signals, which?: string): void;
  /** The processes that ended without having been killed here, and how. */
  endedByThemselves(): Promise<string[]>;
  /** The pages of metrics of the processes that run. */
  pages(): Promise<string[]>;
  /** Adds up a metric over all processes, of samples that have these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Ends everything in good order. @throws Error when a process did not end with exit code 0 by itself in time */
  close(): Promise<void>;
}

interface Member {
  readonly plan: ProcessPlan;
  readonly healthPort: number;
  process?: ManagedProcess;
  /** While a process is being made: it can be killed only when it is there. */
  spawning?: Promise<ManagedProcess>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param logDir where the processes' logs go, one file each. */
export async function createHouseRoles(env: Readonly<Record<string, string>>, plans: readonly ProcessPlan[], logDir: string): Promise<HouseRoles> {
  const keeper = await createProcessKeeper();
  const members: Member[] = [];
  for (const plan of plans) members.push({ plan, healthPort: await freePort() });
  /** Told to end by the test. */
  const killed = new WeakSet<ManagedProcess>();
  const of = (which?: string): Member[] => members.filter(({ plan }) => which === undefined || plan.name === which || plan.roles.some((role) => role === which));
  const runs = ({ process }: Member): boolean => process !== undefined && !process.hasExited();

  const start = async (member: Member): Promise<void> => {
    await member.spawning;
    if (runs(member)) return;
    const { name, roles, env: own, preload, program } = member.plan;
    const logFile = `${logDir}/${name}.log`;
    const spawning = keeper.start({
      name,
      command: process.execPath,
      args: [...(preload === undefined ? [] : ['--import', join(root, preload)]), ...(program === undefined ? ['build/start.js', '--roles', roles.join(',')] : [program])],
      env: { ...env, ...own, HEALTH_PORT: String(member.healthPort) },
      cwd: root,
      logFile,
      stopGraceMs: STOP_WITHIN_MS,
    }).then((process) => (member.process = process));
    member.spawning = spawning;
    const started = await spawning;
    await waitFor(`${name} is ready (log: ${logFile})`, async () => {
      // Whoever killed it while it was starting starts it again.
      if (started.hasExited() && killed.has(started)) return true;
      if (started.hasExited()) throw new Error(`${name} ended with ${await started.exited} before it was ready:\n${lastLines(logFile)}`);
      return (await fetch(`http://127.0.0.1:${member.healthPort}/readyz`).catch(() => undefined))?.ok;
    }, START_WITHIN_MS);
  };

  const kill = async (member: Member, signal: NodeJS.Signals): Promise<string> => {
    if (!member.process) return 'not started';
    killed.add(member.process);
    member.process.kill(signal);
    return member.process.exited;
  };

  /** @returns how it ended, unless well */
  const stop = async (member: Member): Promise<string | undefined> => {
    if (!runs(member)) return undefined;
    await member.process?.stop();
    const how = await member.process?.exited;
    return how === 'exit code 0' ? undefined : `${member.plan.name}: ${how ?? ''}`;
  };

  const pages = (): Promise<string[]> => Promise.all(members.filter(runs).map(async ({ healthPort }) => (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()));

  return {
    names: members.map(({ plan }) => plan.name),
    start: async (which) => {
      await Promise.all(of(which).map(start));
    },
    kill: async (signal, which) => {
      await Promise.all(of(which).map(async ({ spawning }) => spawning));
      return Promise.all(of(which).filter(runs).map((member) => kill(member, signal)));
    },
    signal: (signal, which) => {
      for (const { process } of of(which).filter(runs)) process?.kill(signal);
    },
    endedByThemselves: () => Promise.all(members.filter(({ process }) => process?.hasExited() === true && !killed.has(process)).map(async ({ plan, process }) => `${plan.name}: ${(await process?.exited) ?? ''}`)),
    pages,
    metric: async (name, labels = {}) => {
      const texts = await pages();
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
