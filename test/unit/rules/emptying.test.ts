import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideOnTenant, purgeAfter, type TenantVerdict } from '../../../activities/emptying.rules.js';
import type { Tenant } from '../../../store/inventory/locked-tenant.js';

const statuses: Tenant['status'][] = ['UNKNOWN', 'ACTIVE', 'EMPTY', 'ERASED'];

describe('what a tenant is', () => {
  test.each<[Tenant['status'], number, number, TenantVerdict]>([
    ['UNKNOWN', 0, 0, 'unknown'],
    ['UNKNOWN', 0, 1, 'unknown'],
    ['ACTIVE', 1, 0, 'has-services'],
    ['ACTIVE', 1, 1, 'has-services'],
    ['ACTIVE', 0, 1, 'deletions-under-way'],
    ['ACTIVE', 0, 0, 'becomes-empty'],
    ['EMPTY', 0, 0, 'empty'],
    ['EMPTY', 0, 1, 'empty'],
    ['ERASED', 0, 0, 'empty'],
  ])('%s with %i active services and %i deletions under way is: %s', (status, services, underWay, verdict) => {
    expect(decideOnTenant({ status }, services, underWay)).toBe(verdict);
  });

  test('becomes empty only from ACTIVE with nothing left and nothing under way: once an emptying', () => {
    fc.assert(fc.property(fc.constantFrom(...statuses), fc.nat(3), fc.nat(3), (status, services, underWay) => {
      const becomes = decideOnTenant({ status }, services, underWay) === 'becomes-empty';
      expect(becomes).toBe(status === 'ACTIVE' && services === 0 && underWay === 0);
    }));
  });
});

describe('what follows an emptying', () => {
  test.each([
    [0, 0, 'none'],
    [0, 3, 'none'],
    [1, 0, 'automatic'],
    [7, 0, 'automatic'],
    [1, 1, 'ask-a-person'],
    [9, 1, 'ask-a-person'],
  ] as const)('after %i GDPR deletions and %i others: %s', (gdprDeletions, otherDeletions, purge) => {
    expect(purgeAfter({ gdprDeletions, otherDeletions })).toBe(purge);
  });
});
