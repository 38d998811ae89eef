import { consumerGroup, isFinal, serviceRequestId, TOPICS, type DeletionStatus } from '../../../contracts/names/index.js';
import type { KafkaClient } from '../../../bus/kafka.js';
import { waitFor } from '../../support/wait-for.js';
import type { House } from '../../support/house.js';
import type { Check } from './check.js';
import { committedOf, endsOf, jsonOf, readTopics, type Marks, type TopicMessage } from '../topics.js';

/** Who reads what. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  ingress: [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.serviceEvents],
  trigger: [TOPICS.airflowTrigger],
  result: [TOPICS.airflowResult],
};

/** When all is over, every group has committed everything. */
export const offsetsAreDone: Check = async ({ kafka }) => {
  const findings: string[] = [];
  for (const [role, topics] of Object.entries(GROUPS)) {
    const ends = await endsOf(kafka, topics);
    let behind: string[] = [];
    await waitFor('all is committed', async () => {
      const committed = await committedOf(kafka, consumerGroup(role), topics);
      behind = [...ends].filter(([at, end]) => (committed.get(at) ?? 0n) !== end).map(([at, end]) => `${consumerGroup(role)} has committed ${committed.get(at) ?? 'nothing'} of ${end} on ${at}`);
      return behind.length === 0;
    }, 30_000).catch(() => undefined);
    findings.push(...behind);
  }
  return findings;
};

/**
 * Checks, at a moment when roles were killed, that what their groups have committed is done: in the ledger and known to Temporal,
 * in the inventory, at Airflow, in the attempt.
 * @param from offsets before the scenario
 * @throws Error with what was committed, and is not done
 */
export async function expectCommittedIsDone(house: House, kafka: KafkaClient, from: Marks): Promise<void> {
  const undone: string[] = [];
  const committed = new Map((await Promise.all(Object.entries(GROUPS).map(([role, topics]) => committedOf(kafka, consumerGroup(role), topics)))).flatMap((marks) => [...marks]));
  const messages = (await readTopics(kafka, Object.values(GROUPS).flat(), from, committed)).map((message) => ({ topic: message.topic, value: fieldsOf(message) }));
  const committedOn = (role: string) => messages.filter(({ topic }) => GROUPS[role]?.includes(topic));
  const taken = committedOn('ingress');
  const requests = taken.flatMap(({ topic, value }) => {
    if (topic === TOPICS.userDeletionRequest) return value.eventId === undefined ? [] : [value.eventId];
    const { traceId, payload } = value;
    return topic !== TOPICS.serviceDeletionRequest || traceId === undefined || payload?.serviceInstanceId === undefined ? [] : [serviceRequestId(traceId, payload.serviceInstanceId)];
  });
  const rows = await house.ledger.rows<{ requestId: string; workflowId: string | null; status: DeletionStatus; claimedRun: string | null }>(
    'SELECT id AS request_id, workflow_id, status, claimed_run FROM unnest($1::text[]) AS id LEFT JOIN deletions ON request_id = id', [requests]);
  for (const { requestId, workflowId, status, claimedRun } of rows) {
    if (workflowId === null) undone.push(`${requestId} is not in the ledger`);
    else if (!isFinal(status) && claimedRun === null && !(await house.temporal.workflow.getHandle(workflowId).describe().then(() => true, () => false))) undone.push(`${requestId} has no workflow`);
  }
  const events = taken.filter(({ topic }) => topic === TOPICS.serviceEvents).map(({ value }) => `${value.tenantId}/${value.serviceInstanceId}`);
  const unknown = await house.ledger.rows<{ service: string }>("SELECT service FROM unnest($1::text[]) AS service WHERE NOT EXISTS (SELECT FROM services WHERE tenant_id || '/' || service_instance_id = service)", [events]);
  undone.push(...unknown.map(({ service }) => `${service} is not in the inventory`));

  const jobs = (role: string): string[] => committedOn(role).flatMap(({ value }) => value.jobId ?? []);
  const posted = new Set((await house.airflow.runs()).map(({ dag_run_id }) => dag_run_id));
  const triggered = jobs('trigger').filter((jobId) => !posted.has(jobId));
  const unposted = await house.ledger.rows<{ jobId: string }>('SELECT job_id FROM attempts WHERE job_id = ANY($1) AND revoked_at IS NULL AND result IS NULL', [triggered]);
  undone.push(...unposted.map(({ jobId }) => `${jobId} has no run`));
  const untaken = await house.ledger.rows<{ jobId: string }>('SELECT job_id FROM attempts WHERE job_id = ANY($1) AND result IS NULL AND revoked_at IS NULL', [jobs('result')]);
  undone.push(...untaken.map(({ jobId }) => `the result of ${jobId} is not in the ledger`));
  if (undone.length > 0) throw new Error(`Committed, and not done:\n${undone.slice(0, 12).join('\n')}`);
}

const fieldsOf = (message: TopicMessage): Message => (jsonOf(message) ?? {});

/** The fields of the messages that are looked at. */
interface Message {
  readonly eventId?: string;
  readonly traceId?: string;
  readonly jobId?: string;
  readonly tenantId?: string;
  readonly serviceInstanceId?: string;
  readonly payload?: { readonly serviceInstanceId?: string };
}
