import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { createWireCounter, noSql, type SqlCount } from './sql-wire.rules.js';

/** Stands between roles and PostgreSQL and counts what passes. */
export interface SqlProxy {
  /** The database's address for one role, by way of the proxy. */
  urlFor(role: string): Promise<string>;
  /** Counts so far, by role. */
  read(): Readonly<Record<string, Readonly<SqlCount>>>;
  close(): Promise<void>;
}

/** @param databaseUrl without TLS: what is encrypted cannot be counted. */
export function createSqlProxy(databaseUrl: string): SqlProxy {
  const target = new URL(databaseUrl);
  const counts: Record<string, SqlCount> = {};
  const servers: Server[] = [];

  const listen = async (count: SqlCount): Promise<number> => {
    const server = createServer((client) => {
      const counter = createWireCounter(count);
      const database = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true });
      client.setNoDelay(true);
      client.on('data', (chunk) => {
        counter.fromClient(chunk);
        database.write(chunk);
      });
      database.on('data', (chunk) => {
        counter.fromServer();
        client.write(chunk);
      });
      // A role that was killed, or a database that went, ends both sides.
      for (const [one, other] of [[client, database], [database, client]] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  return {
    urlFor: async (role) => {
      const count = (counts[role] ??= noSql());
      const url = new URL(databaseUrl);
      url.port = String(await listen(count));
      return url.href;
    },
    read: () => structuredClone(counts),
    close: async () => {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** What came between two readings, for each role. */
export const sqlBetween = (before: Readonly<Record<string, SqlCount>>, after: Readonly<Record<string, SqlCount>>): Record<string, SqlCount> =>
  Object.fromEntries(Object.entries(after).map(([role, { roundTrips, statements, commits }]) => {
    const earlier = before[role] ?? noSql();
    return [role, { roundTrips: roundTrips - earlier.roundTrips, statements: statements - earlier.statements, commits: commits - earlier.commits }];
  }));
