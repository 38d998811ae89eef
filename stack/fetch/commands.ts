import { execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CommandFailedError, GivenUpError } from '../errors.js';
import type { Environment } from '../settings.js';

export interface CommandOptions {
  readonly env: Environment;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Runs a command to its end and gives what it wrote (standard output and error together).
 * @throws CommandFailedError with the last lines of what it wrote.
 */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      {
        env: options.env,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.user ?? {}),
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout + stderr);
        else if (options.signal?.aborted === true) reject(new GivenUpError());
        else {
          const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n');
          reject(new CommandFailedError(`${command} ${args.slice(0, 3).join(' ')} failed: ${tail || error.message}`, { cause: error }));
        }
      },
    );
    child.stdin?.on('error', () => {
      // The command ended without reading its input; its exit code says the rest.
    });
    child.stdin?.end(options.input ?? '');
  });
}

/** Whether a command runs and ends well within the time. */
export const succeeds = (command: string, args: readonly string[], options: CommandOptions): Promise<boolean> =>
  runCommand(command, args, { timeoutMs: 8_000, ...options }).then(
    () => true,
    () => false,
  );

const isProgram = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
};

/** The full path of the first of these programs that PATH has. */
export async function onPath(names: readonly string[], env: Environment): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of (env['PATH'] ?? '').split(delimiter)) {
      if (folder !== '' && (await isProgram(join(folder, name)))) return join(folder, name);
    }
  }
  return undefined;
}
