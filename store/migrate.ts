import { readdir, readFile } from 'node:fs/promises';
import type { Database, Queryable } from './database.js';

/** The database's schema was written by a newer version of Expunge than this one. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew';
}

/** The database's schema lacks migrations that this version needs. */
export class SchemaTooOld extends Error {
  override readonly name = 'SchemaTooOld';
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

const folder = new URL('./migrations/', import.meta.url);
const lockKey = 7_305_417;

/**
 * Brings the schema up to this version, each migration in the same transaction as its mark. Safe when several
 * processes start at once: they take turns by an advisory lock.
 * @returns the names of the migrations that were run now
 * @throws SchemaTooNew when the database is ahead of the code
 */
export async function migrate(database: Database): Promise<string[]> {
  const migrations = await readMigrations();
  return database.transaction(async (tx) => {
    await tx.rows('SELECT pg_advisory_xact_lock($1)', [lockKey]);
    await tx.rows(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await appliedVersion(tx);
    refuseNewer(applied, migrations);
    const due = migrations.filter((migration) => migration.version > applied);
    for (const migration of due) {
      await tx.script(migration.sql);
      await tx.rows('INSERT INTO schema_migrations (version, name) VALUES ($1, $2)', [migration.version, migration.name]);
    }
    return due.map((migration) => migration.name);
  });
}

/**
 * Checks that the schema is the one that this code was written for; every role calls it before it works.
 * @throws SchemaTooNew, SchemaTooOld
 */
export async function checkSchema(database: Database): Promise<void> {
  const migrations = await readMigrations();
  const [table] = await database.rows<{ present: boolean }>(`SELECT to_regclass('schema_migrations') IS NOT NULL AS present`);
  const applied = table?.present ? await appliedVersion(database) : 0;
  refuseNewer(applied, migrations);
  const wanted = migrations.at(-1)?.version ?? 0;
  if (applied < wanted) {
    throw new SchemaTooOld(`the database is at schema ${applied}, this version needs ${wanted}: run "expunge setup" first`);
  }
}

async function appliedVersion(queryable: Queryable): Promise<number> {
  const [row] = await queryable.rows<{ version: number | null }>('SELECT max(version) AS version FROM schema_migrations');
  return row?.version ?? 0;
}

function refuseNewer(applied: number, migrations: readonly Migration[]): void {
  const newest = migrations.at(-1)?.version ?? 0;
  if (applied > newest) {
    throw new SchemaTooNew(`the database is at schema ${applied}, this version knows ${newest}: run a newer version of Expunge`);
  }
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_[a-z_]+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number(name.slice(0, 4)),
      name: name.replace(/\.sql$/, ''),
      sql: await readFile(new URL(name, folder), 'utf8'),
    })),
  );
}
