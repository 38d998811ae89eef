import { createTopics, existingTopics, groupLag } from '../../../bus/admin.js';
import type { KafkaClient } from '../../../bus/kafka.js';
import type { OutgoingRecord } from '../../../bus/messages.js';
import { consumerGroup, LEGACY_MESSAGE_TOPICS, type NovaTopics } from '../../../contracts/names/index.js';
import { novaTopicNames } from '../../../contracts/topics/index.js';
import { loadConfig } from '../../../platform/config.js';
import { createLog } from '../../../platform/log.js';
import { createSubjectRefs, type SubjectRefs } from '../../../platform/subject-ref.js';
import { entomb, eraseSubject } from '../../../store/subjects/erase.js';
import { ROLES } from '../../../platform/roles.js';
import type { ProcessPlan } from '../../support/house-roles.js';
import type { House } from '../../support/house.js';
import { disturbed, novaLoad, type NovaLoad } from '../../support/nova-load.js';
import { waitFor } from '../../support/wait-for.js';
import type { ChaosContext, Scenario } from '../scenario.js';
import { joinIdle } from './kafka.js';

const READERS = ['nova-1', 'nova-2'] as const;
const TWO_READERS: readonly ProcessPlan[] = [{ name: 'others', roles: ROLES.filter((role) => role !== 'nova') }, ...READERS.map((name) => ({ name, roles: ['nova'] as const }))];
const GROUP = consumerGroup('nova');
/** Of the events, how many come twice. */
const REDELIVERED = 0.2;
/** A killed reader keeps its partitions for as long as its session lasts, and then the others read on. */
const INDEXED_WITHIN_MS = 90_000;
const ERASED = 20;
const CHUNK = 500;

interface Setting {
  readonly topics: NovaTopics;
  readonly subjectRefs: SubjectRefs;
}

interface Flood extends Setting {
  readonly load: NovaLoad;
  readonly events: number;
}

/** What was sent in a scenario, for its check. */
const floods = new WeakMap<ChaosContext['load'], Flood>();

function settingOf({ env }: House): Setting {
  const { kafka, subjectPeppers } = loadConfig(env);
  return { topics: kafka.novaTopics, subjectRefs: createSubjectRefs(subjectPeppers) };
}

const send = async (house: House, records: readonly OutgoingRecord[]): Promise<void> => {
  for (let n = 0; n < records.length; n += CHUNK) await house.send(...records.slice(n, n + CHUNK).map(({ value, ...record }) => ({ ...record, value: Buffer.from(value ?? '') })));
};

async function lagOf(kafka: KafkaClient, topics: NovaTopics): Promise<number> {
  const known = await existingTopics(kafka);
  return (await groupLag(kafka, GROUP, novaTopicNames(topics).filter((topic) => known.has(topic)))).reduce((sum, { lag }) => sum + lag, 0);
}

const allRead = (kafka: KafkaClient, topics: NovaTopics): Promise<unknown> =>
  waitFor('all events are read and committed', async () => (await lagOf(kafka, topics).catch(() => 1)) === 0, INDEXED_WITHIN_MS);

/** Sends the events in as many parts as there are faults, and takes a reader away in the middle of each. */
async function flood(context: ChaosContext): Promise<void> {
  const { house, kafka, random, byForm, note, kill, pause } = context;
  const setting = settingOf(house);
  const { topics } = setting;
  const load = novaLoad({ random, topics, users: byForm(200, 2_000), items: byForm(6_900, 67_500), legacy: true, deletesUsers: false });
  const sequence = disturbed(load, random, REDELIVERED);
  const wanted = byForm(10_000, 100_000);
  if (load.records.length < wanted) throw new Error(`Made ${load.records.length} events of ${wanted}: give it more items.`);
  floods.set(context.load, { ...setting, load, events: load.records.length });

  const rounds = byForm(1, 10);
  let behind = 0;
  for (let round = 0; round < rounds; round++) {
    const [from, to] = [round, round + 1].map((n) => Math.floor((sequence.length * n) / rounds));
    const sending = send(house, sequence.slice(from, to));
    await pause(random.between(50, 500));
    const doomed = READERS[round % READERS.length] ?? READERS[0];
    behind = Math.max(behind, await lagOf(kafka, topics));
    await kill(doomed);
    const [leave] = await Promise.all([joinIdle(kafka, 'nova', novaTopicNames(topics)), house.roles.start(doomed)]);
    await leave();
    await sending;
  }
  if (behind === 0) throw new Error('Nothing was waiting when a reader was killed: nothing was shown.');
  note(`${load.records.length} events, ${sequence.length - load.records.length} of them twice; ${rounds} times a reader killed and back, and a member that joined and left; up to ${behind} behind`);
}

/** What is stored of the subjects of a load, an item a line. */
async function inventoryOf(house: House, subjectRefs: readonly string[]): Promise<string[]> {
  const rows = await house.ledger.rows<{ kind: string; itemId: string; state: number; subjectRef: string; sinceAt: Date }>(
    'SELECT kind, item_id, state, subject_ref, since_at FROM subject_items WHERE subject_ref = ANY($1)', [subjectRefs]);
  return rows.map(({ kind, itemId, state, subjectRef, sinceAt }) => lineOf(kind, itemId, subjectRef, state === 1, sinceAt)).sort();
}
const lineOf = (kind: string, itemId: string, subjectRef: string, hidden: boolean, since: Date): string => `${kind} ${itemId} of ${subjectRef}${hidden ? ', hidden' : ''}, since ${since.toISOString()}`;

