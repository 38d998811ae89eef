import { deadLetterTopic, deletionEventsTopic, TOPICS, type NovaTopics } from '../contracts/names/index.js';
import { novaTopicNames } from '../contracts/topics/index.js';

/** A topic as it must be. */
export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** Topic configuration by Kafka's names. */
  readonly configs: Readonly<Record<string, string>>;
  /** Belongs to others: made where it is missing, and else left as it is. */
  readonly ofOthers?: true;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** As many as may read a topic side by side; more can be added later, and order per key then breaks for a moment. */
export const DEFAULT_PARTITIONS = 6;

/** Kafka stamps what comes: it refuses what a machine whose clock is an hour ahead has stamped, and keeps by the stamp. */
const STAMPED_BY_KAFKA = { 'message.timestamp.type': 'LogAppendTime' } as const;

/**
 * A dead letter is the original, which may be as large as the broker takes, and headers that say why: it must fit
 * wherever the original did. Kept for 90 days: three times the month in which a deletion is due.
 */
export const DEAD_LETTER_CONFIGS = {
  'max.message.bytes': String(4 * 1024 * 1024),
  'retention.ms': String(90 * DAY_MS),
  'cleanup.policy': 'delete',
  ...STAMPED_BY_KAFKA,
} as const;

const topic = (name: string, retentionDays: number): TopicSpec => ({
  topic: name,
  partitions: DEFAULT_PARTITIONS,
  configs: { 'retention.ms': String(retentionDays * DAY_MS), 'cleanup.policy': 'delete', ...STAMPED_BY_KAFKA },
});

/** The dead letters of a topic: one partition, so that they are listed in the order they came. */
export const deadLetterSpec = (name: string): TopicSpec => ({ topic: deadLetterTopic(name), partitions: 1, configs: DEAD_LETTER_CONFIGS });

/** Topics of the main job that Expunge reads. */
export const READ_TOPICS = [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.serviceEvents, TOPICS.airflowTrigger, TOPICS.airflowResult] as const;

/** The topics of the Nova bus as its own document has them; how many partitions the last two have it does not say. */
const novaTopicSpecs = ({ content, media, identity, message }: NovaTopics): readonly TopicSpec[] =>
  ([[content, 6], [media, 3], [identity, DEFAULT_PARTITIONS], [message, DEFAULT_PARTITIONS]] as const).map(([name, partitions]) => ({ ...topic(name, 30), partitions, ofOthers: true }));

/** Names of topics, as they are configured. */
export interface TopicNames {
  /** Names `<prefix>.deletion.events`. */
  readonly topicPrefix: string;
  readonly novaTopics: NovaTopics;
}

/** Every topic that has dead letters, each once. */
export const deadLetteredTopics = (novaTopics: NovaTopics): readonly string[] => [...new Set([...READ_TOPICS, ...novaTopicNames(novaTopics)])];

/** Every topic of Expunge's own, those of the Nova bus but for its legacy ones, and the dead letters of those that are read. Each once. */
export function topicSpecs({ topicPrefix, novaTopics }: TopicNames): readonly TopicSpec[] {
  const specs = [
    ...[...READ_TOPICS, TOPICS.notifications, TOPICS.tenantLifecycle, deletionEventsTopic(topicPrefix)].map((name) => topic(name, 30)),
    ...novaTopicSpecs(novaTopics),
    ...deadLetteredTopics(novaTopics).map(deadLetterSpec),
  ];
  return [...new Map(specs.toReversed().map((spec) => [spec.topic, spec])).values()].toReversed();
}
