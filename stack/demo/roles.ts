import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { VARIABLES } from '../../platform/config-variables.js';
import { PartFailedError } from '../errors.js';
import { lastLines, type ProcessKeeper } from '../processes.js';
import type { Environment } from '../settings.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 120_000;
const POLL_MS = 150;

/** All roles of Expunge, in one process. */
export interface RunningRoles {
  readonly logFile: string;
  /** Settles when the process ends, with an error that says how and shows the end of its log. */
  readonly ended: Promise<PartFailedError>;
  stop(): Promise<void>;
}

/** What a deployment would set; short, so that a person need not wait. */
const QUICK = {
  RETRY_BACKOFF: '2s',
  MAX_RETRY_BACKOFF: '5s',
  TENANT_PURGE_GRACE: '0s',
  INVENTORY_MAX_STALENESS: '10s',
  WATCHER_INTERVAL: '10s',
  OUTBOX_POLL: '1s',
  SHUTDOWN_TIMEOUT: '10s',
  HEALTH_PORT: 'off', // the API has the same paths
  API_HOST: '127.0.0.1',
} as const;

/**
 * The environment of the roles: the machine's, but of Expunge's and Temporal's own variables only what the stack and the
 * demo set, so that a person's settings for another Expunge do not change what the demo shows.
 */
export const rolesEnv = (environment: Environment, stackEnv: Readonly<Record<string, string>>): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(environment).filter(([name]) => name === 'LOG_LEVEL' || !(name in VARIABLES || name.startsWith('TEMPORAL_')))),
  ...stackEnv,
  ...QUICK,
});

/** Starts `npm start` beside this process and waits until it is ready. @throws PartFailedError with the end of its log */
export async function startRoles(keeper: ProcessKeeper, env: Readonly<Record<string, string | undefined>>, logFile: string, signal: AbortSignal): Promise<RunningRoles> {
  const child = await keeper.start({ name: 'Expunge', command: process.execPath, args: ['build/start.js'], env, cwd: ROOT, logFile, stopGraceMs: 15_000 });
  const ended = child.exited.then((how) => new PartFailedError(`Expunge ended by itself (${how}). The end of ${logFile}:\n${lastLines(logFile)}`));
  const deadline = Date.now() + READY_WITHIN_MS;
  let found = 'nothing answers';
  try {
    while (found !== 'ready') {
      signal.throwIfAborted();
      if (child.hasExited()) throw await ended;
      if (Date.now() > deadline) throw new PartFailedError(`Expunge is not ready after ${READY_WITHIN_MS / 1000} s (${found}). The end of ${logFile}:\n${lastLines(logFile)}`);
      await delay(POLL_MS, undefined, { signal });
      found = await readiness(`${env['EXPUNGE_API_URL'] ?? ''}/readyz`);
    }
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { logFile, ended, stop: () => child.stop() };
}

/** `ready`, or what is missing. */
async function readiness(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return answer.ok ? 'ready' : (await answer.text()).trim();
  } catch {
    return 'nothing answers'; // not listening yet
  }
}
