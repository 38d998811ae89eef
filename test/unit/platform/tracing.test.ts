import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { IncomingMessage, OutgoingRecord } from '../../../bus/messages.js';
import type { SendResult } from '../../../bus/producer.js';
import { sendTraced, traced } from '../../../bridges/spans.js';
import { at, placeNow } from '../../../store/ledger/places.js';
import { inBatches } from '../../../platform/batching.js';
import type { TracingConfig } from '../../../platform/config-tracing.js';
import { createLog } from '../../../platform/log.js';
import { startTracing, type RunningTracing } from '../../../platform/tracing/sdk.js';
import { currentPlace, describeSpan, inSpan, isTracing, logFields, SpanKind } from '../../../platform/tracing/spans.js';
import { incoming } from '../../support/bridges.js';
import { receivedSpans, startOtlpReceiver } from '../../support/otlp-receiver.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PLACE = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, tracestate: 'vendor=1' };
const INTERNAL = { kind: SpanKind.INTERNAL };
const silent = createLog({ level: 'silent' });
let running: RunningTracing | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function start(more: Partial<TracingConfig> = {}) {
  const receiver = await startOtlpReceiver();
  onTestFinished(() => receiver.close());
  running = startTracing({ url: `${receiver.url}/v1/traces`, headers: {}, timeoutMs: 1_000, serviceName: 'expunge', resourceAttributes: {}, sampler: { name: 'parentbased_always_on', ratio: 1 }, scheduleDelayMs: 10_000, maxQueueSize: 2_048, ...more }, silent);
  return async () => {
    await running?.stop();
    running = undefined;
    return receivedSpans(receiver.url);
  };
}

const sentBy = (send: (records: readonly OutgoingRecord[]) => void) => ({ send: (records: readonly OutgoingRecord[]): Promise<SendResult[]> => { send(records); return Promise.resolve(records.map(() => ({ ok: true }))); } });

describe('while nothing is traced', () => {
  test('work is done, no span is made, and places are handed on as they came', async () => {
    expect(isTracing()).toBe(false);
    expect(await inSpan('x', { ...INTERNAL, place: PLACE }, () => Promise.resolve(currentPlace()))).toBeUndefined();
    describeSpan({ a: 1 });
    expect(logFields()).toEqual({});
    expect(placeNow({ traceparent: PLACE.traceparent, tracestate: PLACE.tracestate })).toEqual(PLACE);
    const send = vi.fn();
    const records = [{ topic: 't', key: 'k', value: 'v', headers: { ...PLACE } }];
    await sendTraced(sentBy(send), records);
    expect(send).toHaveBeenCalledWith(records);
    const handler = vi.fn(() => Promise.resolve());
    const message = incoming('t', {});
    await traced('ingress', handler)(message);
    expect(handler).toHaveBeenCalledWith(message);
  });
});

