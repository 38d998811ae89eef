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

/** Takes a dead lock away: renamed first, and given back when it was another's new lock by then. */
async function removeDeadLock(lockFile: string, dead: string): Promise<void> {
  const aside = `${lockFile}.${randomUUID()}`;
  try {
    await rename(lockFile, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // another took it away
    throw error;
  }
  if ((await readFile(aside, 'utf8')) === dead) await rm(aside);
  else await rename(aside, lockFile);
}

/** Takes the lock, or says who holds it; the lock of a process that is gone is taken over. */
async function tryLock(lockFile: string): Promise<boolean> {
  try {
    await writeFile(lockFile, `${process.pid} ${hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = await readFile(lockFile, 'utf8').catch(() => '');
  const [pid, host] = found.split(' ');
  if (host === hostname() && !isAlive(Number(pid))) await removeDeadLock(lockFile, found);
  return false;
}

/** For what holds its own path (a Python environment) and so cannot be renamed: it is built in place and marked when it is whole. */
const WHOLE = '.whole';

/**
 * The folder `<cacheDir>/<key>`, built once: `build` fills a temporary folder, which is renamed when it is whole.
 * Two that ask at the same time build once; the second waits. `onMissing` is called when it is not there yet.
 */
export async function cached(
  cacheDir: string,
  key: string,
  build: (folder: string) => Promise<void>,
  options: { readonly signal?: AbortSignal | undefined; readonly inPlace?: boolean; readonly onMissing?: () => void } = {},
): Promise<string> {
  const { signal, inPlace = false } = options;
  const folder = join(cacheDir, key);
  const isWhole = (): Promise<boolean> => exists(inPlace ? join(folder, WHOLE) : folder);
  if (await isWhole()) return folder;
  options.onMissing?.();
  await mkdir(cacheDir, { recursive: true });
  const lockFile = `${folder}.lock`;
  while (!(await tryLock(lockFile))) {
    await delay(POLL_MS, undefined, signal ? { signal } : {});
    if (await isWhole()) return folder;
  }
  const building = inPlace ? folder : `${folder}.building-${randomUUID()}`;
  try {
    if (await isWhole()) return folder;
    await rm(building, { recursive: true, force: true });
    await mkdir(building);
    await build(building);
    if (inPlace) await writeFile(join(folder, WHOLE), '');
    else await rename(building, folder);
    return folder;
  } finally {
    if (!(await isWhole()) || !inPlace) await rm(building, { recursive: true, force: true });
    await rm(lockFile, { force: true });
  }
}
