/** Topics with a fixed name. */
export const TOPICS = {
  userDeletionRequest: 'users.deletion.request',
  serviceDeletionRequest: 'tenant.service.deletion.request',
  serviceEvents: 'tenant.service.events',
  airflowTrigger: 'airflow.pipeline.trigger',
  airflowResult: 'airflow.pipeline.result',
  notifications: 'notifications.send',
  tenantLifecycle: 'tenant.lifecycle.events',
} as const;

/** The topic of `deletion.*` events: `<prefix>.deletion.events`. */
export const deletionEventsTopic = (prefix: string): string => `${prefix}.deletion.events`;

/** The topic of `content.post.*` events: `<prefix>.content.events`. */
export const contentEventsTopic = (prefix: string): string => `${prefix}.content.events`;

/** Where what cannot be handled from a topic is kept. */
export const deadLetterTopic = (topic: string): string => `${topic}.dlq`;

/** Consumer groups are named after the role that reads. */
export const consumerGroup = (role: string): string => `expunge-${role}`;

/** The topics of the Nova bus, by what they tell of. Their names are configuration; two may be one topic. */
export interface NovaTopics {
  readonly content: string;
  readonly media: string;
  readonly identity: string;
  readonly message: string;
}

/** Older topics of message events, one for each type, that some services still write. They may not exist. */
export const LEGACY_MESSAGE_TOPICS = { persisted: 'message_persisted', deleted: 'message_deleted' } as const;