describe('while it is traced', () => {
  test('a span stands under its place, what is done in it under it, and what is sent carries the sending', async () => {
    const spans = await start();
    const send = vi.fn<(records: readonly OutgoingRecord[]) => void>();
    const stored = { traceparent: PLACE.traceparent, tracestate: PLACE.tracestate };
    await inSpan('outer', { ...INTERNAL, place: PLACE }, async () => {
      const here = currentPlace();
      expect(here).toMatchObject({ tracestate: 'vendor=1' });
      expect(placeNow(stored)).toEqual(here);
      expect(logFields()).toMatchObject({ traceId: TRACE });
      await inSpan('inner', INTERNAL, () => { describeSpan({ 'expunge.attempt': 2 }); return Promise.resolve(); });
      const message = at({ eventId: 'e', requestId: 'r', target: 'kafka', destination: 'topic', key: 'k', headers: {}, body: '' }, here);
      await sendTraced(sentBy(send), [{ topic: 'topic', key: 'k', value: '', headers: message.headers }, { topic: 'other', key: 'k', value: '', headers: {} }]);
    });
    const [outer, inner, sending] = await spans();
    expect(outer).toMatchObject({ name: 'outer', traceId: TRACE, parentId: '00f067aa0ba902b7', state: 'vendor=1' });
    expect(inner).toMatchObject({ name: 'inner', parentId: outer?.spanId, attributes: { 'expunge.attempt': 2 } });
    expect(sending).toMatchObject({ name: 'send topic', kind: 'producer', parentId: outer?.spanId });
    const [records] = send.mock.calls[0] ?? [];
    expect(records?.map(({ headers }) => headers)).toEqual([{ traceparent: `00-${TRACE}-${sending?.spanId}-01`, tracestate: 'vendor=1' }, {}]);
  });

  test('what is written for a deletion of another trace stands where that one was received', async () => {
    await start();
    const other = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await inSpan('x', { ...INTERNAL, place: PLACE }, () => {
      expect(placeNow({ traceparent: other, tracestate: null })).toEqual({ traceparent: other });
      expect(placeNow({ traceparent: null, tracestate: null })).toEqual(currentPlace());
      return Promise.resolve();
    });
  });

  test('an error passes through, and the span has its class, not its words', async () => {
    const spans = await start();
    await expect(inSpan('x', { ...INTERNAL, place: PLACE }, () => Promise.reject(new TypeError('no row of ann@example.com')))).rejects.toThrow('ann@example.com');
    const found = await spans();
    expect(found).toMatchObject([{ failed: true, message: 'TypeError', attributes: { 'error.type': 'TypeError' } }]);
    expect(JSON.stringify(found)).not.toContain('ann@example.com');
  });

  test('messages that are handled side by side have a span each, and their batch is none’s', async () => {
    const spans = await start();
    const places: unknown[] = [];
    const together = inBatches<number, number>((items) => { places.push(currentPlace()); return Promise.resolve(items); }, { mostItems: 10 });
    const handler = traced('ingress', async () => { await together(1); });
    const message = (n: number): IncomingMessage => ({ ...incoming('users.deletion.request', {}), headers: { traceparent: `00-${TRACE}-000000000000000${n}-01` } });
    await Promise.all([1, 2, 3].map((n) => handler(message(n))));
    expect(places).toEqual([undefined]);
    expect((await spans()).map(({ name, parentId }) => [name, parentId]).sort()).toEqual([1, 2, 3].map((n) => ['process users.deletion.request', `000000000000000${n}`]));
  });

  test('a message that names no place has a trace of its own, under the id in its body, or where it is known to belong', async () => {
    const spans = await start();
    const handler = vi.fn(() => Promise.resolve());
    await traced('ingress', handler)(incoming('a', { traceId: TRACE }));
    await traced('ingress', handler)(incoming('b', { traceId: 'trace-1' }));
    await traced('result', handler, () => Promise.resolve(PLACE))(incoming('c', {}));
    const found = Object.fromEntries((await spans()).map((span) => [span.name, span]));
    expect(found['process a']).toMatchObject({ traceId: TRACE, parentId: '' });
    expect(found['process b']).toMatchObject({ parentId: '' });
    expect(found['process b']?.traceId).not.toBe(TRACE);
    expect(found['process c']).toMatchObject({ traceId: TRACE, parentId: '00f067aa0ba902b7' });
  });

  test.each([['parentbased_always_off', 0], ['always_on', 1], ['traceidratio', 0]] as const)('%s decides about a trace of its own', async (name, expected) => {
    const spans = await start({ sampler: { name, ratio: 0 } });
    await inSpan('x', { ...INTERNAL, place: { newTrace: undefined } }, () => {
      expect(currentPlace()?.traceparent).toMatch(expected === 1 ? /-01$/ : /-00$/);
      return Promise.resolve();
    });
    expect(await spans()).toHaveLength(expected);
  });

  test('work that outlives its span belongs to none', async () => {
    await start();
    let later: Promise<unknown> | undefined;
    await inSpan('x', { ...INTERNAL, place: PLACE }, () => {
      later = new Promise((resolve) => { setTimeout(() => resolve([logFields(), currentPlace()]), 20); });
      return Promise.resolve();
    });
    expect(await later).toEqual([{}, undefined]);
  });

  test('a collector that is away loses spans, and holds nothing up', async () => {
    const lines: string[] = [];
    const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } });
    running = startTracing({ url: 'http://127.0.0.1:1/v1/traces', headers: {}, timeoutMs: 500, serviceName: 'expunge', resourceAttributes: {}, sampler: { name: 'always_on', ratio: 1 }, scheduleDelayMs: 20, maxQueueSize: 8 }, log);
    for (let n = 0; n < 20; n++) expect(await inSpan('x', { ...INTERNAL, place: PLACE }, () => Promise.resolve(n))).toBe(n);
    const began = performance.now();
    await running.stop();
    running = undefined;
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(lines.join('')).toContain('spans may be lost');
  });
});
