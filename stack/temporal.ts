import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { hostAndPort } from './addresses.js';
import { fetchTemporalCli } from './fetch/temporal-cli.js';
import { onPath, runCommand } from './fetch/commands.js';
import type { Part, Program } from './parts.js';

/** The oldest server that has all that the workflows use (update-with-start, worker versioning). */
const SERVER_MINIMUM = [1, 28] as const;

/** Whether `temporal --version` names a development server that is new enough. */
export function serverIsRecent(versionLine: string): boolean {
  const [, major, minor] = /[Ss]erver (\d+)\.(\d+)/.exec(versionLine) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > SERVER_MINIMUM[0] || (Number(major) === SERVER_MINIMUM[0] && Number(minor) >= SERVER_MINIMUM[1]);
}

async function isServing(address: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: 2_000 });
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    return true;
  } catch {
    return false; // not up yet
  } finally {
    await connection?.close();
  }
}

export const temporal: Part = {
  name: 'temporal',
  title: 'Temporal',
  addressVariable: 'TEMPORAL_ADDRESS',
  variablePrefixes: ['TEMPORAL_'],
  ports: [
    { key: 'temporal', variable: 'STACK_TEMPORAL_PORT', usual: 7233 },
    { key: 'temporalUi', variable: 'STACK_TEMPORAL_UI_PORT', usual: 8233 },
    { key: 'temporalHttp', variable: 'STACK_TEMPORAL_HTTP_PORT', usual: 7243 },
    { key: 'temporalMetrics', variable: 'STACK_TEMPORAL_METRICS_PORT', usual: 7253 },
  ],
  composeServices: ['temporal', 'temporal-ui'],
  hostAndPort: (address) => hostAndPort(address, 7233),
  env: (ports) => ({
    TEMPORAL_ADDRESS: `127.0.0.1:${ports['temporal']}`,
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_UI_URL: `http://127.0.0.1:${ports['temporalUi']}`,
  }),
  programEnv: (program) => ({ TEMPORAL_CLI: program.command }),
  async findOnMachine({ environment }) {
    const command = await onPath(['temporal'], environment);
    if (command === undefined) return undefined;
    const version = (await runCommand(command, ['--version'], { env: environment, timeoutMs: 20_000 })).trim();
    return serverIsRecent(version) ? { label: `${command} (${version})`, command } : undefined;
  },
  fetch: fetchTemporalCli,
  fetchNote: 'building the Temporal CLI with Go (once, about 3 minutes)',
  async launch(program: Program, { ports, dataDir, durability, environment }) {
    await mkdir(dataDir, { recursive: true });
    const storage =
      durability !== 'throwaway' ? ['--db-filename', join(dataDir, 'temporal.db'), '--sqlite-pragma', 'journal_mode=WAL'] : [];
    return {
      command: program.command,
      args: [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
        ...['--port', String(ports['temporal']), '--ui-port', String(ports['temporalUi'])],
        ...['--http-port', String(ports['temporalHttp']), '--metrics-port', String(ports['temporalMetrics'])],
        ...storage,
      ],
      // Without HOME's configuration: a profile there may name another address.
      env: Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_'))),
      cwd: dataDir,
      stopGraceMs: 5_000,
    };
  },
  isHealthy: (env) => isServing(env['TEMPORAL_ADDRESS'] ?? ''),
  startTimeoutMs: 60_000,
};
