import type { NovaEvent } from '../../contracts/topics/index.js';
import type { SubjectEvent, SubjectOwner } from '../../store/subjects/batch.rules.js';

/**
 * What an event of the bus says of the inventory: an item, how it is now, since when and whose. Its content stays behind.
 * @param ownerOf what a user is known by
 */
export function subjectEventOf(event: NovaEvent, eventId: string, ownerOf: (userId: string) => SubjectOwner): SubjectEvent {
  const { type, value } = event;
  switch (type) {
    case 'content.post.created':
      return { eventId, kind: 'post', itemId: value.post_id, state: 'live', at: new Date(value.created_at), owner: ownerOf(value.user_id) };
    case 'content.post.status_updated':
      return { eventId, kind: 'post', itemId: value.post_id, state: value.new_status === 'deleted' ? 'hidden' : 'live', at: new Date(value.updated_at), owner: ownerOf(value.user_id) };
    case 'content.post.deleted':
      return { eventId, kind: 'post', itemId: value.post_id, state: 'gone', at: new Date(value.deleted_at), owner: ownerOf(value.user_id) };
    case 'media.upload.completed':
      return { eventId, kind: 'media', itemId: value.media_id, state: 'live', at: new Date(value.uploaded_at), owner: ownerOf(value.user_id) };
    case 'identity.user.created':
      return { eventId, kind: 'profile', state: 'live', at: new Date(value.created_at), owner: ownerOf(value.user_id) };
    case 'identity.user.profile_updated':
      return { eventId, kind: 'profile', state: 'live', at: new Date(value.updated_at), owner: ownerOf(value.user_id) };
    case 'identity.user.deleted':
      return { eventId, kind: 'profile', state: value.soft_delete ? 'hidden' : 'gone', at: new Date(value.deleted_at), owner: ownerOf(value.user_id) };
    case 'message.persisted':
      return { eventId, kind: 'message', itemId: value.message_id, state: 'live', at: new Date(value.created_at), owner: ownerOf(value.sender_id) };
    case 'message.deleted':
      return { eventId, kind: 'message', itemId: value.message_id, state: 'gone', at: new Date(value.deleted_at) };
  }
}
