import { deadLetterTopic, TOPICS } from '../../../contracts/names/index.js';
import { headerText } from '../../../contracts/topics/index.js';
import { READ_TOPICS } from '../../../bus/topics.js';
import type { OutgoingRecord } from '../../../bus/messages.js';
import { goodSample, hostileInputs, type TryInput } from '../../support/hostile-inputs.js';
import type { ChaosContext, Scenario } from '../scenario.js';
import { endsOf, readTopics, type TopicMessage } from '../topics.js';

const KINDS = 9;
const MARK = 'x-poison';
/** With its headers a little under what a broker takes by default; its dead letter has more of them. */
const HUGE_BYTES = 1_047_000;

type Poison = OutgoingRecord & { readonly value: Buffer | null };

/** One poison of each kind for a topic, with the key of somebody whose good messages come behind it. */
function poisonFor(topic: (typeof READ_TOPICS)[number], key: string): Poison[] {
  const named = (part: string): TryInput => {
    const found = hostileInputs(topic).find(({ name }) => name.includes(part));
    if (!found) throw new Error(`no hostile input of ${topic} is about "${part}"`);
    return found;
  };
  const sample = JSON.stringify(goodSample(topic).value);
  const kinds: readonly (readonly [string, Buffer | null, (Buffer | string | null)?, OutgoingRecord['headers']?])[] = [
    ['no JSON', Buffer.from('not json')],
    ['a list', Buffer.from('[]')],
    ['a wrong type', named('that is a list').value],
    ['a field missing', named('missing').value],
    ['huge', Buffer.from(`{"blob":"${'x'.repeat(HUGE_BYTES)}"}`)],
    ['no value', null],
    ['no UTF-8', Buffer.from(`${sample.slice(0, -1)},"x":"\u00ff"}`, 'latin1')],
    ['a key that is no text, and bad headers', Buffer.from('{'), Buffer.from([0xff, 0x00, 0xfe]), { event_type: [Buffer.from([0xff]), 'twice'], traceparent: 'nonsense', b3: '', 'dlq-replays': 'NaN', '': 'no name' }],
    ['a wrong key', Buffer.from('{"payload":{}}'), 'somebody-else'],
  ];
  if (kinds.length !== KINDS) throw new Error(`${kinds.length} kinds, and ${KINDS} are expected`);
  return kinds.map(([name, value, own, headers]) => ({ topic, key: own ?? key, value, headers: { ...headers, [MARK]: name } }));
}

/** A key of the load for each topic, so that good messages are behind the poison in the same chain. */
const keyOn = ({ load, random }: ChaosContext, topic: string): string =>
  topic === TOPICS.userDeletionRequest ? random.pick(load.users) : topic === TOPICS.airflowResult ? `del_req_${random.pick(load.ids)}` : random.pick(load.tenants).tenantId;

const reasonOf = ({ headers }: TopicMessage): string => `${headerText(headers, 'dlq-error-class') ?? ''}: ${headerText(headers, 'dlq-error-message') ?? ''}`;

/** Messages that cannot be handled, on everything that is read. */
export const poisonScenarios: readonly Scenario[] = [
  {
    name: 'every topic is poisoned',
    fault: 'On every topic that is read: no JSON, wrong types, missing fields, huge, no value, no UTF-8, wrong key, bad headers',
    userSees: 'Nothing; its sender finds it in `<topic>.dlq` with the reason.',
    promised: 'Each is a dead letter with its bytes, key, headers and reason, once it is committed; what comes behind it is handled.',
    expects: { deadLetters: Object.fromEntries(READ_TOPICS.map((topic) => [topic, KINDS])) },
    before: async (context) => {
      // The first half is in front of everything, the second comes in the middle.
      for (const topic of READ_TOPICS) await context.house.send(...poisonFor(topic, keyOn(context, topic)).slice(0, 5));
    },
    inject: async (context) => {
      for (const topic of READ_TOPICS) await context.house.send(...poisonFor(topic, keyOn(context, topic)).slice(5));
      context.note(`${KINDS} on each of ${READ_TOPICS.length} topics`);
    },
    check: async ({ kafka }) => {
      const topics = READ_TOPICS.map(deadLetterTopic);
      const letters = (await readTopics(kafka, topics, new Map(), await endsOf(kafka, topics))).filter(({ headers }) => headerText(headers, MARK) !== undefined);
      const faults: string[] = [];
      for (const letter of letters) {
        const [what, reason] = [`${headerText(letter.headers, MARK) ?? ''} on ${letter.topic}`, reasonOf(letter)];
        if (!/^[A-Z\d_]+: \S/.test(reason)) faults.push(`${what} has the reason "${reason}"`);
        if (`${headerText(letter.headers, 'dlq-topic') ?? ''}.dlq` !== letter.topic || !/^\d+$/.test(headerText(letter.headers, 'dlq-offset') ?? '')) faults.push(`${what} does not tell where it came from`);
      }
      const huge = letters.filter(({ headers, value }) => headerText(headers, MARK) === 'huge' && (value?.length ?? 0) > HUGE_BYTES);
      if (huge.length < topics.length) faults.push(`${huge.length} of ${topics.length} huge ones are kept as they came`);
      if (faults.length > 0) throw new Error(faults.join('\n'));
    },
  },
];
