import type { AddressInfo } from 'node:net';
import { kafkaFor } from '../bridges/bus-connection.js';
import { periodically } from '../bridges/periodically.js';
import { openLedger } from '../bridges/ledger-connection.js';
import { topicSizes } from '../bus/admin.js';
import type { KafkaClient } from '../bus/kafka.js';
import { deadLetteredTopics } from '../bus/topics.js';
import { createConnections } from '../client/connections.js';
import { ConfigFault } from '../platform/config.js';
import { within } from '../platform/deadline.js';
import { createHealth } from '../platform/health.js';
import { isLoopback } from '../platform/loopback.rules.js';
import { productVersion } from '../platform/product-version.js';
import type { StartRole } from '../platform/roles.js';
import { createSubjectRefs } from '../platform/subject-ref.js';
import { readStats } from '../store/ledger/stats.js';
import { createTokenVerifier } from './access/token-verifier.js';
import { createDeadLetterGauges } from './dead-letter-gauges.js';
import { createDeadLetterShelf } from './dead-letters.js';
import { createLedgerGauges } from './ledger-gauges.js';
import { readsOf } from './reads.js';
import { createApi } from './server.js';
import { createWrites } from './writes.js';

/** How far ahead of its due date a deletion counts as due soon: time enough for a person to act within the legal month. */
const DUE_SOON_MS = 3 * 86_400_000;
const GAUGES_MAX_AGE_MS = 3_000;
const GAUGES_TIMEOUT_MS = 2_000;
const DEAD_LETTERS_EVERY_MS = 30_000;
/** A count that hangs in an outage is left behind after this. */
const STOP_COUNTING_WITHIN_MS = 500;

/**
 * Answers over HTTP. Without authentication it listens on loopback only. It reads on while Kafka and Temporal are away: they are needed
 * for what changes something.
 * @throws ConfigFault for an interface that others can reach while nobody is asked for a token, and for keys that cannot be used; Error with
 * the remedy when the address cannot be listened on.
 */
export const startApi: StartRole = async (deps) => {
  const { config, log, metrics, health = createHealth({ registry: metrics.registry }) } = deps;
  const { host, port, auth, requestsPerMinute, corsOrigins } = config.api;
  if (!auth && !isLoopback(host)) {
    throw new ConfigFault([{ variable: 'API_HOST', value: host, remedy: 'without authentication the API listens on this machine only: say by which keys tokens are verified (API_JWKS_URL, API_JWT_ISSUER, API_JWT_AUDIENCE), or set it to 127.0.0.1 or ::1' }]);
  }
  const subjectRefs = createSubjectRefs(config.subjectPeppers);
  const verifyToken = auth && createTokenVerifier(auth);
  const database = await openLedger('api', deps);
  const connections = createConnections(() => config, log);
  let client: KafkaClient | undefined;
  const kafka = (): KafkaClient => (client ??= kafkaFor('api', config, log));
  const deadLettered = deadLetteredTopics(config.kafka.novaTopics);
  const { uiUrl, namespace } = config.temporal;
  const api = createApi({
    reads: readsOf(database, subjectRefs),
    writes: createWrites(connections),
    deadLetters: createDeadLetterShelf({ kafka, producer: () => connections.kafka(), topics: deadLettered }),
    health, log, verifyToken, requestsPerMinute, corsOrigins,
    webUi: uiUrl === undefined ? undefined : { url: uiUrl, namespace },
    version: productVersion(),
    metrics,
  });
  health.beforeScrape(createLedgerGauges({ metrics, readStats: () => readStats(database, DUE_SOON_MS), maxAgeMs: GAUGES_MAX_AGE_MS, timeoutMs: GAUGES_TIMEOUT_MS, log }));
  const countDeadLetters = createDeadLetterGauges({ metrics, topics: deadLettered, sizes: (topics) => topicSizes(kafka(), topics) });
  const deadLetterGauges = periodically(countDeadLetters, { name: 'counting dead letters', everyMs: DEAD_LETTERS_EVERY_MS, log });
  const close = async (): Promise<void> => {
    await Promise.all([api.close(), within(deadLetterGauges.stop(), STOP_COUNTING_WITHIN_MS)]);
    await connections.close();
    await database.close();
  };
  try {
    await api.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }).catch((error: unknown) => {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      throw new Error(`The API cannot listen on ${host}:${port} (${code}): set API_HOST and API_PORT to an address that is free, or API_PORT=0 for any port`, { cause: error });
    });
  } catch (error) {
    await close();
    throw error;
  }
  log.info({ host, port: (api.server.address() as AddressInfo).port, authentication: auth ? 'by token' : 'none' }, 'the API listens');

  return {
    ready: async () => {
      await database.rows('SELECT 1');
      return true;
    },
    stop: close,
  };
};
