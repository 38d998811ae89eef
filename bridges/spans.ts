import { headerText, traceContextOf, traceIdInBody, type TraceContext } from '../contracts/topics/index.js';
import type { IncomingMessage, MessageHandler, OutgoingRecord } from '../bus/messages.js';
import type { Producer, SendResult } from '../bus/producer.js';
import { consumerGroup } from '../contracts/names/index.js';
import type { Role } from '../platform/roles.js';
import { inSpan, isTracing, openSpan, SpanKind, type Attributes, type Place } from '../platform/tracing/spans.js';
import { placeIn } from './temporal-spans.js';

/** Finds the place of a message whose headers name none. */
export type FindPlace = (message: IncomingMessage) => Promise<TraceContext | undefined>;

/**
 * Handles each message under a span of its own: where its headers say that it was sent from, or else where `find` says, or else in a trace of
 * its own, under the id in its body if that can be one. A try that fails is a span that failed, and the next one has its own.
 * Named and described by https://opentelemetry.io/docs/specs/semconv/messaging/kafka/; the key is left out, for it may be a user's id.
 */
export const traced = (role: Role, handler: MessageHandler, find?: FindPlace): MessageHandler => async (message) => {
  if (!isTracing()) return handler(message);
  const place: Place = traceContextOf(message.headers) ?? (await find?.(message)) ?? { newTrace: traceIdInBody(message.value) };
  return inSpan(`process ${message.topic}`, { kind: SpanKind.CONSUMER, place, attributes: received(role, message) }, () => handler(message));
};

const received = (role: Role, { topic, partition, offset, attempt }: IncomingMessage): Attributes => ({
  'messaging.system': 'kafka',
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
  'messaging.destination.name': topic,
  'messaging.destination.partition.id': String(partition),
  'messaging.kafka.offset': Number(offset),
  'messaging.consumer.group.name': consumerGroup(role),
  ...(attempt > 1 && { 'expunge.delivery_attempt': attempt }),
});

/**
 * Sends records, each that is in a trace under a span of its own, which goes out in its headers in place of the one that it was written at.
 * @returns as the producer does
 */
export async function sendTraced(producer: Pick<Producer, 'send'>, records: readonly OutgoingRecord[]): Promise<readonly SendResult[]> {
  if (!isTracing()) return producer.send(records);
  const spans = records.map((record) => {
    const place = placeIn(record.headers);
    return place && openSpan(`send ${record.topic}`, { kind: SpanKind.PRODUCER, place, attributes: sending(record) });
  });
  const results = await producer.send(records.map((record, i) => {
    const span = spans[i];
    return span ? { ...record, headers: { ...record.headers, ...span.place } } : record;
  }));
  for (const [i, span] of spans.entries()) {
    const result = results[i];
    span?.end(result?.ok === false ? result.error : undefined);
  }
  return results;
}

const sending = ({ topic, headers }: OutgoingRecord): Attributes => {
  const eventId = headerText(headers, 'event_id');
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    // Our own messages' ids are derived from that of the request.
    ...(eventId !== undefined && { 'messaging.message.id': eventId }),
  };
};
