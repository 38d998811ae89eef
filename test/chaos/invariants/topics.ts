import { deadLetterTopic, deletionEventsTopic, TOPICS } from '../../../contracts/names/index.js';
import { READ_TOPICS } from '../../../bus/topics.js';
import { waitFor } from '../../support/wait-for.js';
import type { Check, OutboxRow, Scene } from './check.js';
import { jsonOf, type TopicMessage } from '../topics.js';
import { differences, groupBy } from './sets.js';

/** Topics that Expunge writes to. */
export const outgoingTopics = (prefix: string): string[] => [TOPICS.airflowTrigger, TOPICS.notifications, TOPICS.tenantLifecycle, deletionEventsTopic(prefix)];

/** What the outbox has been given since the scenario began, once all of it is sent. */
export const sentOutbox = ({ house, before }: Pick<Scene, 'house' | 'before'>): Promise<OutboxRow[]> =>
  waitFor('the outbox is empty', async () => {
    const rows = await house.ledger.rows<OutboxRow>("SELECT id, event_id, request_id, destination, body, sent_at, dead_at FROM outbox WHERE id > $1 AND target = 'kafka' ORDER BY id", [before.lastOutboxId]);
    return rows.every(({ sentAt, deadAt }) => sentAt !== null || deadAt !== null) && rows;
  }, 30_000);

/**
 * What the ledger says was to be told is on the topics, and nothing else: each at least once, a repeat only as the same, and what is
 * about one request in its order. Every end has its notification, its event, and nothing is among the dead letters.
 */
export const outboxIsOnTheTopics: Check = async (scene) => {
  const { house, before, expects, written } = scene;
  const outbox = scene.outbox.filter(({ requestId }) => !before.strangers.has(requestId));
  const findings = outbox.filter(({ deadAt }) => deadAt !== null).map(({ eventId }) => `dead in the outbox: ${eventId}`);
  const topics = outgoingTopics(house.env['KAFKA_TOPIC_PREFIX'] ?? 'nova');
  const messages = await written();

  for (const topic of READ_TOPICS) {
    const [found, wanted] = [messages.filter((message) => message.topic === deadLetterTopic(topic)).length, expects.deadLetters?.[topic] ?? 0];
    if (found !== wanted) findings.push(`${found} dead letters of ${topic}, and ${wanted} are expected`);
  }
  const told = messages.filter(({ topic }) => topics.includes(topic));
  const foreign = told.filter(({ eventId }) => eventId === undefined);
  for (const topic of topics) {
    const count = foreign.filter((message) => message.topic === topic).length;
    if (count > (expects.deadLetters?.[topic] ?? 0)) findings.push(`${count} messages on ${topic} are nobody's`);
  }
  const others = await eventsOf(house, before.strangers);
  const own = told.filter((message): message is TopicMessage & { eventId: string } => message.eventId !== undefined && !others.has(message.eventId));
  findings.push(...differences(outbox.map(({ eventId }) => eventId), own.map(({ eventId }) => eventId), { missing: 'not on its topic', unwanted: 'on a topic, and not in the outbox' }));
  const rows = new Map(outbox.map((row) => [row.eventId, row]));
  for (const { eventId, topic, value } of own) {
    const row = rows.get(eventId);
    if (row && (row.destination !== topic || row.body !== value?.toString())) findings.push(`${eventId} is on ${topic} with another content than in the outbox`);
  }
  findings.push(...outOfOrder(own, rows, expects.orderAcrossPartitions !== false), ...endsWithoutWord(scene, own));
  return findings;
};

async function eventsOf(house: Scene['house'], requests: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  if (requests.size === 0) return requests;
  const rows = await house.ledger.rows<Pick<OutboxRow, 'eventId'>>('SELECT event_id FROM outbox WHERE request_id = ANY($1)', [[...requests]]);
  return new Set(rows.map(({ eventId }) => eventId));
}

/** First occurrences of what is about one request, on one topic: in the order of the outbox. */
function outOfOrder(messages: readonly (TopicMessage & { readonly eventId: string })[], rows: ReadonlyMap<string, OutboxRow>, acrossPartitions: boolean): string[] {
  const findings: string[] = [];
  const place = ({ topic, partition, eventId }: TopicMessage & { readonly eventId: string }): string => `${rows.get(eventId)?.requestId ?? ''} on ${topic}${acrossPartitions ? '' : `/${partition}`}`;
  for (const [where, all] of groupBy(messages.filter(({ eventId }) => rows.has(eventId)), place)) {
    const firsts = [...new Map([...all].reverse().map((message) => [message.eventId, message])).values()]
      .sort((a, b) => (a.partition === b.partition ? Number(a.offset - b.offset) : a.timestampMs - b.timestampMs));
    const order = firsts.map(({ eventId }) => rows.get(eventId)!.id);
    if (order.some((id, n) => n > 0 && id < order[n - 1]!)) findings.push(`${where} out of order: ${firsts.map(({ eventId }) => eventId).join(', ')}`);
  }
  return findings;
}

/** Ends that nobody was told of, and notifications of one that differ in their id. */
function endsWithoutWord({ deletions, house }: Scene, messages: readonly TopicMessage[]): string[] {
  const findings: string[] = [];
  const values = messages.map((message) => ({ topic: message.topic, value: jsonOf(message) ?? {} }));
  const notifications = groupBy(values.filter(({ topic }) => topic === TOPICS.notifications), ({ value }) => String(value['requestId']));
  const events = groupBy(values.filter(({ topic }) => topic === deletionEventsTopic(house.env['KAFKA_TOPIC_PREFIX'] ?? 'nova')), ({ value }) => String(value['requestId']));
  for (const { requestId, status, outcome, notifications: counted } of deletions) {
    const told = notifications.get(requestId) ?? [];
    const ids = new Set(told.map(({ value }) => String(value['notificationId'])));
    if (ids.size !== counted) findings.push(`${requestId} has ${counted} notifications in the ledger, and ${ids.size} were sent`);
    // A request that joined another one hears of the end as its own.
    const ends = new Set(told.filter(({ value }) => value['status'] === status || value['status'] === outcome).map(({ value }) => String(value['notificationId'])));
    if (ends.size === 0) findings.push(`${requestId} is ${status}, and nobody was told`);
    if (status === 'COMPLETED' && ends.size > 1) findings.push(`${requestId} was told ${ends.size} times that it completed: ${[...ends].join(', ')}`);
    const types = new Map((events.get(requestId) ?? []).map(({ value }) => [String(value['eventId']), String(value['eventType'])]));
    const times = (type: string): number => [...types.values()].filter((one) => one === type).length;
    if (times('deletion.completed') !== (status === 'COMPLETED' ? 1 : 0)) findings.push(`${requestId} is ${status} and has ${times('deletion.completed')} events deletion.completed`);
    if (status === 'DUPLICATE' && times('deletion.joined') !== 1) findings.push(`${requestId} is DUPLICATE and has ${times('deletion.joined')} events deletion.joined`);
  }
  return findings;
}
