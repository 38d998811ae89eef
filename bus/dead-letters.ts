import { deadLetterTopic } from '../contracts/names/index.js';
import { headerText, type MessageFault, type MessageHeaders } from '../contracts/topics/index.js';
import type { IncomingMessage, OutgoingRecord } from './messages.js';
import type { Producer } from './producer.js';

/** The headers that a dead letter has besides its own. */
export const DEAD_LETTER_HEADERS = {
  /** The fault's code. */
  errorClass: 'dlq-error-class',
  errorMessage: 'dlq-error-message',
  topic: 'dlq-topic',
  partition: 'dlq-partition',
  offset: 'dlq-offset',
  /** ISO 8601; of the first time, however often it was replayed since. */
  firstSeen: 'dlq-first-seen',
  /** How often it was replayed. */
  replays: 'dlq-replays',
  /** Who replayed it last. */
  replayedBy: 'dlq-replayed-by',
} as const;
const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));
const MAX_MESSAGE_LENGTH = 2000;

export interface DeadLetters {
  /**
   * Writes the message to its dead letter topic, acknowledged by all replicas.
   * @throws RecordRefused or BusOutage: it is not kept yet, try again
   */
  keep(message: IncomingMessage, fault: MessageFault): Promise<void>;
}

/** Keeps what cannot be handled, in `<topic>.dlq`. */
export const createDeadLetters = ({ producer, now = () => new Date() }: { readonly producer: Producer; readonly now?: () => Date }): DeadLetters => ({
  keep: async (message, fault) => {
    const [result] = await producer.send([deadLetterOf(message, fault, now())]);
    if (result && !result.ok) throw result.error;
  },
});

/** The dead letter of a message: the original bytes, key and headers, and why. */
export function deadLetterOf(message: Omit<IncomingMessage, 'signal' | 'attempt' | 'timestampMs'>, fault: MessageFault, now: Date): OutgoingRecord {
  const { headers } = message;
  return {
    topic: deadLetterTopic(message.topic),
    key: message.key,
    value: message.value,
    headers: {
      ...originalHeaders(headers),
      [DEAD_LETTER_HEADERS.errorClass]: fault.code,
      [DEAD_LETTER_HEADERS.errorMessage]: fault.message.slice(0, MAX_MESSAGE_LENGTH),
      [DEAD_LETTER_HEADERS.topic]: message.topic,
      [DEAD_LETTER_HEADERS.partition]: String(message.partition),
      [DEAD_LETTER_HEADERS.offset]: message.offset,
      [DEAD_LETTER_HEADERS.firstSeen]: headerText(headers, DEAD_LETTER_HEADERS.firstSeen) ?? now.toISOString(),
      [DEAD_LETTER_HEADERS.replays]: String(replaysOf(headers)),
      [DEAD_LETTER_HEADERS.replayedBy]: headerText(headers, DEAD_LETTER_HEADERS.replayedBy),
    },
  };
}

/**
 * The record that hands a dead letter to its topic again: as it came, with one more replay counted, so that a second
 * death remembers the first.
 * @param topic where it was meant for, as its dlq-topic header or the dead letter topic's name says
 * @param person who replays it
 */
export const replayOf = (topic: string, { key, value, headers }: { readonly key: Buffer | null; readonly value: Buffer | null; readonly headers: MessageHeaders }, person?: string): OutgoingRecord => ({
  topic,
  key,
  value,
  headers: {
    ...originalHeaders(headers),
    [DEAD_LETTER_HEADERS.firstSeen]: headerText(headers, DEAD_LETTER_HEADERS.firstSeen),
    [DEAD_LETTER_HEADERS.replays]: String(replaysOf(headers) + 1),
    [DEAD_LETTER_HEADERS.replayedBy]: person,
  },
});

const originalHeaders = (headers: MessageHeaders): MessageHeaders => Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name)));

function replaysOf(headers: MessageHeaders): number {
  const count = Number(headerText(headers, DEAD_LETTER_HEADERS.replays) ?? 0);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}
