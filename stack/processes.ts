import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a child process is started. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Gets standard output and standard error, appended. */
  readonly logFile: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Stops it in good order; SIGTERM when left out. */
  readonly stopSignal?: NodeJS.Signals | undefined;
  /** How long it may take to stop before it is killed. */
  readonly stopGraceMs?: number | undefined;
}

/** A running child process, leader of its own process group. */
export interface ManagedProcess {
  readonly pid: number;
  /** Settles when it has ended, with a description of how. */
  readonly exited: Promise<string>;
  readonly hasExited: () => boolean;
  /** Sends a signal to the whole process group; no error when it is gone already. */
  kill(signal: NodeJS.Signals): void;
  /** Stops it in good order, kills it after the grace time, and waits until it has ended. */
  stop(): Promise<void>;
}

/** Starts child processes that do not outlive this process, whichever way it ends. */
export interface ProcessKeeper {
  start(spec: ProcessSpec): Promise<ManagedProcess>;
  /** A command to run should this process end without `close`. */
  onParentDeath(command: readonly string[]): void;
  /** To be called when everything has been stopped: lets the watchdog go. */
  close(): Promise<void>;
}

const signalGroup = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false; // nothing is left of the group
  }
};

const ended = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`);
    });
  });

const spawned = (child: ChildProcess, what: string): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new Error(`${what} could not be started: ${error.message}`, { cause: error }));
    });
    child.once('spawn', () => {
      if (child.pid !== undefined) resolve(child.pid);
    });
  });

/** The last lines of a log file, for an error message. */
export function lastLines(logFile: string, count = 15): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '(no log)';
  }
}

/** Makes the keeper, and with it the watchdog: a child that reads a pipe and ends what is left when the pipe closes. */
export async function createProcessKeeper(): Promise<ProcessKeeper> {
  const watchdog = spawn(process.execPath, [fileURLToPath(new URL('./watchdog.mjs', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
  const watchdogEnded = ended(watchdog);
  await spawned(watchdog, 'The watchdog of the stack');
  watchdog.unref();
  watchdog.stdin.on('error', () => {
    // The watchdog was killed: nothing more to tell it, and the stack still stops in good order.
  });
  const tell = (line: string): void => {
    watchdog.stdin.write(`${line}\n`);
  };

  return {
    async start(spec) {
      mkdirSync(dirname(spec.logFile), { recursive: true });
      const log = openSync(spec.logFile, 'a');
      const stopSignal = spec.stopSignal ?? 'SIGTERM';
      let child: ChildProcess;
      try {
        child = spawn(spec.command, spec.args, {
          cwd: spec.cwd,
          env: spec.env,
          detached: true,
          stdio: ['ignore', log, log],
          ...(spec.user ?? {}),
        });
        if (child.pid !== undefined) tell(`add ${child.pid} ${stopSignal}`);
      } finally {
        closeSync(log);
      }
      let over = false;
      const exited = ended(child).then((how) => {
        over = true;
        return how;
      });
      const pid = await spawned(child, spec.name);
      child.unref();
      void exited.then(() => {
        signalGroup(pid, 'SIGKILL'); // what it left behind in its group
        tell(`remove ${pid}`);
      });
      return {
        pid,
        exited,
        hasExited: () => over,
        kill: (signal) => void signalGroup(pid, signal),
        async stop() {
          if (over) return;
          child.ref();
          signalGroup(pid, 'SIGCONT');
          try {
            process.kill(pid, stopSignal);
          } catch {
            // ended between the look and the signal
          }
          const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), spec.stopGraceMs ?? 10_000);
          await exited;
          clearTimeout(timer);
        },
      };
    },
    onParentDeath: (command) => {
      tell(`finally ${JSON.stringify(command)}`);
    },
    async close() {
      watchdog.ref(); // or this process may end before its work after the stop is done
      tell('forget');
      watchdog.stdin.end();
      await watchdogEnded;
    },
  };
}
