import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { composeKill, composeUp } from './compose.js';
import { GivenUpError, messageOf, MissingToolError, PartFailedError } from './errors.js';
import type { Durability, Part, PartContext, PartName, Program } from './parts.js';
import { accepts } from './probes.js';
import { lastLines, type ManagedProcess, type ProcessKeeper } from './processes.js';
import type { OnProgress } from './progress.js';
import type { Environment } from './settings.js';
import { sourcesFor, type Source } from './sources.rules.js';

/** What all parts of one stack share. */
export interface PartSetting {
  readonly dir: string;
  readonly environment: Environment;
  readonly composeEnv: Environment;
  readonly engineRuns: boolean;
  readonly allowedSources: readonly Source[];
  readonly durability: Durability;
  readonly keeper: ProcessKeeper;
  readonly onProgress: OnProgress;
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
  /** Stops it in good order. Nothing to do for a part that was not started here. */
  stop(): Promise<void>;
}

const POLL_MS = 60;
/** A restart right after a kill may meet what the killed one left (a port, shared memory) for a moment. */
const LAUNCHES = 4;

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

async function dropThrowaway(part: Part, setting: PartSetting): Promise<void> {
  if (setting.durability !== 'throwaway') return;
  const context = setting.context(part);
  const folder = (await part.dataFolder?.(context)) ?? context.dataDir;
  await Promise.all([folder, context.dataDir].map((path) => rm(path, { recursive: true, force: true })));
}

/** A part that runs as a process of this stack. */
async function startProcess(part: Part, program: Program, setting: PartSetting, logFile: string): Promise<Pick<PartHandle, 'pid' | 'kill' | 'start' | 'stop'>> {
  const context = setting.context(part);
  let child: ManagedProcess | undefined;
  let expected = false;

  const start = async (): Promise<void> => {
    for (let launches = 1; ; launches++) {
      expected = true;
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
      await dropThrowaway(part, setting);
    },
  };
}

async function startCompose(part: Part, setting: PartSetting): Promise<Pick<PartHandle, 'pid' | 'kill' | 'start' | 'stop'>> {
  const { signal } = setting.context(part);
  const up = (): Promise<void> => composeUp(setting.dir, part.composeServices, setting.composeEnv, signal);
  setting.onComposeUsed();
  await up();
  return {
    pid: undefined,
    kill: (sent) => composeKill(setting.dir, part.composeServices, sent, setting.composeEnv),
    start: up,
    stop: () => Promise.resolve(), // the whole project goes down at the end
  };
}

async function useAddress(part: Part, address: string): Promise<Pick<PartHandle, 'pid' | 'kill' | 'start' | 'stop'>> {
  const { host, port } = part.hostAndPort(address);
  if (!(await accepts(host, port))) {
    throw new PartFailedError(
      `${part.addressVariable} is set, but nothing accepts connections at ${host}:${port}: start it, correct ${part.addressVariable}, or unset it to have ${part.title} started here.`,
    );
  }
  const refuse = (): Promise<never> => Promise.reject(new Error(`${part.title} was not started here: its address came from ${part.addressVariable}.`));
  return { pid: undefined, kill: refuse, start: refuse, stop: () => Promise.resolve() };
}

/** Gets one part by the first way that works, starts it and waits until it answers. @throws MissingToolError, PartFailedError */
export async function startPart(part: Part, setting: PartSetting): Promise<PartHandle> {
  const startedAt = performance.now();
  const context = setting.context(part);
  const logFile = join(setting.dir, 'logs', `${part.name}.log`);
  const address = setting.environment[part.addressVariable];
  const tell = (state: 'looking' | 'fetching' | 'starting' | 'ready' | 'failed', detail = ''): void => {
    setting.onProgress({ part: part.name, title: part.title, state, detail, seconds: (performance.now() - startedAt) / 1000 });
  };
  const handle = (source: Source, running: Pick<PartHandle, 'pid' | 'kill' | 'start' | 'stop'>, program?: Program): PartHandle => {
    const { host, port } = part.hostAndPort(context.stackEnv[part.addressVariable] ?? '');
    const seconds = (performance.now() - startedAt) / 1000;
    tell('ready', `${host}:${port}`);
    return Object.defineProperties({} as PartHandle, {
      ...Object.getOwnPropertyDescriptors(running),
      ...Object.getOwnPropertyDescriptors({
        ...{ name: part.name, title: part.title, source, seconds, address: `${host}:${port}` },
        logFile: source === 'machine' || source === 'registry' ? logFile : undefined,
        programEnv: program === undefined ? {} : (part.programEnv?.(program) ?? {}),
      }),
    });
  };

  tell('looking');
  try {
    await mkdir(join(setting.dir, 'logs'), { recursive: true });
    await rm(logFile, { force: true });
    if (!address) await dropThrowaway(part, setting);
    const notes: string[] = [];
    const sources = sourcesFor({
      addressSet: Boolean(address),
      engineRuns: setting.engineRuns,
      composeServices: part.composeServices,
      allowed: setting.allowedSources,
    });
    for (const source of sources) {
      if (source === 'environment') return handle(source, await useAddress(part, address ?? ''));
      if (source === 'compose') {
        tell('starting', 'with docker compose');
        try {
          return handle(source, await startCompose(part, setting));
        } catch (error) {
          context.signal.throwIfAborted();
          notes.push(messageOf(error)); // the next way may work; the note goes with the last error
          continue;
        }
      }
      const onFetching = (): void => {
        tell('fetching', part.fetchNote);
      };
      const program = source === 'machine' ? await part.findOnMachine(context) : await part.fetch({ ...context, onFetching });
      if (program === undefined) continue;
      tell('starting', program.label);
      return handle(source, await startProcess(part, program, setting, logFile), program);
    }
    throw new MissingToolError(
      [`${part.title} cannot be had by ${sources.join(' or ') || 'any way that STACK_SOURCES allows'}: allow more in STACK_SOURCES, or set ${part.addressVariable}.`, ...notes].join('\n'),
    );
  } catch (thrown) {
    // What a part met after the start was given up is a consequence: timers and requests that were cut short.
    const error = context.signal.aborted && !(thrown instanceof PartFailedError) ? new GivenUpError() : thrown;
    tell('failed', messageOf(error).split('\n')[0]);
    throw error;
  }
}