const userOf = ({ value }: OutgoingRecord): string | undefined => {
  const { user_id: userId, sender_id: senderId } = JSON.parse(String(value)) as { user_id?: string; sender_id?: string };
  return userId ?? senderId;
};

/** The inventory is that of the events, each taken once and in the order of their times. */
async function expectInventory(house: House, { load, subjectRefs }: Flood): Promise<readonly string[]> {
  const users = [...new Set(load.records.flatMap((record) => userOf(record) ?? []))];
  const should = load.expected.map(({ kind, userId, itemId, hidden, since }) => lineOf(kind, itemId ?? subjectRefs.current(userId), subjectRefs.current(userId), hidden, since)).sort();
  const is = await inventoryOf(house, users.map((userId) => subjectRefs.current(userId)));
  const [there, wanted] = [new Set(is), new Set(should)];
  const [missing, extra] = [should.filter((line) => !there.has(line)), is.filter((line) => !wanted.has(line))];
  if (missing.length + extra.length > 0) throw new Error(`The inventory is not that of the events: ${missing.length} missing, ${extra.length} too many or other:\n${[...missing.slice(0, 5).map((line) => `- ${line}`), ...extra.slice(0, 5).map((line) => `+ ${line}`)].join('\n')}`);
  return users;
}

/** After an erasure, what comes again brings nothing back, under the same event id or another; what is new is counted and told. */
async function expectErased({ house, kafka, random }: ChaosContext, { load, topics, subjectRefs }: Flood, users: readonly string[]): Promise<void> {
  const erased = random.shuffle(users).slice(0, ERASED);
  const refs = erased.map((userId) => subjectRefs.current(userId));
  const erasedAt = new Date();
  for (const subjectRef of refs) {
    await house.ledger.transaction(async (tx) => {
      entomb(tx, { subjectRef, requestId: random.id('erasure'), erasedAt });
      await eraseSubject(tx, subjectRef);
    });
  }
  const resurrections = (): Promise<number> => house.roles.metric('expunge_resurrections_total');
  const before = await resurrections();
  const theirs = load.records.filter((record) => erased.includes(userOf(record) ?? ''));
  const underAnotherId = theirs.map((record) => ({ ...record, headers: { ...record.headers, event_id: random.id('again') } }));
  await send(house, [...theirs, ...underAnotherId]);
  await allRead(kafka, topics);
  const left = await inventoryOf(house, refs);
  if (left.length > 0) throw new Error(`${theirs.length * 2} events that came again after an erasure brought back ${left.length} items, such as ${left[0] ?? ''}`);
  if ((await resurrections()) !== before) throw new Error('An event from before an erasure was taken for a resurrection');
  const names = await house.ledger.rows('SELECT FROM subject_ids WHERE user_id = ANY($1)', [erased]);
  if (names.length > 0) throw new Error(`${names.length} user ids are stored after their erasure`);

  const [userId = '', subjectRef = ''] = [erased[0], refs[0]];
  const postId = random.id('post');
  const value = { post_id: postId, user_id: userId, media_type: 'none', status: 'published', created_at: new Date(erasedAt.getTime() + 1_000).toISOString() };
  await send(house, [{ topic: topics.content, key: postId, value: JSON.stringify(value), headers: { event_type: 'content.post.created', event_id: random.id('evt') } }]);
  await waitFor('the resurrection is counted', async () => (await resurrections()) === before + 1);
  if ((await inventoryOf(house, refs)).length !== 1) throw new Error('What exists about a subject after its erasure is not in the inventory');
  const logs = (await Promise.all(READERS.map((name) => house.logs(name)))).join('');
  if (!logs.includes(subjectRef)) throw new Error('Nobody was told of a resurrection in the log');
  if (erased.some((id) => logs.includes(id))) throw new Error('A user id is in the log');
}

/** The events of the Nova bus come as on its worst day. */
export const novaScenarios: readonly Scenario[] = [
  {
    name: 'readers of the nova bus are killed and rebalanced',
    fault: '100,000 events of the Nova bus, a fifth of them twice, in any order and on any partition, while their readers are killed (`kill -9`) and rebalanced ten times',
    userSees: 'Deletions go on. The subject inventory is behind for as long as a dead reader keeps its partitions (6 s).',
    promised: 'The subject inventory is the one that the events make without faults. What comes again after an erasure brings nothing back; what is new is counted and told.',
    setup: { processes: TWO_READERS },
    before: async ({ kafka }) => {
      await createTopics(kafka, Object.values(LEGACY_MESSAGE_TOPICS).map((topic) => ({ topic, partitions: 2, configs: {} })), { log: createLog({ level: 'silent' }) });
    },
    inject: flood,
    check: async (context) => {
      const sent = floods.get(context.load);
      if (!sent) throw new Error('Nothing was sent');
      await allRead(context.kafka, sent.topics);
      const users = await expectInventory(context.house, sent);
      await expectErased(context, sent, users);
    },
  },
];
