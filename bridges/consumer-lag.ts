import type { Consumer } from '../bus/consumer.js';
import type { Metrics } from '../platform/metrics.js';

/**
 * Reports how far behind the partitions of this process are, whenever it is called. A partition that moved away is reported by its
 * new reader only; while Kafka cannot be asked nothing is: an old number would say that nothing has changed.
 */
export function createLagReporter(consumer: Pick<Consumer, 'lag'>, group: string, { consumerLag }: Pick<Metrics, 'consumerLag'>): () => Promise<void> {
  let reported: readonly { readonly topic: string; readonly partition: number }[] = [];
  const forget = (): void => {
    for (const { topic, partition } of reported) consumerLag.remove({ group, topic, partition: String(partition) });
    reported = [];
  };
  return async () => {
    try {
      const partitions = await consumer.lag();
      forget();
      for (const { topic, partition, lag } of partitions) consumerLag.set({ group, topic, partition: String(partition) }, lag);
      reported = partitions;
    } catch (error) {
      forget();
      throw error;
    }
  };
}
