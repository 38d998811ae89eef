import type { Config } from './config.js';
import type { Health } from './health.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

export { ROLES } from './role-names.js';
export type { Role } from './role-names.js';

/** What every role is started with; whatever else it needs it makes from these, and closes when it stops. */
export interface RoleDeps {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Aborts when the process is asked to stop: whoever waits for another system while starting gives up then. */
  readonly stopping?: AbortSignal;
  /** The process's health, for a role that also serves it on a port of its own. */
  readonly health?: Health;
}

/** A role that runs. */
export interface RunningRole {
  /** Whether it does its work now: what /readyz asks. */
  ready(): boolean | Promise<boolean>;
  /** Finishes what is in hand, takes nothing new, and closes what it opened. */
  stop(): Promise<void>;
}

export type StartRole = (deps: RoleDeps) => Promise<RunningRole>;

/** Gets a role's start function, loading its module only now: a role that needs no Kafka does not load it. */
export type LoadRole = () => Promise<StartRole>;
