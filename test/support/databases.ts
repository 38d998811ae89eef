import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly databaseUrl: string;
  /** Drops it, with whatever is still connected. */
  drop(): Promise<void>;
}

async function run(databaseUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A new, empty database beside the stack's; `serverUrl` when the test does not run under the stack's setup. */
export async function createTestDatabase(serverUrl: string | undefined = inject('stack')['DATABASE_URL']): Promise<TestDatabase> {
  if (serverUrl === undefined) throw new Error('The stack gave no DATABASE_URL: name test/support/stack-setup.ts as the globalSetup of this project.');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await run(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { databaseUrl: url.href, drop: () => run(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
