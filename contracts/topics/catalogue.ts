import type { z } from 'zod';
import { deletionEventsTopic, TOPICS } from '../names/index.js';
import { airflowResult } from './airflow-pipeline-result.js';
import { airflowTrigger } from './airflow-pipeline-trigger.js';
import { deletionEvent, DELETION_EVENT_TYPES } from './deletion-events.js';
import { notification } from './notifications-send.js';
import { tenantLifecycleEvent, TENANT_EVENT_TYPES } from './tenant-lifecycle-events.js';
import { serviceDeletionRequest } from './tenant-service-deletion-request.js';
import { serviceEvent, SERVICE_EVENT_TYPES } from './tenant-service-events.js';
import { userDeletionRequest } from './users-deletion-request.js';

/** What the catalogue says of one topic that Expunge has a contract of its own about. */
export interface TopicEntry {
  readonly topic: string;
  readonly schema: z.ZodType;
  /** What its messages say, in a sentence. */
  readonly what: string;
  /** The field that is the Kafka key; the first of these that a message has. */
  readonly partitionKey: readonly string[];
  /** What the `event_type` header may be; none when the topic needs no such header. */
  readonly eventTypes: readonly string[];
  /** Expunge's roles among them are named `expunge (<role>)`. */
  readonly producers: readonly string[];
  readonly consumers: readonly string[];
}

const RELAY = 'expunge (relay)';

/** Every topic of Expunge's own, whether it reads it, writes it or both; those of the Nova bus are NOVA_EVENTS. @param prefix KAFKA_TOPIC_PREFIX */
export const topicCatalogue = (prefix: string): readonly TopicEntry[] => [
  {
    topic: TOPICS.userDeletionRequest, schema: userDeletionRequest, partitionKey: ['payload.userId'], eventTypes: [],
    what: 'Asks for a user to be deleted. `eventId` becomes the requestId: a message that comes again asks for nothing new.',
    producers: ['any service that takes such requests', 'expunge request user'], consumers: ['expunge (ingress)'],
  },
  {
    topic: TOPICS.serviceDeletionRequest, schema: serviceDeletionRequest, partitionKey: ['payload.tenantId'], eventTypes: [],
    what: 'Asks for one service of a tenant to be deleted. The requestId is `<traceId>_<serviceInstanceId>`.',
    producers: ['any service that takes such requests', 'expunge request service'], consumers: ['expunge (ingress)'],
  },
  {
    topic: TOPICS.serviceEvents, schema: serviceEvent, partitionKey: ['tenantId'], eventTypes: SERVICE_EVENT_TYPES,
    what: 'Tells which services a tenant has, and what depends on what; the latest `timestamp` counts.',
    producers: ['whatever provisions services', 'expunge services import'], consumers: ['expunge (ingress)'],
  },
  {
    topic: TOPICS.airflowTrigger, schema: airflowTrigger, partitionKey: ['payload.conf.user_id', 'payload.conf.tenant_id'], eventTypes: ['airflow.trigger'],
    what: 'Asks Airflow to run a DAG. `jobId` is the run id; the same job comes again under the same one.',
    producers: [RELAY], consumers: ['expunge (trigger)'],
  },
  {
    topic: TOPICS.airflowResult, schema: airflowResult, partitionKey: ['jobId'], eventTypes: [],
    what: 'How a run ended, with counts of what it erased. The first SUCCESS of a deletion counts.',
    producers: ['Airflow', 'expunge (trigger), for a run that cannot speak for itself'], consumers: ['expunge (result)'],
  },
  {
    topic: TOPICS.notifications, schema: notification, partitionKey: ['userId', 'tenantId'], eventTypes: [],
    what: 'Tells the people concerned what became of a request. The `event_type` header says what happened.',
    producers: [RELAY], consumers: ['the notification service'],
  },
  {
    topic: TOPICS.tenantLifecycle, schema: tenantLifecycleEvent, partitionKey: ['tenantId'], eventTypes: TENANT_EVENT_TYPES,
    what: 'TENANT_EMPTY once for each time that a tenant’s last service went; TENANT_ERASED when the rest of the tenant is gone as well.',
    producers: [RELAY], consumers: ['whoever keeps tenants'],
  },
  {
    topic: deletionEventsTopic(prefix), schema: deletionEvent, partitionKey: ['subjectRef', 'tenantId'], eventTypes: DELETION_EVENT_TYPES,
    what: 'What becomes of each deletion, step by step. A user is told by subjectRef, never by id.',
    producers: [RELAY], consumers: ['whoever follows deletions'],
  },
];
