import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../../platform/duration.js';

test.each([
  ['500ms', 500], ['90s', 90_000], ['30m', 1_800_000], ['24h', 86_400_000], ['7d', 604_800_000], ['0s', 0], [' 5s ', 5_000], ['3650d', 315_360_000_000],
])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', '5', '5 s', '1.5h', '-1s', '24H', '1h30m', 'soon', '3651d', '99999999999999d', 's'])('"%s" is refused with the form that is wanted', (text) => {
  expect(() => parseDuration(text)).toThrow(/is not a duration: write a whole number and a unit/);
});

test('formatting parses back to the same', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 300_000_000_000 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  expect([0, 1, 90_000, 86_400_000].map(formatDuration)).toEqual(['0ms', '1ms', '90s', '1d']);
});
