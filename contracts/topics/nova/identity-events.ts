import { z } from 'zod';
import { flag, isoTime, personId } from '../fields.js';
import { unreadFlag, unreadNumber, unreadText } from './fields.js';

/** `identity.user.created` (seed: nova-event-driven-architecture, 3.1). */
export const userCreated = z.object({
  user_id: personId,
  username: unreadText,
  email: unreadText,
  created_at: isoTime,
});

/** `identity.user.profile_updated` (3.2). */
export const userProfileUpdated = z.object({
  user_id: personId,
  username: unreadText,
  display_name: unreadText,
  avatar_url: unreadText,
  is_verified: unreadFlag,
  follower_count: unreadNumber,
  updated_at: isoTime,
});

/** `identity.user.deleted` (3.3). A soft deletion leaves the profile stored; a user who comes back is told of by later events. */
export const userDeleted = z.object({
  user_id: personId,
  deleted_at: isoTime,
  soft_delete: flag,
});
