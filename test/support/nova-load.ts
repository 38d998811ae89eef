import type { OutgoingRecord } from '../../bus/messages.js';
import { LEGACY_MESSAGE_TOPICS, type NovaTopics, type SubjectKind } from '../../contracts/names/index.js';
import type { NovaEventType } from '../../contracts/topics/index.js';
import type { Random } from '../chaos/random.js';

/** What must be stored about a user of the load, once all of its events have been taken in. */
export interface ExpectedItem {
  readonly kind: SubjectKind;
  readonly userId: string;
  readonly itemId: string | undefined;
  readonly hidden: boolean;
  readonly since: Date;
}

export interface NovaLoad {
  /** Each event once, in the order that they happened in. */
  readonly records: readonly OutgoingRecord[];
  /** What is stored at the end, as whoever made the events knows it. */
  readonly expected: readonly ExpectedItem[];
}

export interface NovaLoadOptions {
  readonly random: Random;
  readonly topics: NovaTopics;
  readonly users: number;
  readonly items: number;
  /** Whether message events come on the older topics as well. */
  readonly legacy?: boolean;
  /** Users are deleted as well, which is a request where the ingress runs; true when left out. */
  readonly deletesUsers?: boolean;
  /** Bytes of content in each event. Default 20. */
  readonly contentBytes?: number;
}

const START_MS = Date.UTC(2026, 1, 11, 10);

/** Users with posts, media, messages and a profile: made, changed, hidden and deleted, each item's events in the order of their times. */
export function novaLoad({ random, topics, users, items, legacy = false, deletesUsers = true, contentBytes = 20 }: NovaLoadOptions): NovaLoad {
  const records: { readonly atMs: number; readonly record: OutgoingRecord }[] = [];
  const expected: ExpectedItem[] = [];
  const content = 'x'.repeat(contentBytes);
  const chance = (of: number): boolean => random.number() < of;

  /** Tells of an item through its life: what happens, one after another. */
  const live = (kind: SubjectKind, userId: string, itemId: string | undefined, key: string, steps: readonly { readonly type: NovaEventType; readonly timeField: string; readonly fields: object; readonly becomes: 'live' | 'hidden' | 'gone' }[]): void => {
    let atMs = START_MS + random.between(0, 3_600_000);
    let state = 'gone';
    const sinceMs = atMs;
    for (const { type, timeField, fields, becomes } of steps) {
      const legacyTopic = legacy && chance(0.3) ? LEGACY_TOPIC[type] : undefined;
      const [aggregate = ''] = type.split('.');
      records.push({
        atMs,
        record: {
          topic: legacyTopic ?? topics[AGGREGATES[aggregate] ?? 'content'],
          key,
          value: JSON.stringify({ ...fields, [timeField]: new Date(atMs).toISOString() }),
          headers: { ...(legacyTopic === undefined && { event_type: type }), event_id: random.id('evt') },
        },
      });
      state = becomes;
      atMs += random.between(1, 60_000);
    }
    if (state !== 'gone') expected.push({ kind, userId, itemId, hidden: state === 'hidden', since: new Date(sinceMs) });
  };

  const userIds = Array.from({ length: users }, () => random.id('user'));
  for (const user_id of userIds) {
    live('profile', user_id, undefined, user_id, [
      { type: 'identity.user.created', timeField: 'created_at', fields: { user_id, username: content, email: 'a@example.org' }, becomes: 'live' },
      ...(chance(0.5) ? [{ type: 'identity.user.profile_updated', timeField: 'updated_at', fields: { user_id, display_name: content }, becomes: 'live' } as const] : []),
      ...(deletesUsers && chance(0.2) ? [{ type: 'identity.user.deleted', timeField: 'deleted_at', fields: { user_id, soft_delete: true }, becomes: 'hidden' } as const] : []),
      ...(deletesUsers && chance(0.2) ? [{ type: 'identity.user.deleted', timeField: 'deleted_at', fields: { user_id, soft_delete: false }, becomes: 'gone' } as const] : []),
    ]);
  }
  for (let n = 0; n < items; n++) {
    const user_id = random.pick(userIds);
    const kind = random.pick(['post', 'post', 'message', 'message', 'media'] as const);
    const id = random.id(kind);
    if (kind === 'post') {
      const post = { post_id: id, user_id };
      live('post', user_id, id, id, [
        { type: 'content.post.created', timeField: 'created_at', fields: { ...post, caption: content, media_type: 'none', status: 'published' }, becomes: 'live' },
        ...(chance(0.3) ? [{ type: 'content.post.status_updated', timeField: 'updated_at', fields: { ...post, new_status: 'archived' }, becomes: 'live' } as const] : []),
        ...(chance(0.2) ? [{ type: 'content.post.status_updated', timeField: 'updated_at', fields: { ...post, new_status: 'deleted' }, becomes: 'hidden' } as const] : []),
        ...(chance(0.3) ? [{ type: 'content.post.deleted', timeField: 'deleted_at', fields: post, becomes: 'gone' } as const] : []),
      ]);
    } else if (kind === 'message') {
      const message = { message_id: id, conversation_id: `conv-${random.between(1, 20)}` };
      live('message', user_id, id, message.conversation_id, [
        { type: 'message.persisted', timeField: 'created_at', fields: { ...message, sender_id: user_id, content }, becomes: 'live' },
        ...(chance(0.4) ? [{ type: 'message.deleted', timeField: 'deleted_at', fields: message, becomes: 'gone' } as const] : []),
      ]);
    } else {
      live('media', user_id, id, `upload-${id}`, [
        { type: 'media.upload.completed', timeField: 'uploaded_at', fields: { upload_id: `upload-${id}`, media_id: id, user_id, file_name: content, size_bytes: 1 }, becomes: 'live' },
      ]);
    }
  }
  return { records: records.sort((one, other) => one.atMs - other.atMs).map(({ record }) => record), expected };
}

const AGGREGATES: Readonly<Record<string, keyof NovaTopics>> = { content: 'content', media: 'media', identity: 'identity', message: 'message' };
const LEGACY_TOPIC: Partial<Record<NovaEventType, string>> = { 'message.persisted': LEGACY_MESSAGE_TOPICS.persisted, 'message.deleted': LEGACY_MESSAGE_TOPICS.deleted };

/** The records as a bad day brings them: in any order, a share of them twice, on any partition. */
export function disturbed({ records }: NovaLoad, random: Random, share = 0.2): OutgoingRecord[] {
  const again = records.filter(() => random.number() < share);
  return random.shuffle([...records, ...again]).map((record) => ({ ...record, key: random.id('key') }));
}
