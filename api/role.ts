import type { AddressInfo } from 'node:net';
import { openLedger } from '../bridges/ledger-connection.js';
import { ConfigFault } from '../platform/config.js';
import { createHealth } from '../platform/health.js';
import type { StartRole } from '../platform/roles.js';
import { createSubjectRefs } from '../platform/subject-ref.js';
import { readTenant } from '../store/inventory/read.js';
import { readSubject } from '../store/subjects/read.js';
import { readDeletion, readJob, readStats } from '../store/ledger/read.js';
import { createLedgerGauges } from './ledger-gauges.js';
import { isLoopback } from './loopback.rules.js';
import { createApi } from './server.js';

/** How far ahead of its due date a deletion counts as due soon: time enough for a person to act within the legal month. */
const DUE_SOON_MS = 3 * 86_400_000;
const GAUGES_MAX_AGE_MS = 3_000;
const GAUGES_TIMEOUT_MS = 2_000;

/**
 * Answers over HTTP. Knows no callers yet, so it listens on loopback only.
 * @throws ConfigFault for an interface that others can reach; Error with the remedy when the address cannot be listened on.
 */
export const startApi: StartRole = async (deps) => {
  const { config, log, metrics, health = createHealth({ registry: metrics.registry }) } = deps;
  const { host, port } = config.api;
  if (!isLoopback(host)) {
    throw new ConfigFault([{ variable: 'API_HOST', value: host, remedy: 'the API does not ask who calls it and answers with user ids, so it listens on this machine only: set it to 127.0.0.1 or ::1, and let others in through a proxy on this machine that authenticates them' }]);
  }
  const subjectRefs = createSubjectRefs(config.subjectPeppers);
  const database = await openLedger('api', deps);
  const { uiUrl, namespace } = config.temporal;
  const api = createApi({
    reads: {
      deletion: (requestId) => readDeletion(database, requestId),
      job: (jobId) => readJob(database, jobId),
      tenant: (tenantId) => readTenant(database, tenantId),
      subject: (of) => readSubject(database, 'userId' in of ? subjectRefs.candidates(of.userId) : [of.subjectRef]),
    },
    health,
    log,
    webUi: uiUrl === undefined ? undefined : { url: uiUrl, namespace },
  });
  health.beforeScrape(createLedgerGauges({ metrics, readStats: () => readStats(database, DUE_SOON_MS), maxAgeMs: GAUGES_MAX_AGE_MS, timeoutMs: GAUGES_TIMEOUT_MS, log }));
  try {
    await api.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }).catch((error: unknown) => {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      throw new Error(`The API cannot listen on ${host}:${port} (${code}): set API_HOST and API_PORT to an address that is free, or API_PORT=0 for any port`, { cause: error });
    });
  } catch (error) {
    await api.close();
    await database.close();
    throw error;
  }
  log.info({ host, port: (api.server.address() as AddressInfo).port }, 'the API listens');

  return {
    ready: async () => {
      await database.rows('SELECT 1');
      return true;
    },
    stop: async () => {
      await api.close();
      await database.close();
    },
  };
};
