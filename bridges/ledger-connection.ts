import type { Role, RoleDeps } from '../platform/roles.js';
import { untilReachable } from '../platform/patience.js';
import { openDatabase, type Database } from '../store/database.js';
import { checkSchema, SchemaTooNew, SchemaTooOld } from '../store/migrate.js';

/**
 * Opens the ledger for a role; waits out a server that is not there yet.
 * @throws SchemaTooNew, SchemaTooOld, and the reason of `stopping`.
 */
export async function openLedger(role: Role, { config, log, stopping }: RoleDeps): Promise<Database> {
  const database = openDatabase({
    url: config.database.url,
    poolSize: config.database.poolSize,
    statementTimeoutMs: config.database.statementTimeoutMs,
    applicationName: `expunge-${role}`,
    onError: (error) => log.warn({ err: error }, 'an idle connection to PostgreSQL broke'),
  });
  try {
    await untilReachable(() => checkSchema(database), { what: 'PostgreSQL', log, signal: stopping, worthRetrying: (error) => !(error instanceof SchemaTooOld || error instanceof SchemaTooNew) });
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
