import { z } from 'zod';
import { isoTime, personId } from '../fields.js';
import { itemId, unreadNumber, unreadText } from './fields.js';

/** `media.upload.completed` (seed: nova-event-driven-architecture, 2.1). The bus has no event for a medium's deletion. */
export const mediaUploadCompleted = z.object({
  upload_id: itemId,
  media_id: itemId,
  user_id: personId,
  file_name: unreadText,
  size_bytes: unreadNumber,
  uploaded_at: isoTime,
});
