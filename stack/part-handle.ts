import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { composeKill, composeStop, composeUp } from './compose.js';
import type { Acquired, Tell } from './acquire.js';
import { PartFailedError } from './errors.js';
import type { Durability, Part, PartContext, PartName, Program } from './parts.js';
import { isPortFree } from './ports.js';
import { lastLines, type ManagedProcess, type ProcessKeeper } from './processes.js';
import type { Environment } from './settings.js';
import type { Source } from './sources.rules.js';

/** What all parts of one stack share. */
export interface PartSetting {
  readonly dir: string;
  readonly composeEnv: Environment;
  readonly durability: Durability;
  readonly keeper: ProcessKeeper;
  readonly onPartEnded: (part: PartName, how: string, logFile: string) => void;
  readonly onComposeUsed: () => void;
  readonly context: (part: Part) => PartContext;
}

/** A part that is up, for tests that take it down. */
export interface PartHandle {
  readonly name: PartName;
  readonly title: string;
  readonly source: Source;
  readonly address: string;
  /** How long it took to be ready. */
  readonly seconds: number;
  /** Only of a part that runs as a process of this stack. */
  readonly pid: number | undefined;
  readonly logFile: string | undefined;
  readonly programEnv: Readonly<Record<string, string>>;
  /** Sends a signal to all of it, and for SIGKILL waits until it has ended. @throws Error when it was not started here. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same ports and data, and waits until it answers; nothing to do when it runs. */
  start(): Promise<void>;
  /** Stops it in good order; its data stays, so that it can be started again. Nothing to do for a part that was not started here. */
  stop(): Promise<void>;
  /** Takes the data of a part that is stopped away, unless it is durable. */
  forget(): Promise<void>;
}

type Running = Pick<PartHandle, 'pid' | 'kill' | 'start' | 'stop' | 'forget'>;

const POLL_MS = 60;
/** A restart right after a kill may meet what the killed one left (a port, shared memory) for a moment. */
const LAUNCHES = 4;
const PORT_WAIT_MS = 5_000;

