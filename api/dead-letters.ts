import { replayOf } from '../bus/dead-letters.js';
import type { KafkaClient } from '../bus/kafka.js';
import { BusOutage } from '../bus/producer-errors.js';
import type { Producer } from '../bus/producer.js';
import { readOne, readTail } from '../bus/read-topic.js';
import type { StoredMessage } from '../bus/read-topic.js';
import { deadLetterTopic } from '../contracts/names/index.js';
import { Problem } from './problem.js';

/** Dead letters, read from their topics whenever someone looks: there is no second copy. All throw Problem `unavailable` while Kafka is away. */
export interface DeadLetterShelf {
  /** The topics whose dead letters are kept. */
  readonly topics: readonly string[];
  /** The newest of one topic, or of all, the newest first. */
  newest(topics: readonly string[], limit: number): Promise<readonly StoredMessage[]>;
  one(topic: string, partition: number, offset: bigint): Promise<StoredMessage | undefined>;
  /** Hands letters to the topic that they came on, in this order. @throws Problem as well when Kafka refuses one */
  replay(topic: string, letters: readonly StoredMessage[], person: string): Promise<void>;
}

export function createDeadLetterShelf({ kafka, producer, topics }: { readonly kafka: () => KafkaClient; readonly producer: () => Producer; readonly topics: readonly string[] }): DeadLetterShelf {
  return {
    topics,
    newest: async (asked, limit) => {
      const found = await fromKafka(() => Promise.all(asked.map((topic) => readTail(kafka(), deadLetterTopic(topic), { limit }))));
      return found.flat().sort((a, b) => b.timestampMs - a.timestampMs).slice(0, limit * asked.length);
    },
    one: (topic, partition, offset) => fromKafka(() => readOne(kafka(), deadLetterTopic(topic), partition, offset)),
    replay: async (topic, letters, person) => {
      const results = await producer().send(letters.map((letter) => replayOf(topic, letter, person)));
      const failed = results.find((result) => !result.ok);
      if (!failed) return;
      const sent = results.filter(({ ok }) => ok).length;
      throw new Problem(failed.error instanceof BusOutage ? 'unavailable' : 'internal', `Kafka took ${sent} of ${letters.length}; replaying all of them again does no harm.`, { cause: failed.error });
    },
  };
}

async function fromKafka<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new Problem('unavailable', 'The dead letters cannot be read from Kafka at the moment. Try again shortly.', { cause: error });
  }
}
