import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../store/database.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { openTcpProxy, throughProxy, type TcpProxy } from '../support/tcp-proxy.js';

const STATEMENT_TIMEOUT_MS = 500;

let own: TestDatabase;
let proxy: TcpProxy;
let database: Database;
beforeAll(async () => {
  own = await createTestDatabase();
});
beforeEach(async () => {
  const { hostname, port } = new URL(own.databaseUrl);
  proxy = await openTcpProxy({ host: hostname, port: Number(port) });
  database = openDatabase({ url: throughProxy(own.databaseUrl, proxy), poolSize: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS, onError: () => undefined });
});
afterEach(async () => {
  await database.close();
  await proxy.close();
});
afterAll(() => own.drop());

const answers = async (): Promise<boolean> => (await database.rows<{ one: number }>('SELECT 1 AS one'))[0]?.one === 1;
/** How long it takes until it is rejected, in ms. */
async function rejectedAfter(work: Promise<unknown>): Promise<number> {
  const since = performance.now();
  await expect(work).rejects.toThrow();
  return performance.now() - since;
}

test('a connection that was reset is replaced, in a transaction and outside', async () => {
  expect(await answers()).toBe(true);
  await expect(database.transaction(async (tx) => {
    await tx.rows('SELECT 1');
    proxy.reset();
    await tx.rows('SELECT 1');
  })).rejects.toThrow();
  expect(await answers()).toBe(true);
});

test('a statement that is never answered fails a while after its timeout, and its connection is given up', async () => {
  expect(await answers()).toBe(true);
  proxy.blackHole();
  const statement = rejectedAfter(database.rows('SELECT 1'));
  proxy.pass();
  expect(await statement).toBeLessThan(STATEMENT_TIMEOUT_MS + 6_000);
  expect(await answers()).toBe(true);
});

test('so does a transaction, with every connection of the pool in it', async () => {
  const stuck = [1, 2].map(() => database.transaction(async (tx) => {
    await tx.rows('SELECT 1');
    proxy.blackHole();
    await tx.rows('SELECT 1');
  }));
  const took = Promise.all(stuck.map(rejectedAfter));
  await new Promise((resolve) => setTimeout(resolve, 100));
  proxy.pass();
  for (const ms of await took) expect(ms).toBeLessThan(STATEMENT_TIMEOUT_MS + 6_000);
  expect(await answers()).toBe(true);
});

test('the locks of a transaction whose client is not heard of any more are free within 10 s', async () => {
  await database.rows('CREATE TABLE locked (id integer)');
  const lost = database.transaction(async (tx) => {
    await tx.rows('LOCK TABLE locked IN EXCLUSIVE MODE');
    proxy.blackHole();
    await tx.rows('SELECT 1');
  });
  lost.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  proxy.pass();
  const direct = openDatabase({ url: own.databaseUrl, poolSize: 1 });
  const since = performance.now();
  await direct.transaction((tx) => tx.rows('LOCK TABLE locked IN EXCLUSIVE MODE'));
  expect(performance.now() - since).toBeLessThan(13_000);
  await direct.close();
  await expect(lost).rejects.toThrow();
});

test('a connection that listens and hears nothing any more is lost within 15 s; what is left of it holds no closing up', async () => {
  const lost = new Promise<number>((resolve, reject) => {
    const since = performance.now();
    database.listen('test', () => undefined, () => resolve(performance.now() - since)).then(() => proxy.blackHole(), reject);
  });
  expect(await lost).toBeLessThan(16_000);
  proxy.pass();
  const end = await database.listen('test', () => undefined, () => undefined);
  expect(await answers()).toBe(true);
  proxy.blackHole();
  const since = performance.now();
  await end();
  await database.close();
  expect(performance.now() - since).toBeLessThan(5_000);
  database = openDatabase({ url: own.databaseUrl });
});