async function whenHealthy(part: Part, context: PartContext, child: ManagedProcess, logFile: string): Promise<'healthy' | 'ended'> {
  const deadline = Date.now() + part.startTimeoutMs;
  while (!child.hasExited()) {
    context.signal.throwIfAborted();
    if (await part.isHealthy(context.stackEnv)) return 'healthy';
    if (Date.now() > deadline) {
      throw new PartFailedError(`${part.title} did not answer within ${part.startTimeoutMs / 1000} s. Log: ${logFile}\n${lastLines(logFile)}`);
    }
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
  return 'ended';
}

/** Another program on a part's port would answer the health check in its place. */
async function portsAreFree(part: Part, context: PartContext): Promise<void> {
  const deadline = Date.now() + PORT_WAIT_MS;
  for (const { key, variable } of part.ports) {
    const port = context.ports[key];
    while (port !== undefined && !(await isPortFree(port))) {
      if (Date.now() > deadline) throw new PartFailedError(`Port ${port} of ${part.title} is in use by another program: end that, or set ${variable} to a free port.`);
      await delay(POLL_MS, undefined, { signal: context.signal });
    }
  }
}

async function dropUndurable(part: Part, setting: PartSetting): Promise<void> {
  if (setting.durability === 'durable') return;
  const context = setting.context(part);
  const folder = (await part.dataFolder?.(context)) ?? context.dataDir;
  await Promise.all([folder, context.dataDir].map((path) => rm(path, { recursive: true, force: true })));
}

/** A part that runs as a process of this stack. */
async function startProcess(part: Part, program: Program, setting: PartSetting, logFile: string): Promise<Running> {
  const context = setting.context(part);
  let child: ManagedProcess | undefined;
  let expected = false;

  const start = async (): Promise<void> => {
    for (let launches = 1; ; launches++) {
      expected = true;
      await portsAreFree(part, context);
      const launch = await part.launch(program, context);
      const launched = await setting.keeper.start({ ...launch, name: part.title, logFile });
      child = launched;
      try {
        if ((await whenHealthy(part, context, launched, logFile)) === 'healthy') {
          await part.afterStart?.(program, context);
          break;
        }
      } catch (error) {
        await launched.stop();
        throw error;
      }
      const how = await launched.exited;
      if (launches >= LAUNCHES) throw new PartFailedError(`${part.title} ended while it was starting (${how}). Log: ${logFile}\n${lastLines(logFile)}`);
      await delay(300 * launches, undefined, { signal: context.signal });
    }
    expected = false;
    const running = child;
    void running.exited.then((how) => {
      if (!expected && child === running) setting.onPartEnded(part.name, how, logFile);
    });
  };
  await start();

  return {
    get pid() {
      return child?.hasExited() === false ? child.pid : undefined;
    },
    async kill(signal) {
      if (child === undefined || child.hasExited()) return;
      expected = signal !== 'SIGSTOP' && signal !== 'SIGCONT';
      child.kill(signal);
      if (signal === 'SIGKILL') await child.exited;
    },
    async start() {
      if (child?.hasExited() === false) return;
      await start();
    },
    async stop() {
      expected = true;
      await child?.stop();
    },
    forget: () => dropUndurable(part, setting),
  };
}

async function startCompose(part: Part, setting: PartSetting): Promise<Running> {
  const { signal } = setting.context(part);
  const up = (): Promise<void> => composeUp(setting.dir, part.composeServices, setting.composeEnv, signal);
  setting.onComposeUsed();
  await up();
  return {
    pid: undefined,
    kill: (sent) => composeKill(setting.dir, part.composeServices, sent, setting.composeEnv),
    start: up,
    stop: () => composeStop(setting.dir, part.composeServices, setting.composeEnv),
    forget: () => Promise.resolve(), // its volumes go with the whole project, at the end
  };
}

/** A part that others hold up. */
function atAddress(part: Part): Running {
  const refuse = (): Promise<never> => Promise.reject(new Error(`${part.title} was not started here: its address came from ${part.addressVariable}.`));
  return { pid: undefined, kill: refuse, start: refuse, stop: () => Promise.resolve(), forget: () => Promise.resolve() };
}

/** Starts a part in the way that was found for it, and waits until it answers. @throws MissingToolError, PartFailedError */
export async function launchPart(part: Part, acquired: Acquired, tell: Tell, startedAt: number, setting: PartSetting): Promise<PartHandle> {
  const context = setting.context(part);
  const logFile = join(setting.dir, 'logs', `${part.name}.log`);
  const handle = (running: Running, program?: Program): PartHandle => {
    const { host, port } = part.hostAndPort(context.stackEnv[part.addressVariable] ?? '');
    const seconds = (performance.now() - startedAt) / 1000;
    tell('ready', `${host}:${port}`);
    return Object.defineProperties({} as PartHandle, {
      ...Object.getOwnPropertyDescriptors(running), // not spread: `pid` is a getter
      ...Object.getOwnPropertyDescriptors({
        ...{ name: part.name, title: part.title, source: acquired.source, seconds, address: `${host}:${port}` },
        logFile: program === undefined ? undefined : logFile,
        programEnv: program === undefined ? {} : (part.programEnv?.(program) ?? {}),
      }),
    });
  };

  switch (acquired.source) {
    case 'environment':
      return handle(atAddress(part));
    case 'compose': {
      tell('starting', 'with docker compose');
      try {
        return handle(await startCompose(part, setting));
      } catch (error) {
        context.signal.throwIfAborted();
        return await launchPart(part, await acquired.instead(error), tell, startedAt, setting);
      }
    }
    default:
      tell('starting', acquired.program.label);
      await mkdir(join(setting.dir, 'logs'), { recursive: true });
      await rm(logFile, { force: true });
      await dropUndurable(part, setting);
      return handle(await startProcess(part, acquired.program, setting, logFile), acquired.program);
  }
}
