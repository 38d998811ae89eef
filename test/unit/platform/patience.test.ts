import { expect, test } from 'vitest';
import { backoffDelayMs } from '../../../platform/backoff.rules.js';
import { createLog } from '../../../platform/log.js';
import { untilReachable } from '../../../platform/patience.js';

const quick = { firstMs: 1, maxMs: 1 };
const silent = createLog({ level: 'silent' });

test('waits double up to the longest, between half and all of it', () => {
  const backoff = { firstMs: 100, maxMs: 1_000 };
  expect([1, 2, 3, 4, 5, 100].map((n) => backoffDelayMs(n, backoff, () => 1))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(backoffDelayMs(2, backoff, () => 0)).toBe(100);
});

test('goes on until it succeeds, and a long outage leaves a short log', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } });
  let tries = 0;
  const answer = await untilReachable(() => { tries += 1; return tries <= 20 ? Promise.reject(new Error('down')) : Promise.resolve('up'); }, { what: 'it', log, backoff: quick });
  expect(answer).toBe('up');
  expect(lines.map((line) => (JSON.parse(line) as { failedTries: number }).failedTries)).toEqual([1, 2, 4, 8, 16, 20]);
});

test('a refusal is thrown at once', async () => {
  let tries = 0;
  await expect(untilReachable(() => { tries += 1; return Promise.reject(new Error('wrong key')); }, { what: 'it', log: silent, worthRetrying: () => false })).rejects.toThrow('wrong key');
  expect(tries).toBe(1);
});

test('a stop ends the wait', async () => {
  const stopping = new AbortController();
  const waiting = untilReachable(() => Promise.reject(new Error('down')), { what: 'it', log: silent, signal: stopping.signal, backoff: { firstMs: 60_000, maxMs: 60_000 } });
  setTimeout(() => stopping.abort(new Error('stopped by SIGTERM')), 5);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
