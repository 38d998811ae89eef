import { expect, test } from 'vitest';
import { createNova } from '../../bridges/nova/nova.js';
import { loadConfig } from '../../platform/config.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import type { Database } from '../../store/database.js';

test('resurrections are counted from none on, so that an alert sees the first', async () => {
  const metrics = createMetrics();
  createNova({ database: {} as Database, subjectRefs: createSubjectRefs([{ version: 1, secret: 'pepper-of-this-test' }]), topics: loadConfig({}).kafka.novaTopics, metrics, log: createLog({ level: 'silent' }) });
  const { values } = await metrics.registry.getSingleMetric('expunge_resurrections_total')!.get();
  expect(values.map(({ labels, value }) => [labels['kind'], value])).toEqual([['post', 0], ['media', 0], ['message', 0], ['profile', 0]]);
});
