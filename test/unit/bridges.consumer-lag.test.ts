import { describe, expect, test } from 'vitest';
import { createLagReporter } from '../../bridges/consumer-lag.js';
import type { PartitionLag } from '../../bus/admin.js';
import { createMetrics } from '../../platform/metrics.js';

const of = (topic: string, partition: number, lag: number): PartitionLag => ({ topic, partition, lag });

function reporter() {
  const metrics = createMetrics();
  const answers: (readonly PartitionLag[] | Error)[] = [];
  const report = createLagReporter({ lag: () => {
    const answer = answers.shift() ?? [];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  } }, 'expunge-ingress', metrics);
  const lines = async (): Promise<string[]> => (await metrics.registry.getSingleMetricAsString('kafka_consumer_lag')).split('\n').filter((line) => line !== '' && !line.startsWith('#')).sort();
  return { report, answers, lines };
}

describe('the lag of consumers', () => {
  test('is told by group, topic and partition', async () => {
    const { report, answers, lines } = reporter();
    answers.push([of('t', 0, 7), of('t', 1, 0)]);
    await report();
    expect(await lines()).toEqual(['kafka_consumer_lag{group="expunge-ingress",topic="t",partition="0"} 7', 'kafka_consumer_lag{group="expunge-ingress",topic="t",partition="1"} 0']);
  });

  test('is told of a partition by whoever reads it now, and by nobody else', async () => {
    const { report, answers, lines } = reporter();
    answers.push([of('t', 0, 7), of('t', 1, 3)], [of('t', 1, 4)]);
    await report();
    await report();
    expect(await lines()).toEqual(['kafka_consumer_lag{group="expunge-ingress",topic="t",partition="1"} 4']);
  });

  test('is not told while Kafka cannot be asked, and told again afterwards', async () => {
    const { report, answers, lines } = reporter();
    answers.push([of('t', 0, 7)], new Error('down'), [of('t', 0, 9)]);
    await report();
    await expect(report()).rejects.toThrow('down');
    expect(await lines()).toEqual([]);
    await report();
    expect(await lines()).toEqual(['kafka_consumer_lag{group="expunge-ingress",topic="t",partition="0"} 9']);
  });
});
