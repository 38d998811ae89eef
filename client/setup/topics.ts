import { createTopics } from '../../bus/admin.js';
import { createKafka, rootCause } from '../../bus/kafka.js';
import { topicSpecs } from '../../bus/topics.js';
import type { TopicSpec } from '../../bus/topics.js';
import { deadLetterTopic } from '../../contracts/names/index.js';
import type { KafkaConfig } from '../../platform/config.js';
import type { Log } from '../../platform/log.js';
import { oncePossible, type SetupStep } from './steps.js';

export interface TopicWishes {
  /** For topics of Expunge's own; dead letters keep one partition, topics of the Nova bus those that they have. The shipped number when left out. */
  readonly partitions?: number | undefined;
  /** The broker's default when left out. */
  readonly replicationFactor?: number | undefined;
}

/** Makes the topics that are missing, and adds partitions where there are too few. @throws ClientFault */
export async function setUpTopics({ kafka, wishes, waitMs, log }: { readonly kafka: KafkaConfig; readonly wishes: TopicWishes; readonly waitMs: number; readonly log: Log }): Promise<SetupStep[]> {
  const client = createKafka({ brokers: kafka.brokers, clientId: 'expunge-setup', ssl: kafka.tls, sasl: kafka.sasl, log });
  const { partitions, replicationFactor } = wishes;
  const deadLetters = deadLetterTopic('');
  const specs = topicSpecs(kafka).map((spec): TopicSpec => (partitions === undefined || spec.ofOthers === true || spec.topic.endsWith(deadLetters) ? spec : { ...spec, partitions }));
  const { created, grown } = await oncePossible(() => createTopics(client, specs, { log, ...(replicationFactor === undefined ? {} : { replicationFactor }) }), {
    what: `Kafka at ${kafka.brokers.join(',')} (KAFKA_BROKERS)`, waitMs, log,
    refusal: (error) => {
      const { type, name, message } = rootCause(error);
      const lasting = (type !== undefined && (error as { retriable?: boolean }).retriable !== true) || name === 'KafkaJSSASLAuthenticationError';
      return lasting ? message : undefined;
    },
  });
  return [{ part: 'kafka', what: `${specs.length} topics`, made: [...created, ...grown.map((topic) => `${topic} (more partitions)`)] }];
}
