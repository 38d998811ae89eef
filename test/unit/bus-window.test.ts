import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionWindow } from '../../bus/partition-window.js';
import { startPlan } from '../../bus/start-position.rules.js';
import { backoffMs } from '../../bus/backoff.rules.js';

const LIMITS = { maxInFlight: 4, maxAhead: 10 };

describe('a partition window', () => {
  it('commits only what is done from the front on, in whatever order it gets done', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.bigInt({ min: 5n, max: 300n }), { minLength: 1, maxLength: 150 }), fc.infiniteStream(fc.nat()), (offsets, random) => {
      const sorted = [...offsets].sort((a, b) => (a < b ? -1 : 1));
      const window = new PartitionWindow(5n);
      const open = window.take(sorted);
      while (open.length > 0) {
        const pick = (random.next().value ?? 0) % open.length;
        window.markDone(open.splice(pick, 1)[0]!);
        const firstOpen = open.reduce<bigint | undefined>((least, { offset }) => (least === undefined || offset < least ? offset : least), undefined);
        expect(window.committable).toBe(firstOpen ?? sorted.at(-1)! + 1n);
        expect(window.inFlight).toBe(open.length);
      }
    }));
  });
  it('leaves out what it has taken before', () => {
    const window = new PartitionWindow(0n);
    window.take([0n, 1n, 2n]);
    expect(window.take([1n, 2n, 3n]).map(({ offset }) => offset)).toEqual([3n]);
  });
  it('has something to commit after gaps as well, and only until it was committed', () => {
    const window = new PartitionWindow(10n);
    expect(window.hasNewsToCommit).toBe(false);
    window.skipTo(12n);
    expect(window.committable).toBe(12n);
    window.markCommitted(12n);
    expect(window.hasNewsToCommit).toBe(false);
  });
  it('is full by what is not done, and by what waits behind it for its commit', () => {
    const window = new PartitionWindow(0n);
    const entries = window.take([0n, 1n, 2n, 3n]);
    expect(window.isFull(LIMITS)).toBe(true);
    for (const entry of entries.slice(1)) window.markDone(entry);
    expect(window.isFull(LIMITS)).toBe(false);
    expect(window.hasRoom(LIMITS)).toBe(true);
    for (const entry of window.take([4n, 5n, 6n, 7n, 8n, 9n])) window.markDone(entry);
    expect(window.inFlight).toBe(1);
    expect(window.isFull(LIMITS)).toBe(true);
    window.markDone(entries[0]!);
    expect(window.hasRoom(LIMITS)).toBe(true);
    expect(window.committable).toBe(10n);
  });
});

describe('where to read on', () => {
  const position = { committed: 50n, low: 0n, high: 100n };
  it.each([
    ['a partition that is new here', undefined, position, { kind: 'start', at: 50n }],
    ['a group without a commit', undefined, { ...position, committed: undefined, low: 7n }, { kind: 'start', at: 7n }],
    ['what is under way, if nobody went on', { committable: 60n, nextFetch: 80n }, position, { kind: 'keep' }],
    ['what is under way, before the first commit', { committable: 0n, nextFetch: 80n }, { ...position, committed: undefined }, { kind: 'keep' }],
    ['where somebody else had got to', { committable: 40n, nextFetch: 45n }, position, { kind: 'start', at: 50n }],
    ['the beginning, when retention passed the group', undefined, { ...position, low: 60n }, { kind: 'start', at: 60n, gap: 'RETENTION_PASSED_US' }],
    ['the beginning, when the topic is another', { committable: 60n, nextFetch: 80n }, { committed: 50n, low: 0n, high: 3n }, { kind: 'start', at: 0n, gap: 'TOPIC_MADE_ANEW' }],
  ] as const)('is right for %s', (_, known, found, plan) => expect(startPlan(known, found)).toEqual(plan));
});

describe('the wait after an outage', () => {
  it('grows to its cap and is never less than half of what it may be', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const wait = backoffMs(attempt, 200, 10_000, random);
      expect(wait).toBeLessThanOrEqual(10_000);
      expect(wait).toBeGreaterThanOrEqual(Math.min(10_000, 200 * 2 ** (attempt - 1)) / 2);
    }));
  });
});
