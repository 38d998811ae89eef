import { MessageFault } from '../contracts/topics/index.js';
import { askedWaitMs, backoffMs } from './backoff.rules.js';
import type { DeadLetters } from './dead-letters.js';
import type { Job } from './keyed-dispatcher.js';
import type { BusLog, ConsumerMetrics, IncomingMessage, MessageHandler } from './messages.js';

/** A message waits because of an outage of ours. */
export interface Outage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly attempt: number;
  readonly error: Error;
  /** Until the next try. */
  readonly waitMs: number;
}

export interface DeliveryOptions {
  readonly deadLetters: DeadLetters;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  readonly metrics: ConsumerMetrics;
  readonly onOutage: (outage: Outage) => void;
  readonly orderOf: OrderOf;
  readonly log: BusLog;
}

/** One message on its way through its handler. */
export interface Delivery {
  readonly message: Omit<IncomingMessage, 'attempt'>;
  readonly handler: MessageHandler;
  /** Already handled by this process, under an earlier assignment of the partition. */
  readonly alreadyDone: () => boolean;
  readonly done: () => void;
}

/** What orders messages: those of one partition that it names alike are handled one after another; null is in no order with any other. */
export type OrderOf = (message: Pick<IncomingMessage, 'topic' | 'key' | 'value' | 'headers'>) => string | null;

/** As Kafka means it. */
export const orderByKey: OrderOf = ({ key }) => key && key.toString('latin1');

/** The chain of a message. */
export const chainOf = (message: Parameters<OrderOf>[0] & Pick<IncomingMessage, 'partition' | 'offset'>, orderOf: OrderOf = orderByKey): string => {
  const order = orderOf(message);
  return `${message.topic}/${message.partition}/${order === null ? `@${message.offset}` : `=${order}`}`;
};

/** The job that delivers a message: handled, kept as a dead letter, or waiting until one of the two works. */
export function deliveryJob({ message, handler, alreadyDone, done }: Delivery, options: DeliveryOptions): Job {
  const { deadLetters, retryBaseMs, retryCapMs, metrics, onOutage, log } = options;
  const { topic, partition, offset, signal } = message;
  let attempt = 0;
  let fault: MessageFault | undefined;
  const gone = (): boolean => signal.aborted;

  const handle = async (): Promise<void> => {
    const startedAt = performance.now();
    await handler({ ...message, attempt });
    metrics.messageDone?.(topic, performance.now() - startedAt);
  };

  const bury = async (found: MessageFault): Promise<void> => {
    await deadLetters.keep({ ...message, attempt }, found);
    log.warn({ topic, partition, offset, code: found.code, reason: found.message }, 'a message cannot be handled and was kept as a dead letter');
    metrics.messageDeadLettered?.(topic, found.code);
  };

  /** @returns the outage, if there is one */
  const tryOnce = async (): Promise<Error | undefined> => {
    try {
      if (!fault) await handle();
    } catch (error) {
      if (!(error instanceof MessageFault)) return asError(error);
      fault = error;
    }
    try {
      if (fault) await bury(fault);
      return undefined;
    } catch (error) {
      return asError(error);
    }
  };

  return {
    chain: chainOf(message, options.orderOf),
    signal,
    attempt: async () => {
      if (gone()) return undefined;
      attempt++;
      const error = alreadyDone() ? undefined : await tryOnce();
      if (error === undefined) {
        done();
        return undefined;
      }
      if (gone()) return undefined;
      const waitMs = Math.max(backoffMs(attempt, retryBaseMs, retryCapMs, Math.random()), askedWaitMs(error));
      metrics.messageWaiting?.(topic);
      onOutage({ topic, partition, offset, attempt, error, waitMs });
      return waitMs;
    },
  };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
