import { rootCause } from './kafka.js';

/** Kafka refuses this record, and will again: for its size, its topic or our rights. */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused';
  /** Kafka's name for it, like MESSAGE_TOO_LARGE. */
  readonly code: string;
  constructor(code: string, topic: string) {
    super(`Kafka refused a record for ${topic}: ${code}. ${REMEDIES[code] ?? 'Mend the record or the topic, then send it again.'}`);
    this.code = code;
  }
}

/** Kafka could not be reached, or could not answer: nothing is known of the record's fate; send it again later. */
export class BusOutage extends Error {
  override readonly name = 'BusOutage';
  constructor(cause: Error) {
    super(`Kafka could not take the records: ${cause.message}`, { cause });
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE: "Raise the topic's max.message.bytes, or send less.",
  RECORD_LIST_TOO_LARGE: "Raise the topic's segment.bytes, or send less.",
  UNKNOWN_TOPIC_OR_PARTITION: 'Create the topic (expunge setup).',
  INVALID_TOPIC_EXCEPTION: 'Give the topic a name that Kafka allows.',
  TOPIC_AUTHORIZATION_FAILED: 'Allow this principal to write to the topic.',
  INVALID_RECORD: "Look at the topic's rules: a compacted topic takes no record without a key.",
  POLICY_VIOLATION: "Look at the broker's policies.",
};

/**
 * What a failed send says: that Kafka refused its content, or nothing but that Kafka is out. INVALID_TIMESTAMP is no refusal of
 * the content: this machine's clock is wrong, and a record that waits for it is taken.
 */
export function refusalCode(error: unknown): string | undefined {
  const { type } = rootCause(error);
  return type !== undefined && Object.hasOwn(REMEDIES, type) ? type : undefined;
}
