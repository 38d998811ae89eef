import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { partsOf, traceContext, traceContextOf, traceIdInBody } from '../../../contracts/topics/trace-context.rules.js';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const short = '463ac35c9f6413ad';

describe('the place of a message in a trace', () => {
  it.each<[string, Record<string, Buffer | string | Buffer[]>, string | undefined]>([
    ['traceparent', { traceparent: Buffer.from(`00-${trace}-${span}-01`) }, `00-${trace}-${span}-01`],
    ['traceparent in capitals of its name', { Traceparent: `00-${trace}-${span}-00` }, `00-${trace}-${span}-00`],
    ['a later version of traceparent', { traceparent: `cc-${trace}-${span}-01-more` }, `00-${trace}-${span}-01`],
    ['flags of which only the first bit is known', { traceparent: `00-${trace}-${span}-ff` }, `00-${trace}-${span}-01`],
    ['b3', { b3: `${trace}-${span}-1-${span}` }, `00-${trace}-${span}-01`],
    ['b3 for debugging', { b3: `${trace}-${span}-d` }, `00-${trace}-${span}-01`],
    ['b3 with 64 bits', { b3: `${short}-${span}-0` }, `00-0000000000000000${short}-${span}-00`],
    ['b3 that leaves it to us whether it is recorded', { b3: `${trace}-${span}` }, `00-${trace}-${span}-01`],
    ['b3 in capitals', { B3: Buffer.from(`${trace.toUpperCase()}-${span.toUpperCase()}-1`) }, `00-${trace}-${span}-01`],
    ['X-B3 headers', { 'X-B3-TraceId': trace.toUpperCase(), 'x-b3-spanid': span, 'X-B3-Sampled': '1' }, `00-${trace}-${span}-01`],
    ['X-B3 headers that deny', { 'X-B3-TraceId': trace, 'X-B3-SpanId': span, 'X-B3-Sampled': '0' }, `00-${trace}-${span}-00`],
    ['X-B3 headers that deny in words', { 'X-B3-TraceId': trace, 'X-B3-SpanId': span, 'X-B3-Sampled': 'false' }, `00-${trace}-${span}-00`],
    ['X-B3 headers that leave it to us', { 'X-B3-TraceId': short, 'X-B3-SpanId': span, 'X-B3-ParentSpanId': span }, `00-0000000000000000${short}-${span}-01`],
    ['X-B3 flags', { 'X-B3-TraceId': trace, 'X-B3-SpanId': span, 'X-B3-Flags': '1', 'X-B3-Sampled': '0' }, `00-${trace}-${span}-01`],
    ['traceparent before b3', { b3: `${trace}-${span}-0`, traceparent: `00-${trace}-${span}-01` }, `00-${trace}-${span}-01`],
    ['b3 behind a broken traceparent', { b3: `${trace}-${span}-1`, traceparent: 'nonsense' }, `00-${trace}-${span}-01`],
    ['the last of several', { traceparent: [Buffer.from('x'), Buffer.from(`00-${trace}-${span}-01`)] }, `00-${trace}-${span}-01`],
    ['nothing: a decision alone', { b3: '0' }, undefined],
    ['nothing: zeros', { traceparent: `00-${'0'.repeat(32)}-${span}-01` }, undefined],
    ['nothing: a span of zeros', { b3: `${trace}-${'0'.repeat(16)}-1` }, undefined],
    ['nothing: version ff', { traceparent: `ff-${trace}-${span}-01` }, undefined],
    ['nothing: more than version 00 has', { traceparent: `00-${trace}-${span}-01-x` }, undefined],
    ['nothing: capitals in traceparent', { traceparent: `00-${trace.toUpperCase()}-${span}-01` }, undefined],
    ['nothing: a trace id without a span', { 'X-B3-TraceId': trace }, undefined],
    ['nothing at all', {}, undefined],
  ])('comes from %s', (_, headers, expected) => expect(traceContextOf(headers)?.traceparent).toBe(expected));

  test('takes the tracestate beside a traceparent with it, and beside nothing else', () => {
    const traceparent = `00-${trace}-${span}-01`;
    expect(traceContextOf({ traceparent, tracestate: 'a=1,b=2' })).toEqual({ traceparent, tracestate: 'a=1,b=2' });
    expect(traceContextOf({ b3: `${trace}-${span}-1`, tracestate: 'a=1' })).toEqual({ traceparent });
    expect(traceContextOf({ traceparent, tracestate: `a=${'1'.repeat(600)}` })).toEqual({ traceparent });
    expect(traceContextOf({ traceparent, tracestate: 'a=ü' })).toEqual({ traceparent });
    expect(traceContextOf(undefined)).toBeUndefined();
  });

  test('is nothing, or of W3C’s form, whatever the headers hold', () => {
    const names = fc.constantFrom('traceparent', 'tracestate', 'b3', 'x-b3-traceid', 'X-B3-SpanId', 'x-b3-sampled');
    const values = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f-]{0,60}$/), fc.uint8Array().map((bytes) => Buffer.from(bytes)));
    fc.assert(fc.property(fc.dictionary(names, values), (headers) => {
      const found = traceContextOf(headers);
      if (found) expect(found.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    }));
  });
});

test('a place that was stored is what it was; none was when there was none', () => {
  expect(traceContext('00-x', null)).toEqual({ traceparent: '00-x' });
  expect(traceContext('00-x', 'a=1')).toEqual({ traceparent: '00-x', tracestate: 'a=1' });
  expect(traceContext(null, 'a=1')).toBeUndefined();
  expect(partsOf(`00-${trace}-${span}-01`)).toEqual({ traceId: trace, spanId: span, sampled: true });
  expect(partsOf('00-x')).toBeUndefined();
});

test.each<[string, unknown, string | undefined]>([
  ['32 hexadecimal digits', { traceId: trace }, trace],
  ['capitals', { traceId: trace.toUpperCase() }, trace],
  ['another id', { traceId: 'trace-abc-999' }, undefined],
  ['zeros', { traceId: '0'.repeat(32) }, undefined],
  ['a number', { traceId: 5 }, undefined],
  ['one further in', { payload: { traceId: trace } }, undefined],
  ['no object', 'null', undefined],
])('the trace that a body names: %s', (_, body, expected) => {
  expect(traceIdInBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))).toBe(expected);
  expect(traceIdInBody(null)).toBeUndefined();
  expect(traceIdInBody(Buffer.from([0xff, 0x00]))).toBeUndefined();
});
