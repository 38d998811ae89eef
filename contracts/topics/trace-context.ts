import type { MessageHeaders } from './raw-message.js';
import { headerText } from './raw-message.js';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const ZEROS = /^0+$/;

/**
 * The trace that a message belongs to, as a W3C traceparent; undefined if its headers name none that is valid.
 * Read from `traceparent` (https://www.w3.org/TR/trace-context/), else `b3`, else the `X-B3-…` headers
 * (https://github.com/openzipkin/b3-propagation). Header names are taken in any case.
 */
export function traceparentOf(headers: MessageHeaders | undefined): string | undefined {
  if (headers === undefined) return undefined;
  const names = new Map(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
  const read = (name: string): string | undefined => {
    const given = names.get(name);
    return given === undefined ? undefined : headerText(headers, given)?.trim();
  };
  return fromTraceparent(read('traceparent')) ?? fromB3(read('b3')) ?? fromB3Headers(read);
}

function fromTraceparent(text: string | undefined): string | undefined {
  const found = text === undefined ? null : TRACEPARENT.exec(text);
  if (!found) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = found;
  // Version 00 ends after the flags; of later ones the part that is known may be used.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  return traceparent(traceId, spanId, (Number.parseInt(flags, 16) & 1) === 1);
}

function fromB3(text: string | undefined): string | undefined {
  const [traceId, spanId, sampled] = text?.toLowerCase().split('-') ?? [];
  return traceparent(traceId, spanId, sampled === '1' || sampled === 'd');
}

function fromB3Headers(read: (name: string) => string | undefined): string | undefined {
  const sampled = read('x-b3-sampled')?.toLowerCase();
  return traceparent(
    read('x-b3-traceid')?.toLowerCase(),
    read('x-b3-spanid')?.toLowerCase(),
    sampled === '1' || sampled === 'true' || read('x-b3-flags') === '1',
  );
}

function traceparent(traceId: string | undefined, spanId: string | undefined, sampled: boolean): string | undefined {
  if (traceId === undefined || spanId === undefined) return undefined;
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId) || ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return `00-${traceId.padStart(32, '0')}-${spanId}-${sampled ? '01' : '00'}`;
}
