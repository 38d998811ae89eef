import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { runCommand, succeeds } from './fetch/commands.js';
import type { Environment } from './settings.js';

const COMPOSE_FILE = fileURLToPath(new URL('../docker-compose.temporal.yml', import.meta.url));

/** Whether a container engine runs here and has compose. */
export async function engineRuns(env: Environment): Promise<boolean> {
  if (!(await succeeds('docker', ['compose', 'version'], { env }))) return false;
  return succeeds('docker', ['info', '--format', '{{.ServerVersion}}'], { env });
}

/** One compose project per stack folder, so that two clones do not share containers. */
export const projectName = (dir: string): string => `expunge-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`;

/** The argv of `docker compose` for a stack's project. */
export const composeArgs = (dir: string, ...args: string[]): string[] => ['compose', '-f', COMPOSE_FILE, '-p', projectName(dir), '--profile', 'airflow', ...args];

/** Starts services and waits until they are healthy. @throws CommandFailedError */
export async function composeUp(dir: string, services: readonly string[], env: Environment, signal: AbortSignal): Promise<void> {
  await runCommand('docker', composeArgs(dir, 'up', '-d', '--wait', '--wait-timeout', '300', ...services), { env, signal });
}

/** Stops the project's containers; their volumes stay for the next run unless they are throwaway. */
export async function composeDown(dir: string, env: Environment, throwaway: boolean): Promise<void> {
  await runCommand('docker', composeArgs(dir, 'down', ...(throwaway ? ['--volumes'] : [])), { env, timeoutMs: 120_000 });
}

/** Stops services in good order; their volumes stay. */
export async function composeStop(dir: string, services: readonly string[], env: Environment): Promise<void> {
  await runCommand('docker', composeArgs(dir, 'stop', ...services), { env, timeoutMs: 60_000 });
}

/** Sends a signal to one part's containers. */
export async function composeKill(dir: string, services: readonly string[], signal: NodeJS.Signals, env: Environment): Promise<void> {
  await runCommand('docker', composeArgs(dir, 'kill', '-s', signal, ...services), { env, timeoutMs: 60_000 });
}
