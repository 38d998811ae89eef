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
export const activitiesOn = (database: Database, subjectRefsOf: (userId: string) => readonly string[] = () => []): Activities =>
  createActivities(
    {
      database,
      topicPrefix: 'nova',
      inventoryMaxStalenessMs: 3_600_000,
      inventory: localInventory,
      subjectRefsOf,
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

/**
 * The database, with every statement that goes through it gathered. A round trip begins with a statement that is sent after an
 * answer was waited for.
 */
export function gatherStatements(database: Database): { readonly database: Database; readonly statements: Statement[]; roundTrips(): number } {
  const statements: Statement[] = [];
  let roundTrips = 0;
  let answered = true;
  const gather = (statement: Statement): void => {
    statements.push(statement);
    if (answered) roundTrips++;
    answered = false;
  };
  const gathering = (queryable: Queryable): Queryable => ({
    rows: async <T>(sql: string, params: readonly unknown[] = []) => {
      gather({ sql, params });
      const rows = await queryable.rows<T>(sql, params);
      answered = true;
      return rows;
    },
    script: (sql) => queryable.script(sql),
  });
  const gatheringIn = (tx: Transaction): Transaction => ({
    ...tx,
    ...gathering(tx),
    write: (sql, params = []) => {
      gather({ sql, params });
      tx.write(sql, params);
    },
  });
  return { statements, roundTrips: () => roundTrips, database: { ...database, ...gathering(database), transaction: (work) => database.transaction((tx) => work(gatheringIn(tx))) } };
}

/** Calls made at the same moment. */
export const atOnce = <T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, index) => call(index)));
