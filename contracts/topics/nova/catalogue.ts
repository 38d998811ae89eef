import type { z } from 'zod';
import { LEGACY_MESSAGE_TOPICS, type NovaTopics, type SubjectKind } from '../../names/index.js';
import { postCreated, postDeleted, postStatusUpdated } from './content-events.js';
import { userCreated, userDeleted, userProfileUpdated } from './identity-events.js';
import { mediaUploadCompleted } from './media-events.js';
import { messageDeleted, messagePersisted } from './message-events.js';

/** What the catalogue says of one event type of the Nova bus. */
export interface NovaEventEntry {
  readonly schema: z.ZodObject;
  /** Which of the configured topics it is written to. */
  readonly topic: keyof NovaTopics;
  /** An older topic of this one type, whose messages need no `event_type` header. */
  readonly legacyTopic?: string;
  /** The field that is the Kafka key. */
  readonly partitionKey: string;
  readonly producers: readonly string[];
  /** Expunge's roles among them are named `expunge (<role>)`. */
  readonly consumers: readonly string[];
  /** What it tells of. */
  readonly kind: SubjectKind;
  /** The effect in the subject inventory, in words. */
  readonly effect: string;
}

const NOVA = 'expunge (nova)';

/** Every event of the Nova bus, by the `event_type` header that routes it (seed: nova-event-driven-architecture). */
export const NOVA_EVENTS = {
  'content.post.created': {
    schema: postCreated, topic: 'content', partitionKey: 'post_id', kind: 'post',
    producers: ['content-service'], consumers: ['feed-service', 'search-service', 'analytics-service', NOVA],
    effect: 'the post exists',
  },
  'content.post.status_updated': {
    schema: postStatusUpdated, topic: 'content', partitionKey: 'post_id', kind: 'post',
    producers: ['content-service'], consumers: ['feed-service', 'search-service', NOVA],
    effect: 'the post exists; with the new status `deleted` it is hidden, and still stored',
  },
  'content.post.deleted': {
    schema: postDeleted, topic: 'content', partitionKey: 'post_id', kind: 'post',
    producers: ['content-service'], consumers: ['feed-service', 'search-service', 'analytics-service', NOVA],
    effect: 'the post is gone',
  },
  'media.upload.completed': {
    schema: mediaUploadCompleted, topic: 'media', partitionKey: 'upload_id', kind: 'media',
    producers: ['media-service'], consumers: ['content-service', 'analytics-service', 'thumb-worker', NOVA],
    effect: 'the medium exists',
  },
  'identity.user.created': {
    schema: userCreated, topic: 'identity', partitionKey: 'user_id', kind: 'profile',
    producers: ['identity-service'], consumers: ['analytics-service', 'ranking-service', NOVA],
    effect: 'the profile exists',
  },
  'identity.user.profile_updated': {
    schema: userProfileUpdated, topic: 'identity', partitionKey: 'user_id', kind: 'profile',
    producers: ['identity-service'], consumers: ['feed-service', 'search-service', NOVA],
    effect: 'the profile exists',
  },
  'identity.user.deleted': {
    schema: userDeleted, topic: 'identity', partitionKey: 'user_id', kind: 'profile',
    producers: ['identity-service'], consumers: ['graph-service', 'search-service', 'analytics-service', NOVA, 'expunge (ingress)'],
    effect: 'the profile is gone; with `soft_delete` it is hidden, and still stored',
  },
  'message.persisted': {
    schema: messagePersisted, topic: 'message', legacyTopic: LEGACY_MESSAGE_TOPICS.persisted, partitionKey: 'conversation_id', kind: 'message',
    producers: ['messaging pipeline'], consumers: ['search-service', NOVA],
    effect: 'the message exists',
  },
  'message.deleted': {
    schema: messageDeleted, topic: 'message', legacyTopic: LEGACY_MESSAGE_TOPICS.deleted, partitionKey: 'conversation_id', kind: 'message',
    producers: ['messaging pipeline'], consumers: ['search-service', NOVA],
    effect: 'the message is gone',
  },
} as const satisfies Record<string, NovaEventEntry>;

export type NovaEventType = keyof typeof NOVA_EVENTS;
/** An event of the bus, read: its type, and its payload as the schema has it. */
export type NovaEvent = { [Type in NovaEventType]: { readonly type: Type; readonly value: z.output<(typeof NOVA_EVENTS)[Type]['schema']> } }[NovaEventType];
export type NovaEventOf<Type extends NovaEventType> = Extract<NovaEvent, { readonly type: Type }>;

export const NOVA_EVENT_TYPES = Object.keys(NOVA_EVENTS) as readonly NovaEventType[];

/** Where an event type is read: its topic, and its legacy topic if it has one. */
export const topicsOf = (type: NovaEventType, topics: NovaTopics): readonly string[] => {
  const entry: NovaEventEntry = NOVA_EVENTS[type];
  return [topics[entry.topic], ...(entry.legacyTopic === undefined ? [] : [entry.legacyTopic])];
};

/** Every topic of the catalogue, each once. */
export const novaTopicNames = (topics: NovaTopics): readonly string[] => [...new Set(NOVA_EVENT_TYPES.flatMap((type) => topicsOf(type, topics)))];
