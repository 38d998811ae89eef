import { deadLetterTopic } from '../contracts/names/index.js';
import type { Metrics } from '../platform/metrics.js';

export interface DeadLetterGauges {
  readonly metrics: Pick<Metrics, 'deadLettersKept' | 'deadLettersEnd'>;
  /** The topics whose dead letters are kept. */
  readonly topics: readonly string[];
  /** How many messages topics hold and were ever given. */
  readonly sizes: (topics: readonly string[]) => Promise<ReadonlyMap<string, { readonly kept: number; readonly end: number }>>;
}

/**
 * Counts dead letters where they lie, whenever it is called: whoever kept one may be gone before it has counted it. While Kafka cannot
 * be asked nothing is told.
 */
export function createDeadLetterGauges({ metrics: { deadLettersKept, deadLettersEnd }, topics, sizes }: DeadLetterGauges): () => Promise<void> {
  return async () => {
    try {
      const found = await sizes(topics.map(deadLetterTopic));
      for (const topic of topics) {
        const size = found.get(deadLetterTopic(topic));
        if (!size) continue;
        deadLettersKept.set({ topic }, size.kept);
        deadLettersEnd.set({ topic }, size.end);
      }
    } catch (error) {
      deadLettersKept.reset();
      deadLettersEnd.reset();
      throw error;
    }
  };
}
