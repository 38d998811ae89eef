import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../store/database.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';

let own: TestDatabase;
let database: Database;
beforeAll(async () => {
  own = await createTestDatabase();
  database = openDatabase({ url: own.databaseUrl });
});
afterAll(async () => {
  await database.close();
  await own.drop();
});

describe('what a transaction leaves for after its commit', () => {
  test('is done once it is committed, in order', async () => {
    const done: string[] = [];
    const open = await database.transaction(async (tx) => {
      tx.afterCommit(() => done.push('first'));
      tx.afterCommit(() => done.push('second'));
      await tx.rows('SELECT 1');
      return [...done];
    });
    expect(open).toEqual([]);
    expect(done).toEqual(['first', 'second']);
  });

  test.each([
    ['the work throws', () => { throw new Error('no'); }],
    ['a statement fails that nobody waits for', (write: (sql: string) => void) => { write('SELECT 1/0'); }],
  ])('is not done when %s', async (_, fail) => {
    const done: string[] = [];
    await expect(database.transaction(async (tx) => {
      tx.afterCommit(() => done.push('done'));
      await tx.rows('SELECT 1');
      fail((sql) => { tx.write(sql); });
    })).rejects.toThrow();
    expect(done).toEqual([]);
  });
});
