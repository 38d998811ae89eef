import { z } from 'zod';
import { isoTime, personId } from '../fields.js';
import { itemId, unreadText } from './fields.js';

/** `message.persisted` (seed: nova-event-driven-architecture, 4.1). */
export const messagePersisted = z.object({
  message_id: itemId,
  conversation_id: itemId,
  sender_id: personId,
  content: unreadText,
  created_at: isoTime,
});

/** `message.deleted` (4.2). It does not say whose the message was. */
export const messageDeleted = z.object({
  message_id: itemId,
  conversation_id: itemId,
  deleted_at: isoTime,
});
