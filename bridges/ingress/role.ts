import { committedOffsets, watermarks } from '../../bus/admin.js';
import { consumerGroup, TOPICS } from '../../contracts/names/index.js';
import { loadPolicies } from '../../platform/policies.js';
import type { StartRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { connectClient } from '../../platform/temporal.js';
import { forgetProcessedEvents } from '../../store/inventory/feed.js';
import { consumeAs, kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { periodically } from '../periodically.js';
import { markWhenCaughtUp } from './caught-up.js';
import { createIngress } from './ingress.js';
import { orderByInstance } from './order.js';
import { createStartOrJoin } from './start-or-join.js';

/** Repeats of an event are recognised for a week. */
const REMEMBER_EVENTS_MS = 7 * 24 * 3_600_000;
const FORGET_EVERY_MS = 3_600_000;
const FORGET_AT_ONCE = 1_000;
/** What of a partition is in hand is received together: nothing of it waits for the starts of what came before. */
const IN_HAND = { maxConcurrency: 4_000 };

/** Starts a deletion for every request on Kafka, and keeps the service inventory. */
export const startIngress: StartRole = async (deps) => {
  const { config, log, metrics, stopping } = deps;
  const policies = loadPolicies(config);
  const subjectRefs = createSubjectRefs(config.subjectPeppers);
  const database = await openLedger('ingress', deps);
  const temporal = await connectClient(config, { log, signal: stopping });
  const kafka = kafkaFor('ingress', config, log);
  const routes = createIngress({
    database, policies, subjectRefs, metrics, log,
    topicPrefix: config.kafka.topicPrefix,
    identityTopic: config.kafka.novaTopics.identity,
    softDeleteGraceMs: config.softDeleteGraceMs,
    startOrJoin: createStartOrJoin(temporal.client),
  });
  const consumer = consumeAs('ingress', kafka, () => routes, deps, { ...IN_HAND, orderOf: orderByInstance });
  const everyMs = config.inventoryMaxStalenessMs / 6;
  const caughtUp = periodically(
    async (signal) => {
      const marked = await markWhenCaughtUp({
        database,
        ends: () => watermarks(kafka, TOPICS.serviceEvents),
        committed: () => committedOffsets(kafka, consumerGroup('ingress'), TOPICS.serviceEvents),
        patienceMs: config.inventoryMaxStalenessMs,
      }, signal);
      if (!marked) log.warn('the service inventory is behind its topic; service deletions wait for it');
    },
    { name: 'inventory mark', everyMs, log },
  );
  const forgetting = periodically(
    async () => (await forgetProcessedEvents(database, REMEMBER_EVENTS_MS, FORGET_AT_ONCE)) < FORGET_AT_ONCE ? undefined : 0,
    { name: 'forgetting old events', everyMs: FORGET_EVERY_MS, log },
  );
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await Promise.all([consumer.stop(), caughtUp.stop(), forgetting.stop()]);
      await temporal.close();
      await database.close();
    },
  };
};
