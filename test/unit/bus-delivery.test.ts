import { describe, expect, it, vi } from 'vitest';
import { deadLetterOf, replayOf, type DeadLetters } from '../../bus/dead-letters.js';
import { chainOf, deliveryJob, orderByKey, type Outage } from '../../bus/delivery.js';
import { KeyedDispatcher, type Job } from '../../bus/keyed-dispatcher.js';
import type { MessageHandler } from '../../bus/messages.js';
import { MessageFault, type MessageHeaders } from '../../contracts/topics/index.js';

const quiet = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const message = (key: string | null = 'k', offset = '7', headers: MessageHeaders = {}) => ({
  topic: 't', partition: 2, offset, timestampMs: 1, key: key === null ? null : Buffer.from(key), value: Buffer.from('v'), headers, signal: new AbortController().signal,
});
const settled = () => new Promise((resolve) => setImmediate(resolve));

function job(handler: MessageHandler, keep: DeadLetters['keep'] = () => Promise.resolve(), given = message()) {
  const done = vi.fn();
  const outages: Outage[] = [];
  return {
    done,
    outages,
    job: deliveryJob(
      { message: given, handler, alreadyDone: () => false, done },
      { deadLetters: { keep }, retryBaseMs: 100, retryCapMs: 1000, metrics: {}, onOutage: (outage) => outages.push(outage), orderOf: orderByKey, log: quiet },
    ),
  };
}

