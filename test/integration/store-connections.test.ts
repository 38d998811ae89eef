import { afterAll, beforeAll, describe, test, type ExpectStatic } from 'vitest';
import { listenForRows } from '../../bridges/relay/wake-up.js';
import { createLog } from '../../platform/log.js';
import { openDatabase, type Database } from '../../store/database.js';
import { OUTBOX_CHANNEL } from '../../store/outbox.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { openTcpProxy, throughProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const STATEMENT_TIMEOUT_MS = 500;
const POOL_SIZE = 2;

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own.drop());

interface Way {
  readonly proxy: TcpProxy;
  readonly database: Database;
  /** Waits until PostgreSQL answers again: of what the pool holds, some may have to be found broken first. */
  readonly answers: () => Promise<unknown>;
}

/** A test with a way to PostgreSQL of its own, all connections of which are open. */
const onAWay = (work: (way: Way, expect: ExpectStatic) => Promise<void>) => async ({ expect }: { expect: ExpectStatic }): Promise<void> => {
  const { hostname, port } = new URL(own.databaseUrl);
  const proxy = await openTcpProxy({ host: hostname, port: Number(port) });
  const database = openDatabase({ url: throughProxy(own.databaseUrl, proxy), poolSize: POOL_SIZE, statementTimeoutMs: STATEMENT_TIMEOUT_MS, onError: () => undefined });
  await Promise.all(Array.from({ length: POOL_SIZE }, () => database.rows('SELECT pg_sleep(0.2)')));
  try {
    await work({ proxy, database, answers: () => waitFor('PostgreSQL answers', () => database.rows('SELECT 1').then(() => true, () => false), 20_000) }, expect);
  } finally {
    await database.close().catch(() => undefined); // one test has closed it
    await proxy.close();
  }
};
/** How long it takes until it is rejected, in ms. */
async function rejectedAfter(work: Promise<unknown>, expect: ExpectStatic): Promise<number> {
  const since = performance.now();
  await expect(work).rejects.toThrow();
  return performance.now() - since;
}

describe.concurrent('a connection to PostgreSQL', () => {
  test('that was reset is replaced, in a transaction and outside', onAWay(async ({ proxy, database, answers }, expect) => {
    await expect(database.transaction(async (tx) => {
      await tx.rows('SELECT 1');
      proxy.reset();
      await tx.rows('SELECT 1');
    })).rejects.toThrow();
    await answers();
  }));

  test('on which a statement is never answered is given up a while after the timeout', onAWay(async ({ proxy, database, answers }, expect) => {
    proxy.blackHole();
    const took = rejectedAfter(database.rows('SELECT 1'), expect);
    proxy.pass();
    expect(await took).toBeLessThan(STATEMENT_TIMEOUT_MS + 7_000);
    await answers();
  }));

  test('so is one in a transaction, and every one of the pool', onAWay(async ({ proxy, database, answers }, expect) => {
    const stuck = Array.from({ length: POOL_SIZE }, () => database.transaction(async (tx) => {
      await tx.rows('SELECT pg_sleep(0.2)');
      proxy.blackHole();
      await tx.rows('SELECT 1');
    }));
    const took = stuck.map((one) => rejectedAfter(one, expect));
    await new Promise((resolve) => setTimeout(resolve, 400));
    proxy.pass();
    for (const ms of await Promise.all(took)) expect(ms).toBeLessThan(STATEMENT_TIMEOUT_MS + 7_000);
    await answers();
  }));

  test('that is not heard of any more holds the locks of its transaction for 10 s', onAWay(async ({ proxy, database }, expect) => {
    await database.rows('CREATE TABLE locked (id integer)');
    const lost = database.transaction(async (tx) => {
      await tx.rows('LOCK TABLE locked IN EXCLUSIVE MODE');
      proxy.blackHole();
      await tx.rows('SELECT 1');
    });
    lost.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const direct = openDatabase({ url: own.databaseUrl, poolSize: 1 });
    const since = performance.now();
    await direct.transaction((tx) => tx.rows('LOCK TABLE locked IN EXCLUSIVE MODE'));
    expect(performance.now() - since).toBeLessThan(14_000);
    await direct.close();
    await expect(lost).rejects.toThrow();
  }));

  test('that listens and hears nothing any more is lost within 15 s, and holds no closing up', onAWay(async ({ proxy, database, answers }, expect) => {
    const lost = new Promise<number>((resolve, reject) => {
      const since = performance.now();
      database.listen('test', () => undefined, () => resolve(performance.now() - since)).then(() => proxy.blackHole(), reject);
    });
    expect(await lost).toBeLessThan(18_000);
    proxy.pass();
    const end = await database.listen('test', () => undefined, () => undefined);
    await answers();
    proxy.blackHole();
    const since = performance.now();
    await end();
    await database.close();
    expect(performance.now() - since).toBeLessThan(6_000);
  }));

  test('that is cut in the moment in which it begins to listen is made anew', async ({ expect }) => {
    const { hostname, port } = new URL(own.databaseUrl);
    const direct = openDatabase({ url: own.databaseUrl, poolSize: 1 });
    let cuts = 0;
    // The answer to LISTEN and the word of the end arrive in one piece.
    const proxy = await openTcpProxy({ host: hostname, port: Number(port) }, () => {
      let held: Buffer | undefined;
      return {
        fromClient: (bytes, { server }) => {
          if (cuts === 0 && bytes.includes('LISTEN')) held = Buffer.alloc(0);
          server.write(bytes);
        },
        fromServer: (bytes, { client }) => {
          if (!held) return client.write(bytes);
          if (held.length === 0) {
            cuts++;
            void direct.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut listen' AND datname = current_database()`);
          }
          held = Buffer.concat([held, bytes]);
          if (held.includes('57P01')) client.write(held);
        },
      };
    });
    const database = openDatabase({ url: throughProxy(own.databaseUrl, proxy), applicationName: 'cut' });
    let wakings = 0;
    const listening = listenForRows(database, () => wakings++, createLog({ level: 'silent' }));
    try {
      await waitFor('it listens', async () => (await direct.rows(`SELECT FROM pg_stat_activity WHERE application_name = 'cut listen' AND query LIKE 'LISTEN%'`)).length === 1 && proxy.accepted() === 2, 10_000);
      const before = wakings;
      await direct.rows(`SELECT pg_notify($1, '')`, [OUTBOX_CHANNEL]);
      await waitFor('it is woken', () => wakings > before, 10_000);
      expect(cuts).toBe(1);
    } finally {
      await listening.stop();
      await Promise.all([database.close(), direct.close()]);
      await proxy.close();
    }
  });
});
