import type { Database } from '../../store/database.js';

/** What a backup of the ledger holds, in an order in which it can be put back. */
const TABLES = ['deletions', 'attempts', 'timeline', 'outbox', 'verifications'] as const;

/** Backs the ledger up as it is now. @returns what restores it to this moment */
export async function backUp(database: Database): Promise<() => Promise<void>> {
  await database.script(`DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup; ${TABLES.map((table) => `CREATE TABLE backup.${table} AS TABLE ${table};`).join(' ')}`);
  return () =>
    database.script(`BEGIN; TRUNCATE ${TABLES.join(', ')}; ALTER TABLE deletions DISABLE TRIGGER ALL;
      ${TABLES.map((table) => `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM backup.${table};`).join(' ')}
      ALTER TABLE deletions ENABLE TRIGGER ALL; COMMIT;`);
}
