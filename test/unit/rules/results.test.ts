import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DELETION_STATUSES, isFinal } from '../../../contracts/names/index.js';
import { judgeResult } from '../../../store/ledger/results.rules.js';

const result = fc.constantFrom('SUCCESS' as const, 'FAILURE' as const);
const deletion = fc.record({ status: fc.constantFrom(...DELETION_STATUSES), attempt: fc.integer({ min: 1, max: 3 }) });
const attempt = fc.record({ attempt: fc.integer({ min: 1, max: 3 }), result: fc.option(result) });
const any = [deletion, attempt, result] as const;

describe('a result', () => {
  test('of SUCCESS is told to the workflow whenever the deletion has not ended, and again when it has completed it', () => {
    fc.assert(fc.property(deletion, attempt, (of, its) => {
      expect(judgeResult(of, its, 'SUCCESS').wake).toBe(!isFinal(of.status) || (of.status === 'COMPLETED' && its.result === 'SUCCESS'));
    }));
  });
  test('of FAILURE is told only while it is about the current attempt, which is with Airflow and has no SUCCESS, and again for as long as that is the current one', () => {
    fc.assert(fc.property(deletion, attempt, (of, its) => {
      expect(judgeResult(of, its, 'FAILURE').wake).toBe(!isFinal(of.status) && its.attempt === of.attempt && (its.result === 'FAILURE' || (of.status === 'SENT_TO_AIRFLOW' && its.result === null)));
    }));
  });
  test('of SUCCESS is never taken back', () => {
    fc.assert(fc.property(deletion, attempt, (of, its) => {
      expect(judgeResult(of, { ...its, result: 'SUCCESS' }, 'FAILURE')).toMatchObject({ keep: false, wake: false });
    }));
  });
  test('is written once, and as a plain repeat leaves no note', () => {
    fc.assert(fc.property(...any, (of, its, status) => {
      const repeated = judgeResult(of, { ...its, result: status }, status);
      expect(repeated.keep).toBe(false);
      expect(repeated.note).toBeUndefined();
    }));
  });
  test('that changes nothing says so in the timeline, unless it is a repeat', () => {
    fc.assert(fc.property(...any, (of, its, status) => {
      const { wake, note } = judgeResult(of, its, status);
      expect(note !== undefined).toBe(!wake && its.result !== status);
    }));
  });
  test('after the end is kept, and names the end', () => {
    expect(judgeResult({ status: 'CANCELLED', attempt: 1 }, { attempt: 1, result: null }, 'SUCCESS')).toEqual({ keep: true, wake: false, note: 'came after the end (CANCELLED), changes nothing' });
    expect(judgeResult({ status: 'CANCELLED', attempt: 1 }, { attempt: 1, result: 'FAILURE' }, 'SUCCESS')).toMatchObject({ keep: true, wake: false });
  });
  test('that was told is told again when it is repeated, even after the end: worker and bridge may have died before Temporal knew of the first', () => {
    expect(judgeResult({ status: 'COMPLETED', attempt: 1 }, { attempt: 1, result: 'SUCCESS' }, 'SUCCESS')).toEqual({ keep: false, wake: true });
    expect(judgeResult({ status: 'PENDING', attempt: 1 }, { attempt: 1, result: 'FAILURE' }, 'FAILURE')).toEqual({ keep: false, wake: true });
    expect(judgeResult({ status: 'SENT_TO_AIRFLOW', attempt: 1 }, { attempt: 1, result: 'SUCCESS' }, 'SUCCESS')).toEqual({ keep: false, wake: true });
    expect(judgeResult({ status: 'SENT_TO_AIRFLOW', attempt: 1 }, { attempt: 1, result: 'FAILURE' }, 'FAILURE')).toEqual({ keep: false, wake: true });
  });
});
