import { setUpDatabase } from '../../client/setup/database.js';
import { setUpSchedule } from '../../client/setup/schedule.js';
import { setUpTemporal } from '../../client/setup/temporal.js';
import { setUpTopics } from '../../client/setup/topics.js';
import type { Config } from '../../platform/config.js';
import type { Log } from '../../platform/log.js';
import type { Database } from '../../store/database.js';
import { readDeletion } from '../../store/ledger/read.js';

const WAIT_MS = 60_000;
const RETENTION_MS = 30 * 86_400_000;

/** As `expunge setup` does: schema, topics, search attributes, the reconciler's schedule. @throws ClientFault */
export async function setUp({ database, kafka, temporal, reconcile: { everyMs } }: Pick<Config, 'database' | 'kafka' | 'temporal' | 'reconcile'>, log: Log): Promise<void> {
  await Promise.all([
    setUpDatabase({ url: database.url, waitMs: WAIT_MS, log }),
    setUpTopics({ kafka, wishes: {}, waitMs: WAIT_MS, log }),
    setUpTemporal({ temporal, retentionMs: RETENTION_MS, waitMs: WAIT_MS, log }).then(() => setUpSchedule({ temporal, everyMs, waitMs: WAIT_MS, log })),
  ]);
}

/** A ledger carries every request out once only, so a demo needs one that does not know its requests. @throws Error with the remedy */
export async function refuseUsedLedger(ledger: Database, requestIds: readonly string[]): Promise<void> {
  for (const requestId of requestIds) {
    if ((await readDeletion(ledger, requestId)) !== undefined) {
      throw new Error(`The ledger in DATABASE_URL knows the request ${requestId} from an earlier demo, and a request is carried out once only: name an empty database, or unset DATABASE_URL to have PostgreSQL started here.`);
    }
  }
}
