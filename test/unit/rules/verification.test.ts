import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNothing, mayStillGo, statementInWords, statementOf } from '../../../activities/statement.rules.js';
import { againRequestId, againsSoFar, countsInWords, jobIdFor, SUBJECT_KINDS, type SubjectKind } from '../../../contracts/names/index.js';
import { nextLookMs } from '../../../workflows/verification.rules.js';

const byEvents = new Set<SubjectKind>(['post', 'message', 'profile']);
const HOUR_MS = 3_600_000;

describe('what is stated of a completed deletion', () => {
  test('nothing is left: clean, whatever Airflow counted', () => {
    for (const erased of [null, {}, { post: 4, rows: 9 }]) {
      expect(statementOf({ left: { post: 0, media: 0, message: 0, profile: 0 }, seesGo: byEvents, erased })).toEqual({ verdict: 'CLEAN', residual: {}, unverifiable: {} });
    }
  });
  test('what was not seen to go is left, even when Airflow counted it as erased', () => {
    expect(statementOf({ left: { post: 2, profile: 1 }, seesGo: byEvents, erased: { post: 2 } })).toEqual({ verdict: 'RESIDUAL', residual: { post: 2, profile: 1 }, unverifiable: {} });
  });
  test('of what no event tells, Airflow\'s own count tells, when it bears the kind\'s name', () => {
    const left = { media: 3 };
    expect(statementOf({ left, seesGo: byEvents, erased: { files_deleted: 3 } })).toEqual({ verdict: 'UNVERIFIABLE', residual: {}, unverifiable: { media: 3 } });
    expect(statementOf({ left, seesGo: byEvents, erased: { media: 3 } }).verdict).toBe('CLEAN');
    expect(statementOf({ left, seesGo: byEvents, erased: { media: 5 } }).verdict).toBe('CLEAN');
    expect(statementOf({ left, seesGo: byEvents, erased: { media: 1 } })).toEqual({ verdict: 'RESIDUAL', residual: { media: 2 }, unverifiable: {} });
    expect(statementOf({ left, seesGo: new Set(SUBJECT_KINDS), erased: { media: 3 } })).toEqual({ verdict: 'RESIDUAL', residual: { media: 3 }, unverifiable: {} });
  });
  test('a residual is said first, and what nobody can tell of beside it', () => {
    const statement = statementOf({ left: { post: 1, media: 2 }, seesGo: byEvents, erased: null });
    expect(statement).toEqual({ verdict: 'RESIDUAL', residual: { post: 1 }, unverifiable: { media: 2 } });
    expect(statementInWords(statement)).toBe('left: 1 post; no event tells whether this is gone: 2 media');
  });
  test('only for what is seen to go is there anything to wait for', () => {
    expect(mayStillGo({ left: { media: 3 }, seesGo: byEvents })).toBe(false);
    expect(mayStillGo({ left: { media: 3, message: 1 }, seesGo: byEvents })).toBe(true);
  });
  test('each thing that is left is in one of the two, or erased by Airflow\'s count; none is in both', () => {
    const counts = fc.record(Object.fromEntries(SUBJECT_KINDS.map((kind) => [kind, fc.nat(5)])) as Record<SubjectKind, fc.Arbitrary<number>>);
    fc.assert(fc.property(counts, fc.option(fc.dictionary(fc.constantFrom(...SUBJECT_KINDS, 'rows'), fc.nat(5))), fc.subarray([...SUBJECT_KINDS]), (left, erased, seen) => {
      const statement = statementOf({ left, seesGo: new Set(seen), erased });
      for (const kind of SUBJECT_KINDS) {
        const stated = (statement.residual[kind] ?? 0) + (statement.unverifiable[kind] ?? 0);
        const trusted = seen.includes(kind) ? 0 : (erased?.[kind] ?? 0);
        expect(stated).toBe(Math.max(0, left[kind] - trusted));
        expect(statement.residual[kind] === undefined || statement.unverifiable[kind] === undefined).toBe(true);
      }
      expect(statement.verdict === 'CLEAN').toBe(isNothing(statement.residual) && isNothing(statement.unverifiable));
    }));
  });
});

describe('when it looks again', () => {
  test('soon at first, then less often, and at the deadline', () => {
    expect([0, 1, 2, 9, 20, 5_000].map((looks) => nextLookMs(looks, 24 * HOUR_MS))).toEqual([5_000, 10_000, 20_000, 2_560_000, HOUR_MS, HOUR_MS]);
    expect(nextLookMs(9, 90_000.4)).toBe(90_001);
    expect(nextLookMs(0, 0.2)).toBe(1);
  });
  test('past the deadline, for whoever could not be asked, as before', () => {
    expect([nextLookMs(0, 0), nextLookMs(3, -5), nextLookMs(30, -HOUR_MS)]).toEqual([5_000, 40_000, HOUR_MS]);
  });
  test('a day takes few looks', () => {
    let [looks, leftMs] = [0, 24 * HOUR_MS];
    for (; leftMs > 0; looks++) leftMs -= nextLookMs(looks, leftMs);
    expect(looks).toBeLessThan(40);
  });
});

describe('the deletions that follow one another', () => {
  test('are named after the first of them', () => {
    const second = againRequestId('req-1', 1);
    expect([second, againRequestId(second, 2)]).toEqual(['req-1~again~1', 'req-1~again~2']);
    expect([againsSoFar('req-1'), againsSoFar(second), againsSoFar('req-1~again~12')]).toEqual([0, 1, 12]);
  });
  test('share no job with one another', () => {
    const ids = ['r', againRequestId('r', 1), againRequestId('r', 2)].flatMap((requestId) => [1, 2, 3].map((attempt) => jobIdFor(requestId, attempt)));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test('counts in words leave out what there is nothing of', () => {
  expect(countsInWords({ post: 2, media: 0, profile: 1 })).toBe('2 post, 1 profile');
  expect(countsInWords({ post: 0 })).toBe('nothing');
});
