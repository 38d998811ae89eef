import { ConfigFault, loadConfig } from './config.js';
import type { Environment } from './config.js';
import { createHealth, startHealthServer } from './health.js';
import { createLog } from './log.js';
import { createMetrics } from './metrics.js';
import { PolicyFault } from './policies.js';
import type { LoadRole, Role, RoleDeps, RunningRole } from './roles.js';
import { stopAll, stopOnSignals } from './shutdown.js';
import type { Stoppable, StopOrder } from './shutdown.js';

/** First what takes work in, then what does it, last what sends what was done. */
const STOP_GROUPS: readonly (readonly Role[])[] = [['ingress', 'nova', 'api', 'trigger', 'result'], ['worker'], ['relay']];

/**
 * Runs roles in this process until it is told to stop: for entry points. Configuration faults go to standard error, exit code 2;
 * a role that cannot start stops the others, exit code 1.
 * @param load where each role comes from; those are the roles that run.
 */
export async function runRoles(load: ReadonlyMap<Role, LoadRole>, env?: Environment): Promise<void> {
  const roles = [...load.keys()];
  const config = configOrExit(roles, env);
  const log = createLog({ level: config.log.level });
  const metrics = createMetrics({ processMetrics: true });
  const health = createHealth({ registry: metrics.registry, log });
  const stopping = new AbortController();
  const running = new Map<Role, RunningRole>();
  const listeners: Stoppable[] = [];
  const last: Stoppable[] = [];
  const order = (): StopOrder => [
    ...STOP_GROUPS.map((group) => group.flatMap((role): Stoppable[] => {
      const started = running.get(role);
      return started ? [{ name: role, stop: () => started.stop() }] : [];
    })),
    listeners,
    last,
  ];
  const timeoutMs = config.shutdownTimeoutMs;
  stopOnSignals(order, { timeoutMs, log, stopping });

  try {
    // Before the roles, so that nothing of theirs goes untraced; its module is not even loaded when it is off.
    if (config.tracing) {
      const tracing = (await import('./tracing/sdk.js')).startTracing(config.tracing, log);
      last.push({ name: 'tracing', stop: () => tracing.stop() });
      log.info({ collector: new URL(config.tracing.url).origin }, 'spans are sent');
    }
    for (const role of roles) health.addReadiness(role, () => running.get(role)?.ready() ?? false);
    health.beforeScrape(async () => {
      for (const [role, ready] of Object.entries(await health.readiness())) metrics.roleReady.set({ role }, ready ? 1 : 0);
    });
    const { host, port } = config.health;
    if (port !== 'off') {
      const server = await startHealthServer(health, { host, port });
      listeners.push({ name: 'health', stop: () => server.close() });
      log.info({ host, port: server.port }, 'health is served');
    }
    await Promise.all([...load].map(async ([role, loadRole]) => {
      const start = await loadRole();
      const deps: RoleDeps = { config, log: log.child({ role }), metrics, stopping: stopping.signal, health };
      running.set(role, await start(deps));
      log.info({ role }, 'role is running');
    }));
    log.info({ roles }, 'all roles are running');
  } catch (error) {
    if (stopping.signal.aborted) return; // a start that gave up because the process stops; the signal's listener exits
    log.fatal({ err: error }, 'cannot run');
    if (isFault(error)) process.stderr.write(`${error.message}\n`);
    stopping.abort(error);
    await stopAll(order(), { timeoutMs, log });
    process.exit(isFault(error) ? 2 : 1);
  }
}

const isFault = (error: unknown): error is Error => error instanceof ConfigFault || error instanceof PolicyFault;

function configOrExit(roles: readonly Role[], env: Environment | undefined): ReturnType<typeof loadConfig> {
  try {
    return loadConfig(env, { roles });
  } catch (error) {
    if (!isFault(error)) throw error;
    process.stderr.write(`${error.message}\nEvery variable is listed in the README.\n`);
    process.exit(2);
  }
}
