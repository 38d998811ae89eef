import { describe, expect, test } from 'vitest';
import { createWireCounter, noSql } from '../../../bench/measure/sql-wire.rules.js';

const message = (type: string, content: string): Buffer => {
  const body = Buffer.from(content);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const startUp = (): Buffer => {
  const body = Buffer.from('user\0bench\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
};
const query = (sql: string): Buffer => message('Q', `${sql}\0`);
const prepared = (): Buffer => Buffer.concat([message('P', '\0SELECT 1\0\0\0'), message('B', '\0\0\0\0\0\0\0\0'), message('E', '\0\0\0\0\0'), message('S', '')]);

/** What a connection counts whose client sends these chunks; `null` is an answer. */
function counted(...chunks: readonly (Buffer | null)[]) {
  const count = noSql();
  const counter = createWireCounter(count);
  for (const chunk of [startUp(), null, ...chunks]) {
    if (chunk === null) counter.fromServer();
    else counter.fromClient(chunk);
  }
  return { ...count, roundTrips: count.roundTrips - 1 }; // the start-up is one
}

describe('counting what a client asks of PostgreSQL', () => {
  test('a question and its answer are one round trip, simple and prepared statements one statement each', () => {
    expect(counted(query('BEGIN'), null, prepared(), null, query('COMMIT'), null)).toEqual({ roundTrips: 3, statements: 3, commits: 1 });
  });

  test('what is sent together, or before the answer has come, is one round trip', () => {
    expect(counted(Buffer.concat([query('BEGIN'), prepared(), query('COMMIT')]), null)).toEqual({ roundTrips: 1, statements: 3, commits: 1 });
    expect(counted(query('BEGIN'), prepared(), null, null)).toEqual({ roundTrips: 1, statements: 2, commits: 0 });
  });

  test('messages may come in pieces of any size', () => {
    const bytes = Buffer.concat([query('BEGIN'), prepared(), query('COMMIT')]);
    expect(counted(...Array.from(bytes, (_, n) => bytes.subarray(n, n + 1)), null)).toEqual({ roundTrips: 1, statements: 3, commits: 1 });
  });

  test('a statement that speaks of COMMIT is not one', () => {
    expect(counted(query("SELECT 'COMMIT'"), null).commits).toBe(0);
  });
});
