import { createHash } from 'node:crypto';
import { chmod, chown, cp, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissingToolError } from './errors.js';
import { runCommand, succeeds } from './fetch/commands.js';
import type { Environment } from './settings.js';

/** A user of this machine, as the kernel knows it. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A user without rights, for programs that refuse to run as root.
 * @throws MissingToolError when the machine has neither `postgres` nor `nobody`.
 */
export async function unprivilegedUser(env: Environment): Promise<SystemUser> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const uid = Number(await runCommand('id', ['-u', name], { env }));
      const gid = Number(await runCommand('id', ['-g', name], { env }));
      if (uid > 0 && gid > 0) return { uid, gid };
    } catch {
      // no such user: the next
    }
  }
  throw new MissingToolError('PostgreSQL does not run as root and this machine has no user `postgres` or `nobody`: run as another user, or set DATABASE_URL.');
}

const mayWrite = (folder: string, user: SystemUser): Promise<boolean> =>
  succeeds('test', ['-w', folder], { env: { PATH: '/usr/bin:/bin' }, cwd: '/', user });

/** A folder in the system's temporary folder that belongs to this user and to no one else. */
async function ownFolder(name: string, owner: SystemUser, mode: number): Promise<string> {
  const folder = join(tmpdir(), name);
  await mkdir(folder, { mode: 0o700 }).then(
    async () => {
      await chown(folder, owner.uid, owner.gid);
      await chmod(folder, mode);
    },
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    },
  );
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== owner.uid) {
    throw new Error(`${folder} belongs to someone else: remove it, or set TMPDIR to another folder.`);
  }
  return folder;
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** `wanted` made the user's own where the user can reach it, else a folder beside the system's temporary files. */
export async function reachableFolder(wanted: string, user: SystemUser): Promise<string> {
  await mkdir(wanted, { recursive: true });
  await chown(wanted, user.uid, user.gid);
  if (await mayWrite(wanted, user)) return wanted;
  return ownFolder(`expunge-data-${shortHash(wanted)}`, user, 0o700);
}

/** A copy of a folder of programs where any user can run them; made once. */
export async function reachableCopy(source: string, label: string, signal: AbortSignal): Promise<string> {
  const base = await ownFolder('expunge-programs', { uid: 0, gid: 0 }, 0o755);
  const copy = join(base, shortHash(`${source} ${label}`));
  const present = await lstat(copy).then(
    () => true,
    () => false,
  );
  if (present) return copy;
  const making = `${copy}.${process.pid}`;
  await cp(source, making, { recursive: true, verbatimSymlinks: true });
  signal.throwIfAborted();
  await runCommand('chmod', ['-R', 'a+rX', making], { env: { PATH: '/usr/bin:/bin' } });
  await rename(making, copy).catch(async (error: unknown) => {
    await rm(making, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error; // another run made it meanwhile
  });
  return copy;
}
