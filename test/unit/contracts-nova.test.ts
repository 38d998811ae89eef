import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { deadLetterTopic, SUBJECT_KINDS, type NovaTopics } from '../../contracts/names/index.js';
import {
  eventTypeOf, MessageFault, NOVA_EVENTS, NOVA_EVENT_TYPES, novaEventIdOf, novaTopicNames, parseNovaEvent, topicsOf, type NovaEventEntry, type NovaEventType,
} from '../../contracts/topics/index.js';
import { loadConfig } from '../../platform/config.js';
import { novaSample, novaSamples, type NovaSample } from '../support/nova-samples.js';

const topics: NovaTopics = loadConfig({}).kafka.novaTopics;
const entryOf = (type: NovaEventType): NovaEventEntry => NOVA_EVENTS[type];
const messageOf = ({ topic, key, headers, value }: NovaSample, change: object = {}) => ({ topic, partition: 3, offset: '42', key: Buffer.from(key), headers, value: Buffer.from(JSON.stringify({ ...value, ...change })) });
const faultOf = (work: () => unknown): MessageFault => {
  try {
    work();
  } catch (error) {
    if (error instanceof MessageFault) return error;
    throw error;
  }
  throw new Error('no fault');
};

describe('the samples of the document', () => {
  test('are there for each of the nine events and both legacy topics', () => {
    expect(new Set(novaSamples.map((sample) => eventTypeOf(messageOf(sample))))).toEqual(new Set(NOVA_EVENT_TYPES));
    expect(novaSamples).toHaveLength(11);
  });

  test.each(novaSamples)('$file reads as it is written, on its topic and under its key', (sample) => {
    const event = parseNovaEvent(messageOf(sample));
    expect(event?.value).toEqual(sample.value);
    if (!event) return;
    expect(topicsOf(event.type, topics)).toContain(sample.topic);
    expect(sample.value[entryOf(event.type).partitionKey]).toBe(sample.key);
  });
});

describe('the catalogue', () => {
  test('names every topic once, under the names of the environment', () => {
    const named = loadConfig({ KAFKA_TOPIC_PREFIX: 'acme', KAFKA_IDENTITY_EVENTS_TOPIC: 'users', KAFKA_EVENTS_TOPIC: 'media', KAFKA_MESSAGE_EVENTS_TOPIC: 'users' }).kafka.novaTopics;
    expect([...novaTopicNames(named)].sort()).toEqual(['acme.content.events', 'media', 'message_deleted', 'message_persisted', 'users']);
    expect(loadConfig({ KAFKA_EVENTS_TOPIC: 'other', KAFKA_MEDIA_EVENTS_TOPIC: 'media' }).kafka.novaTopics.media).toBe('media');
    expect(() => loadConfig({ KAFKA_MEDIA_EVENTS_TOPIC: 'no topic' })).toThrow('KAFKA_MEDIA_EVENTS_TOPIC');
    expect(new Set([...novaTopicNames(topics)].map(deadLetterTopic)).size).toBe(6);
  });

  test.each(NOVA_EVENT_TYPES)('%s is told in full: key, producers, consumers, kind and a schema that JSON Schema can express', (type) => {
    const { schema, partitionKey, producers, consumers, kind } = entryOf(type);
    expect(Object.keys(schema.shape)).toContain(partitionKey);
    expect(producers.length).toBeGreaterThan(0);
    expect(consumers).toContain('expunge (nova)');
    expect(SUBJECT_KINDS).toContain(kind);
    expect(z.toJSONSchema(schema, { io: 'input' })).toMatchObject({ type: 'object', required: expect.arrayContaining([partitionKey]) as unknown });
  });
});

describe('a message', () => {
  const created = novaSample('content.post.created');

  test('is routed by its event_type header, whatever the topic', () => {
    expect(parseNovaEvent({ ...messageOf(created), topic: 'one.for.all' })?.type).toBe('content.post.created');
  });
  test('of a legacy topic has its type by the topic', () => {
    expect(parseNovaEvent({ ...messageOf(novaSample('legacy.message_deleted')), headers: { event_type: 'something.else' } })?.type).toBe('message.deleted');
  });
  test('without the header may name its type in the body', () => {
    expect(parseNovaEvent({ ...messageOf(created, { event_type: 'content.post.created' }), headers: {} })?.type).toBe('content.post.created');
  });
  test.each([
    ['of a type that nobody here knows', { event_type: 'content.post.liked' }],
    ['of a type that JavaScript knows', { event_type: 'constructor' }],
    ['without any type', {}],
  ])('%s is not an event of the catalogue', (_, headers) => {
    expect(parseNovaEvent({ ...messageOf(created), headers })).toBeUndefined();
  });
  test('of an unknown type is not even read', () => {
    expect(parseNovaEvent({ ...messageOf(created), headers: { event_type: 'x' }, value: Buffer.from('no json') })).toBeUndefined();
  });
  test('has its event_id header for an id, else where it lies', () => {
    expect(novaEventIdOf(messageOf(created))).toBe('evt-content.post.created');
    for (const headers of [{}, { event_id: '' }]) expect(novaEventIdOf({ ...messageOf(created), headers })).toBe('nova.content.events:3:42');
  });
  test('may lack all its content', () => {
    const { post_id, user_id, created_at } = created.value;
    expect(parseNovaEvent({ ...messageOf(created), value: Buffer.from(JSON.stringify({ post_id, user_id, created_at, caption: null })) })?.type).toBe('content.post.created');
  });
  test.each<[string, object, string, string]>([
    ['no post', { post_id: undefined }, 'MISSING_FIELD', 'post_id'],
    ['no owner', { user_id: '' }, 'INVALID_FIELD', 'user_id'],
    ['no time', { created_at: 'yesterday' }, 'INVALID_FIELD', 'created_at'],
    ['an id with a line break', { post_id: 'a\nb' }, 'INVALID_FIELD', 'post_id'],
  ])('with %s is at fault', (_, change, code, field) => {
    expect(faultOf(() => parseNovaEvent(messageOf(created, change)))).toMatchObject({ code, field });
  });
  test('at fault does not have its user or content repeated', () => {
    for (const change of [{ user_id: 'jane doe' }, { caption: ['jane'] }, { post_id: 'jane\n' }]) expect(faultOf(() => parseNovaEvent(messageOf(created, change))).message).not.toContain('jane');
  });
  test('of a new status that nobody knows says which there are', () => {
    expect(faultOf(() => parseNovaEvent(messageOf(novaSample('content.post.status_updated'), { new_status: 'lost' }))).message).toBe('new_status must be one of published, archived, deleted (found "lost").');
  });
});
