import { execFile } from 'node:child_process';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createProcessKeeper } from '../../stack/processes.js';

/** The file system that holds the logs of the stack and of the roles, small enough to be filled. */
export interface LogDisk {
  /** Why it is none of its own: no test may fill it then. */
  readonly unavailable: string | undefined;
  /** Leaves no room for a further byte. */
  fill(): Promise<void>;
  free(): Promise<void>;
  /** Puts a plain folder with the same logs in its place. To be called when nothing writes to it any more. */
  close(): Promise<void>;
}

const SIZE_MB = 256;
const run = promisify(execFile);

/** Mounts a small file system at `<dir>/logs`, where that is allowed: on Linux, as root, in a container that may. */
export async function openLogDisk(dir: string): Promise<LogDisk> {
  const logs = join(dir, 'logs');
  const filler = join(logs, 'filler');
  await mkdir(logs, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', logs]);
  } catch (error) {
    const refuse = (): Promise<never> => Promise.reject(new Error('There is no log disk of its own.'));
    return { unavailable: `no small file system can be mounted here (${error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error)}): run as root on Linux, in a container with CAP_SYS_ADMIN`, fill: refuse, free: refuse, close: () => Promise.resolve() };
  }
  const keeper = await createProcessKeeper();
  keeper.onParentDeath(['umount', '-l', logs]);
  const free = (): Promise<void> => rm(filler, { force: true });
  return {
    unavailable: undefined,
    fill: async () => {
      const chunk = Buffer.alloc(1024 * 1024);
      // First in large pieces, then to the last byte.
      for (const piece of [chunk, chunk.subarray(0, 4096), chunk.subarray(0, 1)]) {
        for (;;) {
          try {
            await writeFile(filler, piece, { flag: 'a' });
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'ENOSPC') break;
            throw error;
          }
        }
      }
    },
    free,
    close: async () => {
      await free();
      const kept = join(dir, 'logs-kept');
      await cp(logs, kept, { recursive: true });
      await run('umount', [logs]);
      await rm(logs, { recursive: true });
      await run('mv', [kept, logs]);
      await keeper.close();
    },
  };
}
