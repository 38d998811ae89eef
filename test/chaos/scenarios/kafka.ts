import { withAdmin } from '../../../bus/admin.js';
import type { KafkaClient } from '../../../bus/kafka.js';
import { consumerGroup, TOPICS } from '../../../contracts/names/index.js';
import { airflowResult } from '../../support/house-scenes.js';
import { waitFor } from '../../support/wait-for.js';
import type { ChaosContext, Scenario } from '../scenario.js';
import { endsOf } from '../topics.js';

const MEMBER_OF: readonly (readonly [role: string, topics: readonly string[]])[] = [
  ['ingress', [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.serviceEvents]],
  ['trigger', [TOPICS.airflowTrigger]],
  ['result', [TOPICS.airflowResult]],
];
const REBALANCE_EVERY_MS = 2_000;

/** A member that joins a role's group, gets its share of the partitions, and does nothing with them. */
export async function joinIdle(kafka: KafkaClient, role: string, topics: readonly string[]): Promise<() => Promise<void>> {
  const consumer = kafka.consumer({ groupId: consumerGroup(role), sessionTimeout: 10_000, heartbeatInterval: 1_000 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics] });
  await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve(), eachBatchAutoResolve: false });
  return () => consumer.disconnect();
}

/** Adds a partition. @returns its number */
const addPartition = (kafka: KafkaClient, topic: string): Promise<number> =>
  withAdmin(kafka, async (admin) => {
    const there = (await admin.fetchTopicOffsets(topic)).length;
    await admin.createPartitions({ topicPartitions: [{ topic, count: there + 1 }] });
    return there;
  });

const SILENCED = 3;

/** Adds partitions, and has them used before any reader can know of them. */
async function growTopics({ kafka, house, load, note, progress }: ChaosContext): Promise<void> {
  await house.airflow.turn('silent', { times: SILENCED, end: 'success' });
  const topics = [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.airflowResult] as const;
  const { received } = await progress();
  const added = new Map(await Promise.all(topics.map(async (topic) => [topic, await addPartition(kafka, topic)] as const)));
  note(`one partition more of ${topics.join(', ')}, with ${received} received`);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const send = async (messages: readonly { readonly topic: string; readonly key: string; readonly value: unknown }[]): Promise<void> => {
    for (const { topic, key, value } of messages) await producer.send({ topic, acks: -1, messages: [{ key, value: JSON.stringify(value), partition: added.get(topic as (typeof topics)[number])! }] });
  };
  try {
    // The last of the load come here first; they come again on their usual way.
    await send(load.requests.slice(-Math.ceil(load.requests.length / 4)).map(({ message }) => message));
    await send(load.requests.filter(({ subject }) => subject.startsWith('user')).slice(-5).map(({ message }) => message));
    let unheard: readonly { readonly jobId: string }[] = [];
    await waitFor('runs that were kept silent have ended', async () => {
      const done = new Set((await house.airflow.runs()).filter(({ state }) => state === 'success').map(({ dag_run_id }) => dag_run_id));
      const open = await house.ledger.rows<{ jobId: string }>("SELECT job_id FROM attempts WHERE result IS NULL AND posted_at < now() - interval '2 seconds' AND request_id = ANY($1)", [load.ids]);
      unheard = open.filter(({ jobId }) => done.has(jobId));
      return unheard.length > 0;
    }, 30_000);
    await send(unheard.map(({ jobId }) => airflowResult(jobId, 'SUCCESS')));
    note(`${unheard.length} results on the new partition only`);
  } finally {
    await producer.disconnect();
  }
}

/** Kafka goes, and its groups are shaken. */
export const kafkaScenarios: readonly Scenario[] = [
  {
    name: 'kafka is stopped for a while',
    fault: 'Kafka stopped (30 s) and started again',
    userSees: 'Requests wait with their producers; running deletions wait for their trigger, result or notification.',
    promised: 'Nothing is lost or sent as something else; everything goes on by itself. No message becomes a dead letter for it.',
    inject: async ({ stack, byForm, pause, note }) => {
      const ms = byForm(3_000, 30_000);
      await stack.part('kafka').stop();
      await pause(ms);
      await stack.part('kafka').start();
      note(`stopped for ${ms / 1_000} s`);
    },
  },
  {
    name: 'the broker is killed',
    fault: '`kill -9` of the Kafka broker, restarted at once',
    userSees: 'As for a stop, for some seconds.',
    promised: 'Nothing is lost; a message whose acknowledgement was lost may be on its topic twice, with the same event_id.',
    inject: async ({ stack, note, progress }) => {
      const { received, completed } = await progress();
      await stack.part('kafka').kill('SIGKILL');
      await stack.part('kafka').start();
      note(`killed with ${received} received and ${completed} completed`);
    },
  },
  {
    name: 'a rebalance every 2 s',
    fault: 'A member joins and leaves every consumer group, every 2 s for a minute',
    userSees: 'Deletions go on, slower.',
    promised: 'Nothing is lost or skipped, whoever had which partition; commits stay behind what is done.',
    spreadMs: (long) => (long ? 60_000 : 7_000),
    inject: async ({ kafka, byForm, pause, note }) => {
      const rounds = byForm(2, 15);
      for (let round = 0; round < rounds; round++) {
        if (round > 0) await pause(REBALANCE_EVERY_MS);
        const leave = await Promise.all(MEMBER_OF.map(([role, topics]) => joinIdle(kafka, role, topics)));
        await pause(REBALANCE_EVERY_MS);
        await Promise.all(leave.map((one) => one()));
      }
      note(`${rounds * 2} rebalances of ${MEMBER_OF.length} groups`);
    },
  },
  {
    name: 'partitions are added under load',
    fault: 'A partition added to the request and result topics, and used at once',
    userSees: 'What lies on the new partition waits until its readers have noticed it (15 s).',
    promised: 'Everything on the new partition is read from its beginning. Order per key breaks for a moment, as Kafka has it; deletions do not depend on it.',
    inject: growTopics,
    check: async ({ kafka }) => {
      const ends = await endsOf(kafka, [TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest, TOPICS.airflowResult]);
      for (const topic of [TOPICS.userDeletionRequest, TOPICS.airflowResult]) {
        const last = Math.max(...[...ends.keys()].filter((key) => key.startsWith(`${topic}/`)).map((key) => Number(key.slice(topic.length + 1))));
        if (ends.get(`${topic}/${last}`) === 0n) throw new Error(`Nothing came on the new partition ${topic}/${last}: nothing was shown.`);
      }
    },
  },
];
