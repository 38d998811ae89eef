/** What can exist about a user, each kind with the service that owns it (seed: nova-event-driven-architecture). */
export const SUBJECT_KINDS = ['post', 'media', 'message', 'profile'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** Who keeps the data of a kind, and tells of it on the bus. */
export const OWNER_OF_KIND = {
  post: 'content-service',
  media: 'media-service',
  message: 'messaging',
  profile: 'identity-service',
} as const satisfies Record<SubjectKind, string>;
export type OwnerService = (typeof OWNER_OF_KIND)[SubjectKind];
