import { traceContext, type TraceContext } from '../contracts/topics/index.js';
import { inSpan, SpanKind } from '../platform/tracing/spans.js';

/** The place that a row of the outbox, or another record that is to be sent, carries. */
export const placeIn = (headers: Readonly<Record<string, unknown>> | undefined): TraceContext | undefined => {
  const { traceparent, tracestate } = headers ?? {};
  return traceContext(typeof traceparent === 'string' ? traceparent : undefined, typeof tracestate === 'string' ? tracestate : undefined);
};

/** Asks Temporal for something under a span, named as Temporal's own SDKs name it: `StartWorkflow:userDeletion`. */
export const askingTemporal = <T>(operation: 'StartWorkflow' | 'SignalWorkflow' | 'SignalWithStartWorkflow' | 'UpdateWorkflow', name: string, workflowId: string, ask: () => Promise<T>, place?: TraceContext): Promise<T> =>
  inSpan(`${operation}:${name}`, { kind: SpanKind.CLIENT, place, attributes: { temporalWorkflowID: workflowId } }, ask);
