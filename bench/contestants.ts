import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Role } from '../platform/roles.js';
import { choosePorts } from '../stack/ports.js';
import { lastLines, type ManagedProcess } from '../stack/processes.js';
import { PATIENCE_MS } from './load/run-load.js';
import type { Rig } from './rig.js';

export const CONTESTANTS = ['expunge', 'bare, normal activities', 'bare, local activities'] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** One process for each role, or one for all. */
export type Split = 'apart' | 'together';

export interface StartOptions {
  readonly split: Split;
  /** How many processes of a role; one when left out. */
  readonly copies?: Readonly<Partial<Record<Role, number>>>;
  /** Only these roles. */
  readonly roles?: readonly Role[];
  readonly env?: Readonly<Record<string, string>>;
  /** Variables of one process, by its name. */
  readonly envOf?: (process: string) => Readonly<Record<string, string>>;
  /** Where CPU profiles go. */
  readonly profileDir?: string | undefined;
}

/** The processes of a contestant. */
export interface RunningContestant {
  readonly name: Contestant;
  /** By role; `worker-2` for the second of a role. */
  pids(): Record<string, number>;
  /** Adds up a metric over all processes, of samples that have these labels. */
  metric(name: string, labels: Readonly<Record<string, string>>): Promise<number>;
  /** Kills all of them at once with SIGKILL, and waits until they are gone. */
  crash(): Promise<void>;
  /** Starts what does not run, and waits until all are ready. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Member {
  readonly name: string;
  readonly roles: readonly Role[];
  process?: ManagedProcess;
  /** Of `/readyz` and `/metrics`. */
  healthUrl?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const READY_WITHIN_MS = 90_000;
const STOP_GRACE_MS = 30_000;
const POLL_MS = 100;

const ROLES: Readonly<Record<Contestant, readonly Role[]>> = {
  expunge: ['worker', 'ingress', 'trigger', 'result', 'relay'],
  'bare, normal activities': ['worker', 'ingress', 'trigger', 'result'],
  'bare, local activities': ['worker', 'ingress', 'trigger', 'result'],
};

function programOf(name: Contestant, roles: readonly Role[]): string[] {
  const list = roles.join(',');
  switch (name) {
    case 'expunge':
      return ['build/start.js', '--roles', list];
    case 'bare, normal activities':
      return ['build/bench/bare/main.js', '--activities', 'normal', '--roles', list];
    case 'bare, local activities':
      return ['build/bench/bare/main.js', '--activities', 'local', '--roles', list];
  }
}

function membersOf(name: Contestant, { split, copies = {}, roles = ROLES[name] }: StartOptions): Member[] {
  if (split === 'together') return [{ name: 'all roles', roles }];
  return roles.flatMap((role) => Array.from({ length: copies[role] ?? 1 }, (_, n) => ({ name: n === 0 ? role : `${role}-${n + 1}`, roles: [role] })));
}

/** Starts a contestant's processes and waits until all are ready. */
export async function startContestant(rig: Rig, name: Contestant, options: StartOptions): Promise<RunningContestant> {
  const members = membersOf(name, options);

  const startMember = async (member: Member): Promise<void> => {
    if (member.process?.hasExited() === false) return;
    const { health = 0 } = await choosePorts([{ name: 'health' }]);
    const logFile = join(rig.logDir, `${name.replaceAll(/\W+/g, '-')}-${member.name.replaceAll(' ', '-')}.log`);
    const profiling = options.profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(options.profileDir, `${name.replaceAll(/\W+/g, '-')}-${member.name}`)}`];
    const child = await rig.keeper.start({
      name: `${name}: ${member.name}`,
      command: process.execPath,
      args: [...profiling, ...programOf(name, member.roles)],
      env: { ...rig.env, ...options.env, ...options.envOf?.(member.name), HEALTH_PORT: String(health) },
      cwd: root, logFile, stopGraceMs: STOP_GRACE_MS,
    });
    member.process = child;
    const healthUrl = `http://127.0.0.1:${health}`;
    member.healthUrl = healthUrl;
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await isReady(`${healthUrl}/readyz`))) {
      if (child.hasExited()) throw new Error(`${name}: ${member.name} ended with ${await child.exited} before it was ready:\n${lastLines(logFile)}`);
      if (Date.now() > deadline) throw new Error(`${name}: ${member.name} was not ready within ${READY_WITHIN_MS / 1000} s:\n${lastLines(logFile)}`);
      await sleep(POLL_MS);
    }
  };

  const contestant: RunningContestant = {
    name,
    pids: () => Object.fromEntries(members.flatMap(({ name: role, process }) => (process?.hasExited() === false ? [[role, process.pid]] : []))),
    metric: async (metric, labels) => {
      const texts = await Promise.all(members.map(async ({ healthUrl = '' }) => (await fetch(`${healthUrl}/metrics`)).text()));
      return texts.reduce((sum, text) => sum + metricOf(text, metric, labels), 0);
    },
    start: async () => {
      await Promise.all(members.map(startMember));
    },
    crash: async () => {
      for (const { process } of members) process?.kill('SIGKILL');
      await Promise.all(members.flatMap(({ process }) => process?.exited ?? []));
    },
    stop: async () => {
      await Promise.all(members.flatMap(({ process }) => process?.stop() ?? []));
    },
  };
  try {
    await contestant.start();
  } catch (error) {
    await contestant.stop();
    throw error;
  }
  return contestant;
}

/** Of Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
function metricOf(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false; // not listening yet
  }
}

/** Makes the services known that are to be deleted, and waits until the inventory is current. */
export async function provision(rig: Rig, { provisioning, tenantIds }: { readonly provisioning: readonly Parameters<Rig['driver']['send']>[0][number][]; readonly tenantIds: readonly string[] }): Promise<void> {
  if (provisioning.length === 0) return;
  for (let n = 0; n < provisioning.length; n += 500) await rig.driver.send(provisioning.slice(n, n + 500));
  const deadline = Date.now() + PATIENCE_MS + provisioning.length * 20;
  for (;;) {
    const [row] = await rig.ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM services WHERE tenant_id = ANY($1)', [tenantIds]);
    if (row?.n === provisioning.length) return;
    if (Date.now() > deadline) throw new Error(`The inventory has ${row?.n ?? 0} of ${provisioning.length} services that were provisioned`);
    await sleep(POLL_MS);
  }
}
