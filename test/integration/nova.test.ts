import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createTopics, groupLag } from '../../bus/admin.js';
import type { OutgoingRecord } from '../../bus/messages.js';
import { startNova } from '../../bridges/nova/role.js';
import { consumerGroup, deadLetterTopic, LEGACY_MESSAGE_TOPICS, type SubjectKind } from '../../contracts/names/index.js';
import { novaTopicNames } from '../../contracts/topics/index.js';
import { createMetrics } from '../../platform/metrics.js';
import type { RunningRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { entomb, eraseSubject } from '../../store/subjects/erase.js';
import { subjectCounts } from '../../store/subjects/read.js';
import { createRandom } from '../chaos/random.js';
import { openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { freshId } from '../support/deletions.js';
import { createHouseRoles, type HouseRoles } from '../support/house-roles.js';
import { disturbed, novaLoad, type ExpectedItem } from '../support/nova-load.js';
import { novaSample, novaSamples } from '../support/nova-samples.js';

const prefix = freshId('nova');
const TOPICS_OF_THIS_TEST = { KAFKA_TOPIC_PREFIX: prefix, KAFKA_IDENTITY_EVENTS_TOPIC: `${prefix}.identity`, KAFKA_MEDIA_EVENTS_TOPIC: `${prefix}.media`, KAFKA_MESSAGE_EVENTS_TOPIC: `${prefix}.message` };
const SAMPLE_USER = '6f1c1f0e-9f64-4a5e-8f0a-0a1b2c3d4e5f';
const AT = new Date('2025-01-15T10:30:00Z');

let house: BridgeHouse;
beforeAll(async () => {
  house = await openBridgeHouse(['nova'], TOPICS_OF_THIS_TEST);
});
afterAll(() => house.close());

const topics = () => house.config.kafka.novaTopics;
const refsOf = (userId: string): string[] => createSubjectRefs(house.config.subjectPeppers).candidates(userId);
const countsOf = (userId: string) => subjectCounts(house.database, refsOf(userId));
/** A sample, on the topic that the document's own name stands for here. */
const recordOf = (name: string, change: object = {}, headers: object = {}): OutgoingRecord => {
  const { topic, key, headers: own, value } = novaSample(name);
  const here = { 'nova.content.events': topics().content, 'nova.media.events': topics().media, 'nova.identity.events': topics().identity, 'nova.message.events': topics().message }[topic];
  return { topic: here ?? topic, key, headers: { ...own, ...headers }, value: JSON.stringify({ ...value, ...change }) };
};
const makeOlderTopics = () => createTopics(house.kafka, Object.values(LEGACY_MESSAGE_TOPICS).map((topic) => ({ topic, partitions: 1, configs: {} })), { log: house.log });
/** Waits until the role has everything that was sent. */
const takenIn = async (): Promise<void> => {
  const names = novaTopicNames(topics());
  await until('everything is taken in', async () => (await groupLag(house.kafka, consumerGroup('nova'), names)).every(({ lag }) => lag === 0), 60_000);
};

describe('the role', () => {
  const metrics = createMetrics();
  let role: RunningRole;
  let dead: Watched;
  const counted = async (type: string, outcome: string): Promise<number> =>
    (await metrics.subjectEvents.get()).values.find(({ labels }) => labels.type === type && labels.outcome === outcome)?.value ?? 0;

  beforeAll(async () => {
    dead = await house.watch(...Object.values(topics()).map(deadLetterTopic));
    role = await startNova(house.deps({ metrics }));
    await until('the role reads, without the older topics', () => role.ready());
  });
  afterAll(() => role.stop());

  const CASES: readonly (readonly [string, readonly (readonly [SubjectKind, number, number])[]])[] = [
    ['content.post.created', [['post', 1, 0]]],
    ['content.post.status_updated', [['post', 1, 0]]],
    ['media.upload.completed', [['media', 1, 0], ['post', 1, 0]]],
    ['identity.user.created', [['media', 1, 0], ['post', 1, 0], ['profile', 1, 0]]],
    ['identity.user.profile_updated', [['media', 1, 0], ['post', 1, 0], ['profile', 1, 0]]],
    ['message.persisted', [['media', 1, 0], ['message', 1, 0], ['post', 1, 0], ['profile', 1, 0]]],
    ['identity.user.deleted', [['media', 1, 0], ['message', 1, 0], ['post', 1, 0], ['profile', 1, 1]]],
    ['message.deleted', [['media', 1, 0], ['post', 1, 0], ['profile', 1, 1]]],
    ['content.post.deleted', [['media', 1, 0], ['profile', 1, 1]]],
  ];
  test('is shown every event of the document', () => expect(CASES).toHaveLength(novaSamples.length - 2));
  test.each(CASES)('takes in the document’s %s, verbatim', async (name, after) => {
    await house.send(recordOf(name));
    await until('it is taken in', async () => (await counted(name, 'applied')) === 1);
    expect(await countsOf(SAMPLE_USER)).toEqual(after.map(([kind, count, hidden]) => ({ kind, count, hidden, since: AT })));
  });

  test('counts an event once that is told again', async () => {
    await house.send(recordOf('media.upload.completed', { media_id: 'another' }));
    await until('it is known', async () => (await counted('media.upload.completed', 'seen-before')) === 1);
    expect(await countsOf(SAMPLE_USER)).toMatchObject([{ kind: 'media', count: 1 }, { kind: 'profile' }]);
  });

  test('knows an event without an id by where it lies', async () => {
    const user_id = freshId('user');
    const without = { ...recordOf('media.upload.completed', { media_id: freshId('m'), user_id }), headers: { event_type: 'media.upload.completed' } };
    await house.send(without, without);
    await until('both are taken in', async () => (await counted('media.upload.completed', 'applied')) === 3);
    expect(await countsOf(user_id)).toMatchObject([{ kind: 'media', count: 1 }]);
  });

  test('takes what is of a day that is still to come for what is of now, so that what follows counts', async () => {
    const user_id = freshId('user');
    const [ahead, after] = ['2099-01-01T00:00:00Z', new Date(Date.now() + 10 * 60_000).toISOString()];
    await house.send(recordOf('identity.user.profile_updated', { user_id, updated_at: ahead }, { event_id: freshId('e') }));
    await until('the first is taken in', async () => (await countsOf(user_id)).length === 1);
    await house.send(recordOf('identity.user.deleted', { user_id, deleted_at: after, soft_delete: true }, { event_id: freshId('e') }));
    await until('the second is taken in', async () => (await countsOf(user_id))[0]?.hidden === 1);
    expect((await metrics.eventsAhead.get()).values.filter(({ value }) => value > 0)).toMatchObject([{ value: 2 }]);
  });

  test('passes over what nobody here knows, keeps what is at fault, and is held up by neither', async () => {
    const user_id = freshId('user');
    await house.send(
      recordOf('content.post.created', {}, { event_type: 'content.post.liked' }),
      recordOf('content.post.created', { user_id: 'jane doe' }, { event_id: freshId('evt') }),
      { ...recordOf('content.post.created'), value: 'no json' },
      recordOf('content.post.created', { user_id, post_id: freshId('post') }, { event_id: freshId('evt') }),
    );
    await until('the good one is there', async () => (await countsOf(user_id)).length === 1);
    await until('both faults are kept', () => dead.seen.length === 2);
    expect(dead.seen.map(({ headers }) => headers['dlq-error-class']).sort()).toEqual(['INVALID_FIELD', 'NOT_JSON']);
    expect(await counted('unknown', 'skipped')).toBe(1);
  });

  test('alerts of what exists about a subject after its erasure, and brings nothing older back', async () => {
    const user_id = freshId('user');
    const [subjectRef = ''] = refsOf(user_id);
    const created = (eventId: string, created_at: string) => recordOf('content.post.created', { user_id, post_id: freshId('post'), created_at }, { event_id: eventId });
    const [first, second, third] = [freshId('evt'), freshId('evt'), freshId('evt')];
    await house.send(created(first, '2025-01-15T10:30:00Z'));
    await until('it is there', async () => (await countsOf(user_id)).length === 1);
    await house.database.transaction(async (tx) => {
      entomb(tx, { subjectRef, requestId: 'req-1', erasedAt: new Date('2025-02-01T00:00:00Z') });
      await eraseSubject(tx, subjectRef);
    });
    await house.send(created(first, '2025-01-15T10:30:00Z'), created(second, '2025-01-16T10:30:00Z'));
    await until('the older one is dropped', async () => (await counted('content.post.created', 'dropped')) === 1);
    expect(await countsOf(user_id)).toEqual([]);
    expect((await metrics.resurrections.get()).values.filter(({ value }) => value > 0)).toEqual([]);
    await house.send(created(third, '2025-02-01T00:00:01Z'));
    await until('the newer one alerts', async () => (await metrics.resurrections.get()).values.some(({ value, labels }) => value === 1 && labels.kind === 'post'));
    expect(await countsOf(user_id)).toMatchObject([{ kind: 'post', count: 1 }]);
    const line = house.logged.find((logged) => logged.includes('something exists about a subject that was erased'));
    expect(line).toContain(subjectRef);
  });

  test('never says who it is about, nor what they wrote', () => {
    const said = house.logged.join('\n');
    for (const secret of [SAMPLE_USER, 'optional plaintext', 'user@example.com', 'jane']) expect(said).not.toContain(secret);
  });

  test('reads the older topics once they are there, and a message deleted on one of them is gone on the other', async () => {
    expect(house.logged.some((line) => line.includes('topics are missing'))).toBe(false);
    await makeOlderTopics();
    const [sender_id, one, two] = [freshId('user'), freshId('msg'), freshId('msg')];
    await house.send(
      recordOf('legacy.message_deleted', { message_id: one, deleted_at: '2025-01-15T10:30:01Z' }), recordOf('message.persisted', { message_id: one, sender_id }, { event_id: freshId('evt') }),
      recordOf('legacy.message_persisted', { message_id: two, sender_id }),
    );
    await until('both topics are read', async () => (await countsOf(sender_id)).some(({ count }) => count === 1) && (await counted('message.deleted', 'applied')) === 2, 30_000);
    expect(await countsOf(sender_id)).toMatchObject([{ kind: 'message', count: 1 }]);
  });
});

describe('consumers that are killed and rebalanced, of events that are shuffled and told again', () => {
  let roles: HouseRoles;
  let folder: string;
  const names = ['nova-1', 'nova-2', 'nova-3'];

  beforeAll(async () => {
    await makeOlderTopics();
    folder = await mkdtemp(join(tmpdir(), 'expunge-nova-'));
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, ...inject('stack'), ...TOPICS_OF_THIS_TEST, DATABASE_URL: house.config.database.url, SUBJECT_PEPPER: 'v2:pepper-of-this-test-2,v1:pepper-of-this-test-1', LOG_LEVEL: 'warn' };
    roles = await createHouseRoles(env, names.map((name) => ({ name, roles: ['nova'] })), folder);
    await roles.start();
  });
  afterAll(async () => {
    await roles.close();
    await rm(folder, { recursive: true });
  });

  test('the inventory is that of the same events without faults', { timeout: 180_000 }, async () => {
    const random = createRandom(20_260_211, 'nova');
    const load = novaLoad({ random, topics: topics(), users: 60, items: 3_000, legacy: true });
    const records = disturbed(load, random);
    expect(records.length).toBeGreaterThan(load.records.length * 1.15);
    const parts = 6;
    for (let part = 0; part < parts; part++) {
      const sending = house.send(...records.slice(Math.floor((part * records.length) / parts), Math.floor(((part + 1) * records.length) / parts)));
      if (part > 0 && part < 5) {
        const name = names[part % names.length] ?? '';
        await roles.kill('SIGKILL', name);
        await roles.start(name);
      }
      await sending;
    }
    await takenIn();

    const itemsOf = (items: readonly { readonly kind: SubjectKind; readonly itemId: string | undefined; readonly subjectRef: string; readonly hidden: boolean; readonly since: Date }[]) =>
      items.map(({ kind, itemId, subjectRef, hidden, since }) => `${kind}/${itemId ?? subjectRef} of ${subjectRef}${hidden ? ', hidden' : ''} since ${since.toISOString()}`).sort();
    const users = [...new Set(load.records.flatMap(({ value }) => /"(?:user|sender)_id":"([^"]+)"/.exec(String(value))?.[1] ?? []))];
    const stored = await house.database.rows<{ kind: SubjectKind; itemId: string; subjectRef: string; hidden: boolean; since: Date }>(
      `SELECT kind, item_id, subject_ref, state = 1 AS hidden, since_at AS since FROM subject_items WHERE subject_ref = ANY($1)`, [users.flatMap(refsOf)]);
    const expected = load.expected.map(({ userId, ...item }: ExpectedItem) => ({ ...item, subjectRef: refsOf(userId)[0] ?? '' }));
    expect(expected.length).toBeGreaterThan(1_500);
    expect(itemsOf(stored)).toEqual(itemsOf(expected));
    expect(await roles.endedByThemselves()).toEqual([]);
  });
});
