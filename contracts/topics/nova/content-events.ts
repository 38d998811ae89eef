import { z } from 'zod';
import { isoTime, personId } from '../fields.js';
import { itemId, unreadText } from './fields.js';

/** `content.post.created` (seed: nova-event-driven-architecture, 1.1). */
export const postCreated = z.object({
  post_id: itemId,
  user_id: personId,
  caption: unreadText,
  media_type: unreadText,
  status: unreadText,
  created_at: isoTime,
});

/** What a post can become. `deleted` is a soft deletion: the post is hidden, and still stored until `content.post.deleted`. */
export const POST_STATUSES = ['published', 'archived', 'deleted'] as const;

/** `content.post.status_updated` (1.2). */
export const postStatusUpdated = z.object({
  post_id: itemId,
  user_id: personId,
  new_status: z.enum(POST_STATUSES, { error: `must be one of ${POST_STATUSES.join(', ')}` }),
  updated_at: isoTime,
});

/** `content.post.deleted` (1.3). */
export const postDeleted = z.object({
  post_id: itemId,
  user_id: personId,
  deleted_at: isoTime,
});
