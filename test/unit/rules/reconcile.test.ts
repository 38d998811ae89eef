import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mendFor, type RunSeen } from '../../../activities/reconcile.rules.js';
import { DELETION_KINDS } from '../../../contracts/names/index.js';

const QUIET = { quietMs: 60_000, reclaim: false };
const runs: RunSeen = { firstRunId: 'run-1', requestId: 'req', startedMsAgo: 3_600_000, busy: false };
const claimed = { requestId: 'req', kind: 'service', claimedRun: 'run-1' } as const;
const unclaimed = { ...claimed, claimedRun: null };

const anyRow = fc.record({ requestId: fc.constantFrom('req', 'other'), kind: fc.constantFrom(...DELETION_KINDS), claimedRun: fc.constantFrom('run-1', 'run-2', null) });
const anyRun: fc.Arbitrary<RunSeen> = fc.record(
  { closed: fc.constantFrom('was terminated', 'failed'), firstRunId: fc.constantFrom('run-1', 'run-3'), requestId: fc.constantFrom('req', 'other'), startedMsAgo: fc.nat(120_000), busy: fc.boolean() },
  { requiredKeys: ['startedMsAgo', 'busy'] },
);
const how = fc.record({ quietMs: fc.constant(60_000), reclaim: fc.boolean() });

describe('a live row', () => {
  test('whose owner runs is left alone', () => {
    expect(mendFor(claimed, runs, QUIET)).toBeUndefined();
    expect(mendFor(claimed, { ...runs, firstRunId: undefined }, QUIET)).toBeUndefined();
  });

  test('that nobody carries out has its workflow started', () => {
    expect(mendFor(unclaimed, undefined, QUIET)).toMatchObject({ mend: 'start' });
    expect(mendFor(unclaimed, { ...runs, closed: 'was terminated' }, QUIET)).toMatchObject({ mend: 'start' });
  });

  test('whose owner is gone is taken over, and says why', () => {
    expect(mendFor(claimed, { ...runs, closed: 'was terminated' }, QUIET)).toEqual({ mend: 'take-over', why: 'was terminated' });
    expect(mendFor(claimed, undefined, QUIET)).toEqual({ mend: 'take-over', why: 'is not known to Temporal any more' });
    expect(mendFor(claimed, { ...runs, firstRunId: 'run-2', closed: 'failed' }, QUIET)).toEqual({ mend: 'take-over', why: 'was lost, and the one that came after it has ended' });
  });

  test('that a running deletion of the same subject was not told of is told to it', () => {
    expect(mendFor(unclaimed, { ...runs, requestId: 'another' }, QUIET)).toMatchObject({ mend: 'join' });
  });

  test('whose own workflow runs without owning it has that look at the ledger', () => {
    expect(mendFor(unclaimed, runs, QUIET)).toMatchObject({ mend: 'reclaim' });
    expect(mendFor({ ...unclaimed, kind: 'tenant' }, { ...runs, requestId: undefined }, QUIET)).toMatchObject({ mend: 'reclaim' });
    expect(mendFor(claimed, { ...runs, firstRunId: 'run-2' }, QUIET)).toMatchObject({ mend: 'reclaim' });
  });

  test('has its workflow look at the ledger when that was restored', () => {
    expect(mendFor(claimed, runs, { ...QUIET, reclaim: true })).toMatchObject({ mend: 'reclaim' });
  });

  test('is never taken over, nor started, while any run of its workflow id goes on', () => {
    fc.assert(fc.property(anyRow, anyRun, how, (row, run, asked) => {
      fc.pre(run.closed === undefined);
      expect(['take-over', 'start']).not.toContain(mendFor(row, run, asked)?.mend);
    }));
  });

  test('is left to a run that is young or at work, which finds out by itself', () => {
    fc.assert(fc.property(anyRow, anyRun, how, (row, run, asked) => {
      fc.pre(run.closed === undefined && (run.busy || run.startedMsAgo < asked.quietMs));
      expect(mendFor(row, run, asked)).toBeUndefined();
    }));
  });

  test('is never left without anybody', () => {
    fc.assert(fc.property(anyRow, fc.option(anyRun, { nil: undefined }), how, (row, run, asked) => {
      fc.pre(run?.closed !== undefined || run === undefined);
      expect(mendFor(row, run, asked)?.mend).toBe(row.claimedRun === null ? 'start' : 'take-over');
    }));
  });
});
