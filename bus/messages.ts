import type { MessageHeaders, RawMessage } from '../contracts/topics/index.js';

/** A message as a handler gets it. */
export interface IncomingMessage extends RawMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** As the producer or the broker stamped it, in ms since 1970. */
  readonly timestampMs: number;
  readonly headers: MessageHeaders;
  /** 1 on the first try in this process. */
  readonly attempt: number;
  /**
   * Aborted when the partition was taken away or the consumer is stopping. A handler that waits for long ends its wait
   * then by throwing: the message is not counted as done and comes again, here or elsewhere.
   */
  readonly signal: AbortSignal;
}

/**
 * Handles one message. Resolves: done. Throws MessageFault: kept as a dead letter, then done. Throws anything else: an
 * outage of ours; the same message is tried again with backoff, for as long as it takes.
 */
export type MessageHandler = (message: IncomingMessage) => Promise<void>;

/** A message to send. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: MessageHeaders | undefined;
}

/** What of a pino logger is used here. */
export interface BusLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Numbers of a consumer, for whoever counts them. All optional. */
export interface ConsumerMetrics {
  messageDone?(topic: string, durationMs: number): void;
  messageDeadLettered?(topic: string, code: string): void;
  /** An outage of ours; the message waits. */
  messageWaiting?(topic: string): void;
  rebalanced?(groupId: string): void;
  /** The Kafka client gave up and a new one was built. */
  consumerRebuilt?(groupId: string): void;
}
