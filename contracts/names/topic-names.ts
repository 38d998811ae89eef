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

/** Where what cannot be handled from a topic is kept. */
export const deadLetterTopic = (topic: string): string => `${topic}.dlq`;

/** Consumer groups are named after the role that reads. */
export const consumerGroup = (role: string): string => `expunge-${role}`;
