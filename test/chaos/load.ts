import { isDeepStrictEqual } from 'node:util';
import type { House } from '../support/house.js';
import { serviceEvent, serviceRequest, userRequest } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';
import type { Random } from './random.js';

/** How much there is to delete. */
export interface LoadShape {
  readonly users: number;
  readonly tenants: number;
  readonly servicesEach: number;
}

export const usualLoad = (long: boolean): LoadShape => (long ? { users: 120, tenants: 24, servicesEach: 5 } : { users: 16, tenants: 5, servicesEach: 4 });

/** What becomes of a tenant: `erased` when all its services are deleted in GDPR mode, `empty` without, `stays` when one service is not asked for. */
export type TenantFate = 'erased' | 'empty' | 'stays';
const FATES: readonly TenantFate[] = ['erased', 'empty', 'stays'];

export interface ChaosTenant {
  readonly tenantId: string;
  readonly fate: TenantFate;
  readonly services: readonly string[];
  /** The service that nobody asked to be deleted. */
  readonly bystander?: string;
}

export interface ChaosRequest {
  readonly requestId: string;
  /** What is to be deleted: `user u-1`, `service t-1/s0`. */
  readonly subject: string;
  readonly message: { readonly topic: string; readonly key: string; readonly value: Record<string, unknown> };
}

/** Deletions of both kinds over several tenants, and what must survive them. */
export interface ChaosLoad {
  readonly users: readonly string[];
  readonly bystanderUsers: readonly string[];
  readonly tenants: readonly ChaosTenant[];
  /** Every request once; some subjects have two. */
  readonly requests: readonly ChaosRequest[];
  /** As they are sent: those of one key in order, some a second time. */
  readonly sequence: readonly ChaosRequest[];
  readonly ids: readonly string[];
  /** What was there before of the bystanders. */
  readonly bystanderData: () => Promise<unknown>;
}

const REDELIVERED = 0.1;
const ASKED_TWICE = 0.1;

/** Makes subjects, their data and their place in the inventory, and the requests, of which none is sent yet. */
export async function prepareLoad(house: House, { users, tenants, servicesEach }: LoadShape, random: Random): Promise<ChaosLoad> {
  const userIds = Array.from({ length: users }, () => random.id('user'));
  const bystanderUsers = [random.id('user'), random.id('user')];
  const chosen: ChaosTenant[] = Array.from({ length: tenants }, (_, n) => {
    const fate = FATES[n % FATES.length]!;
    return { tenantId: random.id('tenant'), fate, services: Array.from({ length: servicesEach }, (_, s) => `s${s}`), ...(fate === 'stays' && { bystander: 'kept' }) };
  });
  await provisionAll(house, chosen);
  await Promise.all([...userIds, ...bystanderUsers].map((user) => house.data.addUser(user)));
  await Promise.all(chosen.map(async ({ tenantId, services, bystander }) => {
    await house.data.addTenant(tenantId);
    await Promise.all([...services, ...(bystander === undefined ? [] : [bystander])].map((service) => house.data.addService(tenantId, service)));
  }));

  const ofUsers = userIds.map((user) => Array.from({ length: random.number() < ASKED_TWICE ? 2 : 1 }, (): ChaosRequest => {
    const { requestId, ...message } = userRequest(user, random.id('req'));
    return { requestId, subject: `user ${user}`, message };
  }));
  const ofServices = chosen.map(({ tenantId, fate, services }) => services.map((serviceInstanceId): ChaosRequest => {
    const { requestId, ...message } = serviceRequest({ tenantId, serviceInstanceId, gdprMode: fate === 'erased', traceId: random.id('trace') });
    return { requestId, subject: `service ${tenantId}/${serviceInstanceId}`, message };
  }));
  const perKey = [...ofUsers, ...ofServices];
  const requests = perKey.flat();
  const again = requests.filter(() => random.number() < REDELIVERED);
  const sequence = [...mixed(perKey, random).flatMap((request) => (random.number() < REDELIVERED ? [request, request] : [request])), ...again];
  const bystanderData = () => dataOfBystanders(house, bystanderUsers, chosen);
  const before = await bystanderData();
  if (isDeepStrictEqual(before, {})) throw new Error('The bystanders have no data: nothing would be shown by its survival.');
  return { users: userIds, bystanderUsers, tenants: chosen, requests, sequence, ids: requests.map(({ requestId }) => requestId), bystanderData };
}

/** The first service of a tenant depends on the second, whose deletion has to wait for it. */
async function provisionAll(house: House, tenants: readonly ChaosTenant[]): Promise<void> {
  const all = tenants.flatMap(({ tenantId, services, bystander }) => [...services, ...(bystander === undefined ? [] : [bystander])].map((service) => ({ tenantId, service })));
  await house.send(...all.map(({ tenantId, service }) => serviceEvent('service.provisioned', tenantId, service, { dependsOn: service === 's0' ? ['s1'] : [] })));
  await waitFor('the inventory has all services', async () => {
    const [row] = await house.ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM services WHERE tenant_id = ANY($1)', [tenants.map(({ tenantId }) => tenantId)]);
    return row?.n === all.length;
  }, 60_000);
}

/** One sequence out of many, each of which keeps its order. */
function mixed<T>(queues: readonly (readonly T[])[], random: Random): T[] {
  const left = queues.map((queue) => [...queue]);
  const turns = random.shuffle(queues.flatMap((queue, n) => queue.map(() => n)));
  return turns.map((n) => left[n]!.shift()!);
}

async function dataOfBystanders(house: House, users: readonly string[], tenants: readonly ChaosTenant[]): Promise<Record<string, readonly string[]>> {
  const ofUsers = users.map(async (user) => [`user ${user}`, await house.data.ofUser(user)] as const);
  const kept = tenants.filter(({ bystander }) => bystander !== undefined);
  const ofServices = kept.map(async ({ tenantId, bystander }) => [`service ${tenantId}/${bystander ?? ''}`, await house.data.ofService(tenantId, bystander ?? '')] as const);
  return Object.fromEntries((await Promise.all([...ofUsers, ...ofServices])).filter(([, left]) => left.length > 0));
}
