import { describe, expect, test } from 'vitest';
import { changesToListing, type ListedService } from '../../../store/inventory/listing.rules.js';
import type { Service } from '../../../store/inventory/locked-tenant.js';

const T1 = new Date('2026-01-01T00:00:00Z');
const T2 = new Date('2026-02-01T00:00:00Z');
const listed = (serviceInstanceId: string, provisionedAt = T1, dependsOn: readonly string[] = []): ListedService => ({ serviceInstanceId, serviceType: 'database', dependsOn, provisionedAt });
const known = (serviceInstanceId: string, status: Service['status'] = 'ACTIVE', dependsOn: readonly string[] = []): Service => ({
  tenantId: 't',
  serviceInstanceId,
  serviceType: 'database',
  dependsOn,
  status,
  generation: 1,
  provisionedAt: T1,
  eventAt: T1,
});
const told = (listing: readonly ListedService[], inventory: readonly Service[]): string[] =>
  changesToListing('t', listing, inventory).map(({ eventType, serviceInstanceId, timestamp }) => `${serviceInstanceId} ${eventType.slice('service.'.length)} ${timestamp.toISOString().slice(0, 10)}`);

describe('what an authority lists', () => {
  test.each<[string, readonly ListedService[], readonly Service[], readonly string[]]>([
    ['is news when nothing is known of it', [listed('db')], [], ['db provisioned 2026-01-01']],
    ['is no news when it is known', [listed('db')], [known('db')], []],
    ['says that what it leaves out has gone', [], [known('db'), known('old', 'ERASED')], ['db deprovisioned 2026-01-01']],
    ['brings nothing back that was erased and is listed still', [listed('db')], [known('db', 'ERASED')], []],
    ['brings nothing back that was deprovisioned and is listed still', [listed('db')], [known('db', 'DEPROVISIONED')], []],
    ['is another incarnation when it was provisioned after the erased one', [listed('db', T2)], [known('db', 'ERASED')], ['db provisioned 2026-02-01']],
    ['is another incarnation although nobody told that the former had gone', [listed('db', T2)], [known('db')], ['db deprovisioned 2026-01-01', 'db provisioned 2026-02-01']],
    ['changes what a service depends on, in the same incarnation', [listed('app', T1, ['db'])], [known('app')], ['app provisioned 2026-01-01']],
    ['is not changed by the order of what a service depends on', [listed('app', T1, ['b', 'a'])], [known('app', 'ACTIVE', ['a', 'b'])], []],
  ])('%s', (_, listing, inventory, changes) => {
    expect(told(listing, inventory)).toEqual(changes);
  });
});
