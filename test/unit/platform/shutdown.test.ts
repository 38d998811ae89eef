import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { createLog } from '../../../platform/log.js';
import { stopAll, stopOnSignals } from '../../../platform/shutdown.js';

const log = createLog({ level: 'silent' });
const part = (name: string, stop: () => Promise<void>) => ({ name, stop });

test('groups stop one after another, a group together', async () => {
  const seen: string[] = [];
  const slow = (name: string, turns: number) => part(name, async () => {
    seen.push(`${name} asked`);
    for (let i = 0; i < turns; i += 1) await Promise.resolve();
    seen.push(`${name} stopped`);
  });
  expect(await stopAll([[slow('ingress', 5), slow('api', 1)], [slow('worker', 1)]], { timeoutMs: 1_000, log })).toBe('stopped');
  expect(seen).toEqual(['ingress asked', 'api asked', 'api stopped', 'ingress stopped', 'worker asked', 'worker stopped']);
});

test('one that fails does not keep the next from stopping', async () => {
  const next = vi.fn(() => Promise.resolve());
  expect(await stopAll([[part('a', () => Promise.reject(new Error('no')))], [part('b', next)]], { timeoutMs: 1_000, log })).toBe('failed');
  expect(next).toHaveBeenCalledOnce();
});

test('the deadline ends the wait', async () => {
  expect(await stopAll([[part('stuck', () => new Promise(() => undefined))]], { timeoutMs: 20, log })).toBe('late');
});

function processWith(stop: () => Promise<void>) {
  const signals = Object.assign(new EventEmitter(), { exit: vi.fn<(code: number) => void>() });
  const stopping = new AbortController();
  stopOnSignals(() => [[part('role', stop)]], { timeoutMs: 20, log, stopping, signals });
  return { signals, stopping };
}

test('the first signal stops everything and exits 0', async () => {
  const stop = vi.fn(() => Promise.resolve());
  const { signals, stopping } = processWith(stop);
  signals.emit('SIGTERM');
  await vi.waitFor(() => expect(signals.exit).toHaveBeenCalledWith(0));
  expect(stop).toHaveBeenCalledOnce();
  expect(stopping.signal.aborted).toBe(true);
});

test('what does not stop in time makes the exit code 1', async () => {
  const { signals } = processWith(() => new Promise(() => undefined));
  signals.emit('SIGINT');
  await vi.waitFor(() => expect(signals.exit).toHaveBeenCalledWith(1));
});

test('the second signal exits at once', () => {
  const { signals } = processWith(() => new Promise(() => undefined));
  signals.emit('SIGTERM');
  signals.emit('SIGINT');
  expect(signals.exit).toHaveBeenCalledWith(130);
});
