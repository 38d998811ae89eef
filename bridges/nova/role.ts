import { LEGACY_MESSAGE_TOPICS } from '../../contracts/names/index.js';
import type { StartRole } from '../../platform/roles.js';
import { createSubjectRefs } from '../../platform/subject-ref.js';
import { forgetGoneItems, forgetResurrections, forgetSubjectEvents } from '../../store/subjects/forget.js';
import { consumeAs, kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { periodically } from '../periodically.js';
import { createNova, MOST_AT_ONCE } from './nova.js';

/** As long as dead letters are kept, from which an older event of the item may still be replayed. */
const REMEMBER_GONE_MS = 90 * 24 * 3_600_000;
/** A year: whoever is asked what became of an erasure may look back that far. */
const REMEMBER_RESURRECTIONS_MS = 365 * 24 * 3_600_000;
const FORGET_EVERY_MS = 3_600_000;
const FORGET_AT_ONCE = 5_000;

/** Enough for one batch to be gathered while another is written. */
const AT_ONCE = { maxConcurrency: 4 * MOST_AT_ONCE, maxInFlight: 4 * MOST_AT_ONCE } as const;

/** Keeps the subject inventory by the events of the Nova bus. */
export const startNova: StartRole = async (deps) => {
  const { config, log, metrics } = deps;
  const subjectRefs = createSubjectRefs(config.subjectPeppers);
  const database = await openLedger('nova', deps);
  const routes = createNova({ database, subjectRefs, topics: config.kafka.novaTopics, metrics, log });
  const consumer = consumeAs('nova', kafkaFor('nova', config, log), () => routes, deps, {
    ...AT_ONCE,
    optionalTopics: Object.values(LEGACY_MESSAGE_TOPICS),
    // By the events' times, and not by keys: one busy conversation must not make batches of one.
    orderOf: () => null,
  });
  const forgetting = periodically(
    async () => {
      await forgetSubjectEvents(database);
      const [items, resurrections] = [await forgetGoneItems(database, REMEMBER_GONE_MS, FORGET_AT_ONCE), await forgetResurrections(database, REMEMBER_RESURRECTIONS_MS, FORGET_AT_ONCE)];
      return Math.max(items, resurrections) < FORGET_AT_ONCE ? undefined : 0;
    },
    { name: 'forgetting old events of subjects', everyMs: FORGET_EVERY_MS, log },
  );
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await Promise.all([consumer.stop(), forgetting.stop()]);
      await database.close();
    },
  };
};
