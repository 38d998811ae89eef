import { setTimeout as delay } from 'node:timers/promises';
import { ClientFault } from '../../client/faults.js';
import type { ApiReader } from '../../client/api-reader.js';
import { provisionedEvents } from '../../client/service-events.rules.js';
import type { DeletionAnswer } from '../../contracts/api/deletions.js';
import type { TenantAnswer } from '../../contracts/api/tenants.js';
import type { DemoBus } from './bus.js';
import type { Script } from './cases.js';
import { TENANTS } from './cast.js';
import type { DemoData } from './data.js';
import type { Seen } from './expectations.rules.js';
import { rowOf } from './rows.rules.js';
import type { Screen } from './screen.js';
import type { FeedLine } from './table.rules.js';

/** What the play is given. */
export interface Stage {
  readonly script: Script;
  readonly api: ApiReader;
  readonly bus: DemoBus;
  readonly data: DemoData;
  readonly screen: Screen;
  readonly feed: readonly FeedLine[];
  /** Whether nothing waits to be sent any more. */
  readonly outboxIsEmpty: () => Promise<boolean>;
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  /** Shown above the table. */
  readonly heading: string;
  /** Aborted when the demo is to end: a person's Ctrl-C, or a part that died. */
  readonly signal: AbortSignal;
}

/** How it went: what was seen, and what did not come. */
export interface Play {
  readonly seen: Seen;
  /** Undefined when all came. */
  readonly missing: string | undefined;
}

/** Before any request of the demo. */
const PROVISIONED_AT = '2026-01-15T09:00:00Z';
const POLL_MS = 300;

/** There is no use in waiting longer; the message says for what. */
class NothingMoreComes extends Error {}

/** Plays the script: sends, watches, answers what it sees, until all has come or time is up. */
export async function play(stage: Stage): Promise<Play> {
  const { script, api, bus, data, signal } = stage;
  const deletions = new Map<string, DeletionAnswer>();
  const requestIds = script.cases.flatMap((one) => (one.kind === 'deletion' ? [one.requestId] : []));
  const malformed = script.cases.filter(({ kind }) => kind === 'malformed').length;
  let blocked: Seen['blocked'];
  let missing: string | undefined;

  const look = async (): Promise<void> => {
    const open = requestIds.filter((id) => deletions.get(id)?.final !== true);
    await Promise.all(open.map(async (id) => {
      const found = await ifKnown(() => api.deletion(id));
      if (found) deletions.set(id, found);
    }));
    const nowMs = Date.now();
    const rows = script.cases.map((one) => rowOf(one, { deletion: one.kind === 'deletion' ? deletions.get(one.requestId) : undefined, deadLetters: bus.seen.deadLetters }, nowMs));
    const over = rows.filter((row) => row.over).length;
    stage.screen.show({ heading: `Expunge demo · ${over} of ${rows.length} over · ${Math.round((nowMs - stage.startedAtMs) / 1000)} s${stage.heading}`, rows, feed: stage.feed }, nowMs - stage.startedAtMs);
  };
  const until = async (what: () => string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      await look();
      if (await holds()) return;
      const stuck = [...deletions.values()].find(({ parked, failure }) => parked && failure?.code !== 'DEPENDENCY_BLOCKED');
      if (stuck) throw new NothingMoreComes(`${stuck.requestId} is parked: ${stuck.failure?.code ?? stuck.status}, and nobody here moves it`);
      if (Date.now() > stage.deadlineMs) throw new NothingMoreComes(`time is up: ${what()}`);
      await delay(POLL_MS, undefined, { signal });
    }
  };
  const isCompleted = (id: string): boolean => deletions.get(id)?.status === 'COMPLETED';

  await bus.send(...provisionedEvents(TENANTS.flatMap(({ tenantId, services }) => services.map(({ instanceId, type, dependsOn = [] }) => ({ tenantId, serviceType: type, serviceInstanceId: instanceId, dependsOn }))), PROVISIONED_AT));
  const before = await data.count();
  try {
    await until(() => 'the inventory does not have all services that were provisioned', async () => (await allTenants(api)).every((tenant, i) => tenant?.services.length === TENANTS[i]?.services.length));
    await bus.send(...script.opening);
    await until(() => `${script.requests.database} is not refused for the app that uses it`, () => {
      const { failure, parked } = deletions.get(script.requests.database) ?? {};
      return parked === true && failure?.code === 'DEPENDENCY_BLOCKED' && bus.seen.notifications.some((one) => one.requestId === script.requests.database && one.failureCode === 'DEPENDENCY_BLOCKED');
    });
    blocked = await momentOf(script.requests.database, stage, deletions);
    await bus.send(script.app);
    await until(() => `${script.requests.redelivered} is not completed`, () => isCompleted(script.requests.redelivered));
    await bus.send(script.redelivered);
    await until(() => stillOpen(requestIds, deletions), () => requestIds.every(isCompleted));
    await until(() => `${bus.seen.deadLetters.length} of ${malformed} dead letters are there`, () => bus.seen.deadLetters.length >= malformed);
    await until(() => 'not all messages were read or sent', async () => (await stage.outboxIsEmpty()) && (await bus.isDrained()));
  } catch (error) {
    if (!(error instanceof NothingMoreComes)) throw error;
    missing = error.message;
  }
  // Once more, also those that had ended: a redelivery must not have changed them.
  for (const id of requestIds) {
    const found = await ifKnown(() => api.deletion(id));
    if (found) deletions.set(id, found);
  }
  const tenants = new Map((await allTenants(api)).flatMap((tenant) => (tenant ? [[tenant.tenantId, tenant]] : [])));
  return { seen: { deletions, blocked, tenants, before, after: await data.count(), messages: bus.seen }, missing };
}

const allTenants = (api: ApiReader): Promise<(TenantAnswer | undefined)[]> => Promise.all(TENANTS.map(({ tenantId }) => ifKnown(() => api.tenant(tenantId))));

async function momentOf(requestId: string, { script, data }: Stage, deletions: ReadonlyMap<string, DeletionAnswer>): Promise<Seen['blocked']> {
  const deletion = deletions.get(requestId);
  const owner = script.cases.find((one) => one.kind === 'deletion' && one.requestId === requestId)?.owner ?? '';
  const holding = (await data.count()).get(owner);
  return deletion && { deletion, holding: holding ?? { rows: 0, files: 0 } };
}

const stillOpen = (requestIds: readonly string[], deletions: ReadonlyMap<string, DeletionAnswer>): string =>
  requestIds.filter((id) => deletions.get(id)?.status !== 'COMPLETED').map((id) => {
    const { status = 'not in the ledger', failure = null } = deletions.get(id) ?? {};
    return `${id} is ${status}${failure ? ` (${failure.code}: ${failure.message})` : ''}`;
  }).join('; ');

/** What is read, or undefined while it is not known or cannot be asked for: the deadline ends the waiting. */
async function ifKnown<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ClientFault && (error.kind === 'not-found' || error.kind === 'unreachable')) return undefined;
    throw error;
  }
}
