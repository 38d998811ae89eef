import { randomUUID } from 'node:crypto';
import type { OutgoingRecord } from '../../bus/messages.js';

/** A post that was created, as its service tells the bus. */
export interface NovaPost {
  readonly postId: string;
  readonly record: OutgoingRecord;
}

/** Users that the posts are of. */
const USERS = 2_000;

/** Events `content.post.created` of so many bytes each, every one of a post of its own. @param bytes of the value, as kafka-producer-perf-test counts them */
export function novaPosts(count: number, bytes: number, topic: string): NovaPost[] {
  const createdAt = new Date().toISOString();
  return Array.from({ length: count }, (_, n) => {
    const postId = randomUUID();
    const value = (caption: string): string => JSON.stringify({ post_id: postId, user_id: `bench-user-${n % USERS}`, caption, media_type: 'image', status: 'published', created_at: createdAt });
    const padding = Math.max(0, bytes - Buffer.byteLength(value('')));
    return { postId, record: { topic, key: postId, value: value('x'.repeat(padding)), headers: { event_type: 'content.post.created', event_id: randomUUID() } } };
  });
}
