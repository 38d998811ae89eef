import { expect, test } from 'vitest';
import { isIncarnationAskedFor } from '../../../store/inventory/incarnation.rules.js';

const at = (minute: number): Date => new Date(Date.UTC(2026, 1, 11, 10, minute));
const asked = (generation: number) => ({ generation, requestedAt: at(30) });
const there = (generation: number, provisionedAt: Date) => ({ generation, provisionedAt });

test.each([
  ['the one that was known at receipt', asked(2), there(2, at(40)), true],
  ['one that is not there: nothing else could be hit', asked(1), undefined, true],
  ['one provisioned anew', asked(1), there(2, at(40)), false],
  ['one provisioned anew, by a clock that is behind', asked(1), there(2, at(20)), false],
  ['one heard of only after the request, and provisioned before it', asked(0), there(1, at(20)), true],
  ['one heard of only after the request, and provisioned with it', asked(0), there(1, at(30)), true],
  ['one heard of after the request, and provisioned after it', asked(0), there(1, at(31)), false],
  ['the second that was heard of after the request', asked(0), there(2, at(20)), false],
  ['an earlier one than was asked for', asked(3), there(2, at(20)), false],
] as const)('what was asked for: %s', (_, request, service, is) => {
  expect(isIncarnationAskedFor(request, service)).toBe(is);
});
