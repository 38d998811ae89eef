import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a command line program left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a program to its end, in the project's folder; a code other than 0 is no error here. */
export const runProgram = (command: string, args: readonly string[], env: Environment): Promise<Finished> =>
  new Promise((resolve) => {
    execFile(command, args, { env, cwd: root, timeout: 60_000, maxBuffer: 10_000_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });

/** `expunge <args>`, as a person runs it. */
export const expunge = (env: Environment, ...args: string[]): Promise<Finished> => runProgram(process.execPath, ['build/client/main.js', ...args], env);
