import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly databaseUrl: string;
  /** Drops it, with whatever is still connected. */
  drop(): Promise<void>;
}

/** Runs one statement on a connection of its own and gives its rows. */
export async function queryRows(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A new, empty database beside the stack's; `serverUrl` when the test does not run under the stack's setup. */
export async function createTestDatabase(serverUrl: string | undefined = inject('stack')['DATABASE_URL']): Promise<TestDatabase> {
  if (serverUrl === undefined) throw new Error('The stack gave no DATABASE_URL: name test/support/stack-setup.ts as the globalSetup of this project.');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await queryRows(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    databaseUrl: url.href,
    async drop() {
      await queryRows(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}
