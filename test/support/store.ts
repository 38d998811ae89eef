import { createActivities } from '../../activities/create-activities.js';
import type { Activities } from '../../activities/answers.js';
import { localInventory } from '../../activities/subject-inventory.js';
import { openDatabase, type Database, type Queryable, type Transaction } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { createTestDatabase } from './databases.js';
import { gatherEvents, testPolicy } from './deletions.js';

/** A ledger of its own, and the activities that write to it, without any workflow. */
export interface TestStore {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly activities: Activities;
  close(): Promise<void>;
}

/** The activities of a worker on a database. Their errors are thrown as they are kept by Temporal. */
export const activitiesOn = (database: Database): Activities =>
  createActivities(
    {
      database,
      topicPrefix: 'nova',
      inventoryMaxStalenessMs: 3_600_000,
      inventory: localInventory,
      subjectRefsOf: () => [],
      tenantPurgeGraceMs: 0,
      tenantPolicy: { ...testPolicy, dagId: 'tenant_cleanup_dag' },
      events: gatherEvents(),
    },
    () => undefined,
  );

/** Opens a new, migrated ledger with a pool of 20 connections. */
export async function openStore(): Promise<TestStore> {
  const { databaseUrl, ...testDatabase } = await createTestDatabase();
  const database = openDatabase({ url: databaseUrl, poolSize: 20 });
  await migrate(database);
  return {
    database,
    databaseUrl,
    activities: activitiesOn(database),
    close: async () => {
      await database.close();
      await testDatabase.drop();
    },
  };
}

export interface Statement {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** The database, with every statement that goes through it gathered. */
export function gatherStatements(database: Database): { readonly database: Database; readonly statements: Statement[] } {
  const statements: Statement[] = [];
  const gathering = (queryable: Queryable): Queryable => ({
    rows: (sql, params = []) => {
      statements.push({ sql, params });
      return queryable.rows(sql, params);
    },
    script: (sql) => queryable.script(sql),
  });
  const gatheringIn = (tx: Transaction): Transaction => ({
    ...tx,
    ...gathering(tx),
    write: (sql, params = []) => {
      statements.push({ sql, params });
      tx.write(sql, params);
    },
  });
  return { statements, database: { ...database, ...gathering(database), transaction: (work) => database.transaction((tx) => work(gatheringIn(tx))) } };
}

/** Calls made at the same moment. */
export const atOnce = <T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, index) => call(index)));
