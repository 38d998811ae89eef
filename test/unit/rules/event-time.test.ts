import { expect, test } from 'vitest';
import { believedTime } from '../../../bridges/event-time.rules.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');

test('a time that has been is believed, and so is one of a clock that is a little ahead', () => {
  for (const said of ['1999-12-31T00:00:00Z', '2026-03-01T12:00:00Z', '2026-03-01T12:05:00Z']) {
    expect(believedTime(new Date(said), NOW)).toEqual({ at: new Date(said), wasAhead: false });
  }
});

test('a time that is still to come counts as a little after now, so that what follows counts again', () => {
  for (const said of ['2026-03-01T12:05:00.001Z', '2099-01-01T00:00:00Z', '+275760-09-13T00:00:00Z']) {
    expect(believedTime(new Date(said), NOW)).toEqual({ at: new Date('2026-03-01T12:05:00Z'), wasAhead: true });
  }
});
