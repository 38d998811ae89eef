import type { OutgoingRecord } from '../../bus/messages.js';
import type { Producer } from '../../bus/producer.js';
import { jobIdFor, TOPICS } from '../../contracts/names/index.js';
import type { BareActivities, BareInput } from './names.js';

const confOf = (input: BareInput) =>
  input.kind === 'user' ? { user_id: input.key, dry_run: false } : { tenant_id: input.key, target_service: input.serviceType, target_instance: input.serviceInstanceId, dry_run: false };

/** Activities that publish straight to Kafka, in the shapes of the contracts. */
export function createBareActivities(producer: Producer): BareActivities {
  const send = async (record: OutgoingRecord): Promise<void> => {
    const [sent] = await producer.send([record]);
    if (sent?.ok === false) throw sent.error;
  };
  return {
    publishTrigger: async (input) => {
      const jobId = jobIdFor(input.requestId, 1);
      const value = { traceId: input.traceId, jobId, payload: { dag_id: input.kind === 'user' ? 'user_cleanup_dag' : 'service_cleanup_dag', conf: confOf(input) } };
      await send({ topic: TOPICS.airflowTrigger, key: input.key, value: JSON.stringify(value), headers: { event_type: 'airflow.trigger', event_id: jobId } });
    },
    publishNotification: async (input, status) => {
      const { requestId, kind, key, traceId, serviceType, serviceInstanceId } = input;
      const notificationId = `${requestId}/notification/1`;
      const subject = kind === 'user' ? { userId: key } : { tenantId: key, serviceType, serviceInstanceId };
      const value = { notificationId, requestId, kind, ...subject, status, failureCode: null, message: 'Deletion processed', durationMs: 0, attempt: 1, traceId, occurredAt: new Date().toISOString() };
      await send({ topic: TOPICS.notifications, key, value: JSON.stringify(value), headers: { event_type: 'deletion.completed', event_id: notificationId } });
    },
  };
}
