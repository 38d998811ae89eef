import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from './fetch/commands.js';

/** When a process was started, as the system tells it; tells a process from a later one with the same id. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    const answer = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' } }).catch(() => '');
    return answer.trim() || undefined;
  }
}

/** Notes that this process holds the stack in `dir` up. */
export async function markHolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'holder'), `${process.pid}\n${(await startOf(process.pid)) ?? ''}\n`);
}

/** The process that holds the stack in `dir` up, if it still runs. */
export async function holderOf(dir: string): Promise<number | undefined> {
  const [pid, start] = (await readFile(join(dir, 'holder'), 'utf8').catch(() => '')).split('\n');
  if (!pid || !start) return undefined;
  return (await startOf(Number(pid))) === start ? Number(pid) : undefined;
}

/**
 * Asks the holder to stop the stack and waits until it has.
 * @returns false when no stack was up.
 * @throws Error when it is still there after the time.
 */
export async function stopHolder(dir: string, timeoutMs = 60_000): Promise<boolean> {
  const pid = await holderOf(dir);
  if (pid === undefined) {
    await rm(join(dir, 'env'), { force: true });
    return false;
  }
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + timeoutMs;
  while ((await holderOf(dir)) !== undefined) {
    if (Date.now() > deadline) throw new Error(`The stack (process ${pid}) did not stop within ${timeoutMs / 1000} s; see .stack/logs/stack.log.`);
    await delay(100);
  }
  return true;
}
