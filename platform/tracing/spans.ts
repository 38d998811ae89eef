import { context, createTraceState, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags, type Attributes, type Context, type Span, type SpanKind } from '@opentelemetry/api';
import { partsOf, traceContext, type TraceContext } from '../../contracts/topics/trace-context.rules.js';
import { failureOf } from './failure.rules.js';

export { SpanKind, type Attributes } from '@opentelemetry/api';

/** Where a span stands: under a place in a trace that came from outside or was stored; in a trace of its own, of that id if one is given; or, left out, under the span that is open. */
export type Place = TraceContext | { readonly newTrace: string | undefined };

export interface SpanOptions {
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
  readonly place?: Place | undefined;
}

/** What `startTracing` sets; without it nothing here does anything. */
let on = false;
let wantedTraceId: string | undefined;
const ended = new WeakSet<Span>();

/** Called once the SDK is there, and when it is shut down. */
export function setTracing(running: boolean): void {
  on = running;
}

/** The id that a trace begins under now, when it was asked for. */
export const takeWantedTraceId = (): string | undefined => {
  const wanted = wantedTraceId;
  wantedTraceId = undefined;
  return wanted;
};

/** Whether spans are made in this process. */
export const isTracing = (): boolean => on;

/** A span that is open, for whoever ends it by hand. */
export interface OpenSpan {
  /** Its place, for what is sent from here. */
  readonly place: TraceContext;
  set(attributes: Attributes): void;
  /** Ends it; with an error, as failed. Of that only type, code and code lines are kept: messages may name a user. */
  end(error?: unknown): void;
  /** Does work under it. */
  within<T>(work: () => T): T;
}

/** Opens a span. Call it only while `isTracing()`. */
export function openSpan(name: string, { kind, attributes = {}, place }: SpanOptions): OpenSpan {
  const parent = parentOf(place);
  const span = trace.getTracer('expunge').startSpan(name, { kind, attributes }, parent);
  wantedTraceId = undefined;
  const inside = trace.setSpan(parent, span);
  return {
    place: placeOf(span),
    set: (more) => void span.setAttributes(more),
    end: (error) => {
      if (error !== undefined) noteFailure(span, error);
      ended.add(span);
      span.end();
    },
    within: (work) => context.with(inside, work),
  };
}

/**
 * Does work under a span of its own, which ends with it. While nothing is traced it only does the work.
 * @throws what the work throws; the span is told of it
 */
export async function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  if (!on) return work();
  const span = openSpan(name, options);
  try {
    const result = await span.within(work);
    span.end();
    return result;
  } catch (error) {
    span.end(error ?? new Error('no reason given'));
    throw error;
  }
}

/** The place of the span that is open; undefined when none is. */
export function currentPlace(): TraceContext | undefined {
  const span = on ? openOne() : undefined;
  return span && placeOf(span);
}

/** Says more of the span that is open, if one is. */
export function describeSpan(attributes: Attributes): void {
  if (on) openOne()?.setAttributes(attributes);
}

/** What a line of the log is found by beside its trace; empty when no span is open. */
export function logFields(): { readonly traceId?: string; readonly spanId?: string } {
  const found = on ? openOne()?.spanContext() : undefined;
  return found ? { traceId: found.traceId, spanId: found.spanId } : {};
}

/** Does work that belongs to many: under no span, whoever has asked for it first. */
export const underNoSpan = <T>(work: () => T): T => (on ? context.with(ROOT_CONTEXT, work) : work());

/** Work that outlives a span goes on in its context. */
function openOne(): Span | undefined {
  const span = trace.getActiveSpan();
  return span && !ended.has(span) ? span : undefined;
}

function parentOf(place: Place | undefined): Context {
  if (place === undefined) return openOne() ? context.active() : ROOT_CONTEXT;
  if ('newTrace' in place) {
    wantedTraceId = place.newTrace;
    return ROOT_CONTEXT;
  }
  const parts = partsOf(place.traceparent);
  if (!parts) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parts;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId, spanId, isRemote: true,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(place.tracestate !== undefined && { traceState: createTraceState(place.tracestate) }),
  });
}

function placeOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
  return traceContext(traceparent, traceState?.serialize() || undefined) ?? { traceparent };
}

function noteFailure(span: Span, error: unknown): void {
  const { type, where } = failureOf(error);
  span.setAttribute('error.type', type);
  span.addEvent('exception', { 'exception.type': type, ...(where === '' ? {} : { 'exception.stacktrace': where }) });
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
}