describe('delivering a message', () => {
  it('is over when the handler is', async () => {
    const { job: one, done } = job(() => Promise.resolve());
    expect(await one.attempt()).toBeUndefined();
    expect(done).toHaveBeenCalledOnce();
  });
  it('waits, with growing attempts, while the handler cannot', async () => {
    const attempts: number[] = [];
    const { job: one, done, outages } = job(({ attempt }) => {
      attempts.push(attempt);
      return attempt < 3 ? Promise.reject(new Error('database is away')) : Promise.resolve();
    });
    expect(await one.attempt()).toBeGreaterThanOrEqual(50);
    expect(await one.attempt()).toBeGreaterThanOrEqual(100);
    expect(done).not.toHaveBeenCalled();
    expect(await one.attempt()).toBeUndefined();
    expect(done).toHaveBeenCalledOnce();
    expect(attempts).toEqual([1, 2, 3]);
    expect(outages.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
  it.each([[4_000, 4_000], [3_600_000, 300_000], [-1, 50], ['soon', 50]])('waits as long as whoever is out asks for, within reason: %s', async (retryAfterMs, expected) => {
    const { job: one, outages } = job(() => Promise.reject(Object.assign(new Error('too many requests'), { retryAfterMs })));
    expect(await one.attempt()).toBeGreaterThanOrEqual(expected);
    expect(outages[0]?.waitMs).toBeLessThanOrEqual(Math.max(expected, 100));
  });
  it('takes a handler that throws no error, or throws at once, for an outage', async () => {
    const { job: one, outages } = job(() => { throw new TypeError('a bug'); });
    expect(await one.attempt()).toBeGreaterThan(0);
    expect(outages[0]?.error.message).toBe('a bug');
  });
  it('keeps a faulty message before it counts it as done, however long that takes, without handling it again', async () => {
    const handler = vi.fn(() => Promise.reject(new MessageFault('NOT_JSON', 'no')));
    let broken = true;
    const { job: one, done } = job(handler, () => (broken ? Promise.reject(new Error('Kafka is away')) : Promise.resolve()));
    expect(await one.attempt()).toBeGreaterThan(0);
    expect(done).not.toHaveBeenCalled();
    broken = false;
    expect(await one.attempt()).toBeUndefined();
    expect(done).toHaveBeenCalledOnce();
    expect(handler).toHaveBeenCalledOnce();
  });
  it('ends without being done when the partition was taken away', async () => {
    const away = new AbortController();
    const { job: one, done } = job(() => { away.abort(); return Promise.reject(new Error('waited for long')); }, undefined, { ...message(), signal: away.signal });
    expect(await one.attempt()).toBeUndefined();
    expect(done).not.toHaveBeenCalled();
  });
});

describe('the dispatcher', () => {
  const gate = () => {
    let open: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => (open = resolve));
    return { wait, open: () => open() };
  };
  const simple = (chain: string, work: () => Promise<number | undefined>, signal = new AbortController().signal): Job => ({ chain, signal, attempt: work });

  it('keeps the order of a chain, and lets others pass', async () => {
    const dispatcher = new KeyedDispatcher(10);
    const first = gate();
    const seen: string[] = [];
    dispatcher.submit(simple('a', async () => { await first.wait; seen.push('a1'); return undefined; }));
    dispatcher.submit(simple('a', () => { seen.push('a2'); return Promise.resolve(undefined); }));
    dispatcher.submit(simple('b', () => { seen.push('b1'); return Promise.resolve(undefined); }));
    await settled();
    expect(seen).toEqual(['b1']);
    first.open();
    await dispatcher.idle();
    expect(seen).toEqual(['b1', 'a1', 'a2']);
  });
  it('runs no more at once than it may, and a waiting job takes no place', async () => {
    const dispatcher = new KeyedDispatcher(2);
    const retry = new AbortController();
    const seen: string[] = [];
    for (const chain of ['w1', 'w2', 'w3']) {
      let tries = 0;
      dispatcher.submit(simple(chain, () => Promise.resolve(tries++ === 0 ? 60_000 : undefined), retry.signal));
    }
    let running = 0;
    let most = 0;
    for (let n = 0; n < 20; n++) {
      dispatcher.submit(simple(`c${n}`, async () => { most = Math.max(most, ++running); await settled(); running--; seen.push(`c${n}`); return undefined; }));
    }
    await vi.waitFor(() => expect(seen).toHaveLength(20));
    expect(most).toBe(2);
    retry.abort();
    await dispatcher.idle();
  });
  it('has one chain for each order that it is told of', () => {
    const byHeader = ({ headers }: { headers: object }) => Object.keys(headers)[0] ?? null;
    const chains = [message('a', '1', { x: '' }), message('b', '2', { x: '' }), message('a', '3', { y: '' }), message('a', '4')].map((one) => chainOf(one, byHeader));
    expect(new Set(chains).size).toBe(3);
    expect(chains[0]).toBe(chains[1]);
  });
  it('has one chain for each key of a partition, and none for messages without a key', () => {
    const chains = [message('a'), message('a', '8'), message('b'), { ...message('a'), partition: 3 }, message(null), message(null, '8'), message('@7')].map((one) => chainOf(one));
    expect(new Set(chains).size).toBe(6);
    expect(chains[0]).toBe(chains[1]);
  });
});

describe('a dead letter', () => {
  const fault = new MessageFault('INVALID_FIELD', 'eventId is missing', 'eventId');
  const now = new Date('2026-02-11T10:00:00Z');
  it('is the original, and why', () => {
    const value = Buffer.from([0xff, 0x00]);
    expect(deadLetterOf({ ...message('k', '7', { event_type: Buffer.from('x'), twice: [Buffer.from('1'), Buffer.from('2')] }), value }, fault, now)).toEqual({
      topic: 't.dlq', key: Buffer.from('k'), value,
      headers: {
        event_type: Buffer.from('x'), twice: [Buffer.from('1'), Buffer.from('2')], 'dlq-error-class': 'INVALID_FIELD', 'dlq-error-message': 'eventId is missing', 'dlq-topic': 't',
        'dlq-partition': '2', 'dlq-offset': '7', 'dlq-first-seen': '2026-02-11T10:00:00.000Z', 'dlq-replays': '0',
      },
    });
  });
  it('remembers its first death and counts its replays', () => {
    const first = deadLetterOf(message(), fault, now);
    const replayed = replayOf('t', { key: null, value: null, headers: first.headers ?? {} });
    expect(replayed.headers).toEqual({ 'dlq-first-seen': '2026-02-11T10:00:00.000Z', 'dlq-replays': '1' });
    const second = deadLetterOf(message('k', '9', replayed.headers), fault, new Date('2027-01-01T00:00:00Z'));
    expect(second.headers).toMatchObject({ 'dlq-first-seen': '2026-02-11T10:00:00.000Z', 'dlq-replays': '1', 'dlq-offset': '9' });
  });
  it.each(['many', '-1', '1e99', ''])('counts replays from 0 if a header says %j', (claimed) => {
    expect(deadLetterOf(message('k', '7', { 'dlq-replays': claimed }), fault, now).headers?.['dlq-replays']).toBe('0');
  });
});
