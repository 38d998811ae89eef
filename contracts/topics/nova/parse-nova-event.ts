import { decodeJsonObject } from '../json-object.js';
import { parseValue } from '../parse-message.js';
import { headerText, type RawMessage } from '../raw-message.js';
import { NOVA_EVENTS, NOVA_EVENT_TYPES, type NovaEvent, type NovaEventEntry, type NovaEventType } from './catalogue.js';

const LEGACY_TYPES: ReadonlyMap<string, NovaEventType> = new Map(
  NOVA_EVENT_TYPES.flatMap((type) => {
    const { legacyTopic }: NovaEventEntry = NOVA_EVENTS[type];
    return legacyTopic === undefined ? [] : [[legacyTopic, type] as const];
  }),
);

/** A message that came on a topic. */
export interface TopicMessage extends RawMessage {
  readonly topic: string;
}

/**
 * What a message of the Nova bus says it is: by its legacy topic, else its `event_type` header, else a field of that name in
 * its body; undefined when nothing says it. It may be a type that nobody here knows.
 * @throws MessageFault when there is no header and the body cannot be read
 */
export function eventTypeOf(message: TopicMessage): string | undefined {
  const said = LEGACY_TYPES.get(message.topic) ?? headerText(message.headers, 'event_type');
  if (said !== undefined && said !== '') return said;
  const inBody = decodeJsonObject(message.value)['event_type'];
  return typeof inBody === 'string' ? inBody : undefined;
}

/** Whether a type is one of the catalogue's. */
export const isNovaEventType = (type: string | undefined): type is NovaEventType => type !== undefined && Object.hasOwn(NOVA_EVENTS, type);

/**
 * Reads a message of the Nova bus. The Kafka key is not compared: times tell the order of events, not partitions.
 * @returns undefined for an event type that is not in the catalogue
 * @throws MessageFault
 */
export function parseNovaEvent(message: TopicMessage): NovaEvent | undefined {
  const type = eventTypeOf(message);
  if (!isNovaEventType(type)) return undefined;
  const { schema }: NovaEventEntry = NOVA_EVENTS[type];
  return { type, value: parseValue(schema, message) } as NovaEvent;
}

/** Where a message lies in Kafka. */
export interface Coordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** What a message is told again by: its `event_id` header, else where it lies: `<topic>:<partition>:<offset>`. */
export function novaEventIdOf(message: TopicMessage & Coordinates): string {
  const given = headerText(message.headers, 'event_id');
  return given !== undefined && given !== '' ? given : `${message.topic}:${message.partition}:${message.offset}`;
}
