import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../settings.js';

const POLL_MS = 250;

/** Where fetched programs are kept, per user and outside the clone. */
export function defaultCacheDir(env: Environment): string {
  if (env['EXPUNGE_CACHE_DIR']) return env['EXPUNGE_CACHE_DIR'];
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'expunge');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Takes the lock, or says who holds it; the lock of a process that is gone is taken over. */
async function tryLock(lockFile: string): Promise<boolean> {
  try {
    await writeFile(lockFile, `${process.pid} ${hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const [pid, host] = (await readFile(lockFile, 'utf8').catch(() => '')).split(' ');
  if (host === hostname() && !isAlive(Number(pid))) {
    // Renamed away first: of two that see the dead lock, one takes it.
    const aside = `${lockFile}.${randomUUID()}`;
    await rename(lockFile, aside).then(
      () => rm(aside),
      () => undefined,
    );
  }
  return false;
}

/**
 * The folder `<cacheDir>/<key>`, built once: `build` fills a temporary folder, which is renamed when it is whole.
 * Two that ask at the same time build once; the second waits.
 */
export async function cached(
  cacheDir: string,
  key: string,
  build: (folder: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<string> {
  const folder = join(cacheDir, key);
  if (await exists(folder)) return folder;
  await mkdir(cacheDir, { recursive: true });
  const lockFile = `${folder}.lock`;
  while (!(await tryLock(lockFile))) {
    await delay(POLL_MS, undefined, signal ? { signal } : {});
    if (await exists(folder)) return folder;
  }
  const building = `${folder}.building-${randomUUID()}`;
  try {
    if (await exists(folder)) return folder;
    await mkdir(building);
    await build(building);
    await rename(building, folder);
    return folder;
  } finally {
    await rm(building, { recursive: true, force: true });
    await rm(lockFile, { force: true });
  }
}
