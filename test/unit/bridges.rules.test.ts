import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasReached } from '../../bridges/ingress/caught-up.rules.js';
import { markWhenCaughtUp } from '../../bridges/ingress/caught-up.js';
import { rounds } from '../../bridges/relay/rounds.rules.js';
import { retryAfterMs } from '../../bridges/trigger/retry-after.rules.js';
import { isSameConf, resultOf } from '../../bridges/trigger/runs.rules.js';

describe('rounds', () => {
  const rows = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 }).map((requests) => requests.map((requestId, id) => ({ id, requestId })));

  test('keep every row, once', () => {
    fc.assert(fc.property(rows, (given) => { expect(rounds(given).flat().map(({ id }) => id).sort((a, b) => a - b)).toEqual(given.map(({ id }) => id)); }));
  });

  test('hold one row of a request each, in the order of the request', () => {
    fc.assert(fc.property(rows, (given) => {
      const dealt = rounds(given);
      for (const round of dealt) expect(new Set(round.map(({ requestId }) => requestId)).size).toBe(round.length);
      for (const request of ['a', 'b', 'c', 'd']) {
        const ids = dealt.flat().filter(({ requestId }) => requestId === request).map(({ id }) => id);
        expect(ids).toEqual([...ids].sort((a, b) => a - b));
      }
    }));
  });

  test('are as few as the longest request has rows', () => {
    expect(rounds([{ requestId: 'a' }, { requestId: 'b' }, { requestId: 'a' }, { requestId: 'c' }]).map((round) => round.length)).toEqual([3, 1]);
  });
});

describe('a run with the id of a job', () => {
  const conf = { user_id: 'user_888', dry_run: false, nested: { list: [1, 2] } };

  test('is the job’s own when all that was sent is in its conf', () => {
    expect(isSameConf(conf, { dry_run: false, nested: { list: [1, 2] }, user_id: 'user_888', added_by_airflow: 1 })).toBe(true);
  });
  test.each([
    ['another user', { ...conf, user_id: 'user_889' }],
    ['another kind of run', { ...conf, dry_run: true }],
    ['a field missing', { user_id: 'user_888', dry_run: false }],
    ['a deeper difference', { ...conf, nested: { list: [2, 1] } }],
  ])('is not with %s', (_, found) => {
    expect(isSameConf(conf, found)).toBe(false);
  });
});

describe('the result of a run that told none', () => {
  const traces = { runState: 'success', eraseState: 'success', returned: undefined, error: undefined } as const;

  test('is SUCCESS with its counts when the erasing was done, even if the run failed after it', () => {
    expect(resultOf({ ...traces, returned: { rows: 7, note: 'x', bad: Infinity } })).toEqual({ status: 'SUCCESS', counts: { rows: 7 } });
    expect(resultOf({ ...traces, runState: 'failed' })).toEqual({ status: 'SUCCESS', counts: {} });
  });
  test('is FAILURE when the run succeeded without erasing', () => {
    for (const eraseState of ['skipped', null, undefined]) expect(resultOf({ ...traces, eraseState })).toMatchObject({ status: 'FAILURE', errorCode: 'RUN_ENDED_WITHOUT_RESULT' });
  });
  test('says what the task said before it failed', () => {
    const failed = { ...traces, runState: 'failed', eraseState: 'failed' } as const;
    expect(resultOf({ ...failed, error: { text: 'no such type', code: 'NO_ERASER' } })).toEqual({ status: 'FAILURE', errorCode: 'NO_ERASER', error: 'no such type' });
    expect(resultOf({ ...failed, error: { text: 'odd', code: 'WHATEVER' } })).toMatchObject({ errorCode: 'DAG_FAILED', error: 'odd' });
    expect(resultOf(failed)).toMatchObject({ errorCode: 'DAG_FAILED' });
  });
});

describe('a group has reached the ends of a topic', () => {
  const end = (partition: number, low: bigint, high: bigint) => ({ partition, low, high });

  test('when it has committed all of each partition, or there is nothing in it', () => {
    expect(hasReached([end(0, 0n, 5n), end(1, 0n, 0n), end(2, 9n, 9n)], new Map([[0, 5n]]))).toBe(true);
    expect(hasReached([end(0, 0n, 5n)], new Map([[0, 7n]]))).toBe(true);
  });
  test('not when one partition is behind or was never committed', () => {
    expect(hasReached([end(0, 0n, 5n), end(1, 0n, 5n)], new Map([[0, 5n], [1, 4n]]))).toBe(false);
    expect(hasReached([end(0, 3n, 5n)], new Map())).toBe(false);
  });

  test('and is marked as of the time before the ends were asked', async () => {
    const marks: unknown[][] = [];
    const database = { rows: <T>(_: string, params: readonly unknown[] = []) => { marks.push([...params]); return Promise.resolve([] as T[]); }, script: () => Promise.resolve() };
    let asked = 0;
    const committed = () => Promise.resolve(new Map([[0, BigInt(asked++)]]));
    const deps = { database, ends: () => Promise.resolve([end(0, 0n, 2n)]), committed };
    expect(await markWhenCaughtUp({ ...deps, patienceMs: 5_000 }, new AbortController().signal)).toBe(true);
    expect(Number(marks[0]?.[1])).toBeGreaterThan(300);
    asked = -1_000;
    expect(await markWhenCaughtUp({ ...deps, patienceMs: 1 }, new AbortController().signal)).toBe(false);
    expect(marks).toHaveLength(1);
  });
});

describe('the wait that a Retry-After header asks for', () => {
  const now = Date.parse('2026-02-11T10:00:00Z');
  test.each<[string | string[] | undefined, number | undefined]>([
    ['120', 120_000], [['3', '4'], 3_000], ['Wed, 11 Feb 2026 10:01:00 GMT', 60_000],
    ['Wed, 11 Feb 2026 09:59:00 GMT', undefined], ['0', undefined], ['-5', undefined], ['soon', undefined], ['', undefined], [undefined, undefined],
  ])('of %j is %s ms', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected);
  });
});
