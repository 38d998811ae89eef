import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAILURE_CODES } from '../../../contracts/names/index.js';
import { afterFailedAttempt, DUE_SOON_MS, nextReminder, refusalOf, waitBeforeLookingAgainMs, type ActName, type Phase } from '../../../workflows/deletion.rules.js';

const phases: Phase[] = ['grace', 'held', 'pending', 'sent', 'backoff', 'parked', 'ended'];
const acts: ActName[] = ['retry', 'cancel', 'hold', 'release'];
const DAY_MS = 24 * 3_600_000;

describe('what a person may ask', () => {
  const allowed = (act: ActName, held: boolean): Phase[] => phases.filter((phase) => refusalOf(act, { requestId: 'r', phase, attempt: 1, held }) === undefined);

  test('a retry: while it is parked, or waits for its next attempt', () => {
    expect(allowed('retry', false)).toEqual(['backoff', 'parked']);
  });
  test('a cancel: whenever Airflow is not at it', () => {
    expect(allowed('cancel', false)).toEqual(['grace', 'held', 'pending', 'backoff', 'parked']);
  });
  test('a hold once, a release of what is held; neither after the end', () => {
    expect(allowed('hold', false)).toEqual(phases.filter((phase) => phase !== 'ended'));
    expect(allowed('hold', true)).toEqual([]);
    expect(allowed('release', true)).toEqual(phases.filter((phase) => phase !== 'ended'));
    expect(allowed('release', false)).toEqual([]);
  });
  test('a refusal says in what state the deletion is', () => {
    expect(refusalOf('retry', { requestId: 'r', phase: 'sent', attempt: 2, held: false })).toBe('not parked: the deletion is with Airflow (attempt 2)');
    expect(refusalOf('cancel', { requestId: 'r', phase: 'sent', attempt: 1, held: false })).toContain('too late to cancel: the deletion is with Airflow (attempt 1)');
    expect(refusalOf('release', { requestId: 'r', phase: 'grace', attempt: 0, held: false })).toBe('not on hold: the deletion is in its grace period');
    for (const act of acts) expect(refusalOf(act, { requestId: 'r', phase: 'ended', attempt: 3, held: true })).toBe('the deletion has ended');
  });
});

describe('after an attempt without success', () => {
  const policy = fc.record({ autoRetries: fc.nat(100), retryBackoffMs: fc.nat(10 * DAY_MS), maxRetryBackoffMs: fc.nat(100 * DAY_MS) });
  const code = fc.constantFrom(...FAILURE_CODES);

  test('each retry waits twice as long as the one before, up to the most', () => {
    const some = { autoRetries: 6, retryBackoffMs: 1_000, maxRetryBackoffMs: 10_000 };
    const moves = [0, 1, 2, 3, 4, 5, 6, 7].map((used) => afterFailedAttempt(some, used, 'DAG_FAILED'));
    expect(moves.map((move) => (move.move === 'retry' ? move.inMs : 'park'))).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 'park', 'park']);
  });

  test('there are as many retries as the policy says, none longer than its most, none shorter than the one before', () => {
    fc.assert(fc.property(policy, fc.constantFrom('DAG_FAILED', 'RESULT_TIMEOUT', 'DAG_NOT_FOUND'), (given, failureCode) => {
      const waits: number[] = [];
      for (let used = 0; ; used++) {
        const next = afterFailedAttempt(given, used, failureCode);
        if (next.move === 'park') break;
        waits.push(next.inMs);
      }
      expect(waits).toHaveLength(given.autoRetries);
      expect(waits).toEqual([...waits].sort((a, b) => a - b));
      for (const inMs of waits) {
        expect(inMs).toBeGreaterThanOrEqual(Math.min(given.retryBackoffMs, given.maxRetryBackoffMs));
        expect(inMs).toBeLessThanOrEqual(given.maxRetryBackoffMs);
      }
    }));
  });

  test('what no retry can mend is parked at once', () => {
    fc.assert(fc.property(policy, fc.nat(100), code, (given, used, failureCode) => {
      const hopeless = ['NO_ERASER', 'CONF_REFUSED', 'RUN_MISMATCH'].includes(failureCode);
      expect(afterFailedAttempt(given, used, failureCode).move).toBe(hopeless || used >= given.autoRetries ? 'park' : 'retry');
    }));
  });
});

describe('reminders of a parked deletion', () => {
  const windowMs = fc.integer({ min: 1, max: 400 * DAY_MS });
  const dueInMs = fc.oneof(fc.integer({ min: -400 * DAY_MS, max: 400 * DAY_MS }), fc.constantFrom(0, DUE_SOON_MS, -Infinity, Infinity));

  test('always come: after some time, and never later than the parking window', () => {
    fc.assert(fc.property(windowMs, dueInMs, (parkingWindowMs, due) => {
      const { inMs } = nextReminder(parkingWindowMs, due);
      expect(inMs).toBeGreaterThan(0);
      expect(inMs).toBeLessThanOrEqual(parkingWindowMs);
    }));
  });

  test('tell once that the due date comes near, once that it is past, and otherwise every window', () => {
    fc.assert(fc.property(fc.integer({ min: DAY_MS, max: 60 * DAY_MS }), fc.integer({ min: -10 * DAY_MS, max: 60 * DAY_MS }), (parkingWindowMs, dueAtStart) => {
      const told: string[] = [];
      let dueIn = dueAtStart;
      for (let count = 0; count < 200 && dueIn > -30 * DAY_MS; count++) {
        const { inMs, what } = nextReminder(parkingWindowMs, dueIn);
        dueIn -= inMs;
        told.push(what);
      }
      expect(told.filter((what) => what === 'due-soon')).toHaveLength(dueAtStart > DUE_SOON_MS ? 1 : 0);
      expect(told.filter((what) => what === 'overdue')).toHaveLength(dueAtStart > 0 ? 1 : 0);
    }));
  });

  test('are of what comes first', () => {
    expect(nextReminder(7 * DAY_MS, 30 * DAY_MS)).toEqual({ inMs: 7 * DAY_MS, what: 'still-parked' });
    expect(nextReminder(7 * DAY_MS, 5 * DAY_MS)).toEqual({ inMs: 2 * DAY_MS, what: 'due-soon' });
    expect(nextReminder(7 * DAY_MS, 2 * DAY_MS)).toEqual({ inMs: 2 * DAY_MS, what: 'overdue' });
    expect(nextReminder(7 * DAY_MS, -DAY_MS)).toEqual({ inMs: 7 * DAY_MS, what: 'still-parked' });
  });
});

test('looks at what it waits for come ever later, within bounds, however often it looked', () => {
  fc.assert(fc.property(fc.nat(100_000), (looks) => {
    for (const [reason, mostMs] of [['waiting', 3_600_000], ['stale-inventory', 30_000]] as const) {
      const waitMs = waitBeforeLookingAgainMs(reason, looks);
      expect(waitMs).toBeGreaterThanOrEqual(1_000);
      expect(waitMs).toBeLessThanOrEqual(mostMs);
      expect(waitBeforeLookingAgainMs(reason, looks + 1)).toBeGreaterThanOrEqual(waitMs);
    }
  }));
});
