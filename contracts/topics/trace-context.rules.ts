import type { MessageHeaders } from './raw-message.js';
import { headerText } from './raw-message.js';

/** A place in a trace, in W3C's form (https://www.w3.org/TR/trace-context/): what travels in headers, in the ledger and in the conf of a run. */
export interface TraceContext {
  readonly traceparent: string;
  /** What vendors have added; passed on as it came. */
  readonly tracestate?: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const FULL_TRACE_ID = /^[0-9a-f]{32}$/;
const ZEROS = /^0+$/;
/** As much as must be passed on, of the characters that may be in it. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/**
 * The place in a trace that a message was sent from; undefined if its headers name none that is valid.
 * Read from `traceparent` and `tracestate`, else `b3`, else the `X-B3-…` headers (https://github.com/openzipkin/b3-propagation).
 * Header names are taken in any case. Where b3 leaves it open whether the trace is recorded, it is.
 */
export function traceContextOf(headers: MessageHeaders | undefined): TraceContext | undefined {
  if (headers === undefined) return undefined;
  const names = new Map(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
  const read = (name: string): string | undefined => {
    const given = names.get(name);
    return given === undefined ? undefined : headerText(headers, given)?.trim();
  };
  const traceparent = fromTraceparent(read('traceparent'));
  if (traceparent !== undefined) return traceContext(traceparent, read('tracestate'));
  const b3 = fromB3(read('b3')) ?? fromB3Headers(read);
  return b3 === undefined ? undefined : { traceparent: b3 };
}

/** A place in a trace as it was stored, or undefined when nothing was. A tracestate that breaks its form is left out. */
export function traceContext(traceparent: string | null | undefined, tracestate?: string | null): TraceContext | undefined {
  if (traceparent === null || traceparent === undefined) return undefined;
  return typeof tracestate === 'string' && TRACESTATE.test(tracestate) ? { traceparent, tracestate } : { traceparent };
}

/** The parts of a traceparent; undefined when it is none. */
export function partsOf(traceparent: string): { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined {
  const checked = fromTraceparent(traceparent);
  if (checked === undefined) return undefined;
  const [, traceId = '', spanId = '', flags] = checked.split('-');
  return { traceId, spanId, sampled: flags === '01' };
}

/** The trace that a message without headers says it belongs to: the `traceId` of its body, when that can be one (32 hexadecimal digits). */
export function traceIdInBody(value: Buffer | null): string | undefined {
  try {
    const body = JSON.parse(value?.toString() ?? '') as { readonly traceId?: unknown } | null;
    const traceId = typeof body?.traceId === 'string' ? body.traceId.toLowerCase() : '';
    return FULL_TRACE_ID.test(traceId) && !ZEROS.test(traceId) ? traceId : undefined;
  } catch {
    return undefined; // no JSON: its handler says so
  }
}

function fromTraceparent(text: string | undefined): string | undefined {
  const found = text === undefined ? null : TRACEPARENT.exec(text);
  if (!found) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = found;
  // Version 00 ends after the flags; of later ones the part that is known may be used.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  return traceparentFrom(traceId, spanId, (Number.parseInt(flags, 16) & 1) === 1);
}

function fromB3(text: string | undefined): string | undefined {
  const [traceId, spanId, sampled] = text?.toLowerCase().split('-') ?? [];
  return traceparentFrom(traceId, spanId, sampled !== '0');
}

function fromB3Headers(read: (name: string) => string | undefined): string | undefined {
  const sampled = read('x-b3-sampled')?.toLowerCase();
  return traceparentFrom(
    read('x-b3-traceid')?.toLowerCase(),
    read('x-b3-spanid')?.toLowerCase(),
    read('x-b3-flags') === '1' || (sampled !== '0' && sampled !== 'false'),
  );
}

function traceparentFrom(traceId: string | undefined, spanId: string | undefined, sampled: boolean): string | undefined {
  if (traceId === undefined || spanId === undefined) return undefined;
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId) || ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return `00-${traceId.padStart(32, '0')}-${spanId}-${sampled ? '01' : '00'}`;
}
