import { isDeepStrictEqual } from 'node:util';
import { READ_TOPICS } from '../../bus/topics.js';
import { deadLetterTopic } from '../../contracts/names/index.js';
import type { Attempt, Deletion } from '../../store/ledger/rows.js';
import type { House } from '../support/house.js';
import { airflowAgrees } from './invariants/airflow.js';
import type { Check, Scene } from './invariants/check.js';
import { dataIsGone } from './invariants/data.js';
import { requestsEndedWell } from './invariants/ledger.js';
import { offsetsAreDone } from './invariants/offsets.js';
import { temporalAgrees } from './invariants/temporal.js';
import { tenantsAreTold } from './invariants/tenants.js';
import { outboxIsOnTheTopics, outgoingTopics, sentOutbox } from './invariants/topics.js';
import type { ChaosLoad } from './load.js';
import { endsOf, readTopics, type TopicMessage } from './topics.js';

/** Every check, in the order that their findings are told. */
const CHECKS: readonly (readonly [string, Check])[] = [
  ['ledger', requestsEndedWell],
  ['Airflow', airflowAgrees],
  ['topics', outboxIsOnTheTopics],
  ['tenants', tenantsAreTold],
  ['Temporal', temporalAgrees],
  ['offsets', offsetsAreDone],
  ['data', dataIsGone],
  ['bystanders', async ({ load, before }) => (isDeepStrictEqual(await load.bystanderData(), before.bystanderData) ? [] : ['something is gone that nobody asked to be deleted'])],
  ['processes', async ({ house, expects }) => (expects.processesMayEnd === true ? [] : (await house.roles.endedByThemselves()).map((how) => `ended by itself: ${how}`))],
];

const MOST_TOLD = 8;

/** Rows of the ledger for the users and tenants of a load. */
export const deletionsOf = (house: House, load: ChaosLoad): Promise<Deletion[]> =>
  house.ledger.rows<Deletion>('SELECT * FROM deletions WHERE user_id = ANY($1) OR tenant_id = ANY($2) ORDER BY received_at, request_id', [
    [...load.users, ...load.bystanderUsers], load.tenants.map(({ tenantId }) => tenantId),
  ]);

/**
 * Checks everything that must hold when all is over. Each check waits for what is on its way (a commit, a workflow's close), with a
 * deadline of its own.
 * @throws Error with all findings, of each check the first few
 */
export async function expectInvariants(scene: Omit<Scene, 'deletions' | 'attempts' | 'runs' | 'outbox' | 'written'>): Promise<void> {
  const { house, load } = scene;
  const deletions = await deletionsOf(house, load);
  const attempts = await house.ledger.rows<Attempt>('SELECT * FROM attempts WHERE request_id = ANY($1) ORDER BY request_id, attempt', [deletions.map(({ requestId }) => requestId)]);
  const subjects = new Set([...load.users, ...load.bystanderUsers, ...load.tenants.map(({ tenantId }) => tenantId)]);
  const runs = (await house.airflow.runs()).filter(({ conf }) => subjects.has(String(conf['user_id'] ?? conf['tenant_id'])));
  const outbox = await sentOutbox(scene);
  let reading: Promise<readonly TopicMessage[]> | undefined;
  const topics = [...outgoingTopics(house.env['KAFKA_TOPIC_PREFIX'] ?? 'nova'), ...READ_TOPICS.map(deadLetterTopic)];
  const written = (): Promise<readonly TopicMessage[]> => (reading ??= endsOf(scene.kafka, topics).then((ends) => readTopics(scene.kafka, topics, scene.before.ends, ends)));
  const whole: Scene = { ...scene, deletions, attempts, runs, outbox, written };
  const findings = (await Promise.all(CHECKS.map(async ([area, check]) => {
    const found = await check(whole);
    return [...found.slice(0, MOST_TOLD).map((finding) => `${area}: ${finding}`), ...(found.length > MOST_TOLD ? [`${area}: and ${found.length - MOST_TOLD} more`] : [])];
  }))).flat();
  if (findings.length > 0) throw new Error(`Invariants do not hold:\n${findings.join('\n')}`);
}
