import pg from 'pg';

/** A row as PostgreSQL returns it, its columns in camelCase. */
export type Row = Record<string, unknown>;

/** One open transaction, or the pool itself: whatever statements can be sent to. */
export interface Queryable {
  /** Runs one parametrised statement and returns its rows, columns in camelCase. */
  rows<T>(sql: string, params?: readonly unknown[]): Promise<T[]>;
  /** Runs a script of several statements. */
  script(sql: string): Promise<void>;
}

/** PostgreSQL refuses the content (SQLSTATE classes 22 and 23): the fault of what was sent, never of the moment. */
export class ContentRefused extends Error {
  override readonly name = 'ContentRefused';
  readonly sqlState: string;
  readonly constraint: string | undefined;
  constructor(sqlState: string, constraint: string | undefined, cause: unknown) {
    super(`PostgreSQL refused the content: SQLSTATE ${sqlState}${constraint ? `, ${constraint}` : ''}`, { cause });
    this.sqlState = sqlState;
    this.constraint = constraint;
  }
}

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize?: number;
  /** Name shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Longest time that one statement may take, in ms. */
  readonly statementTimeoutMs?: number;
  readonly onError?: (error: Error) => void;
}

/** A pool of connections. Errors of content are ContentRefused; all others are pg's own and mean an outage. */
export interface Database extends Queryable {
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Calls `onNotify` for each NOTIFY on the channel until the returned function is called; `onLost` when the connection breaks. */
  listen(channel: string, onNotify: () => void, onLost: (error: Error) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Opens a pool. Connects lazily: an unreachable server shows at the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    application_name: options.applicationName ?? 'expunge',
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 60_000,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    types,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => options.onError?.(error));

  const queryable = (client: pg.Pool | pg.PoolClient): Queryable => ({
    rows: async <T>(sql: string, params: readonly unknown[] = []) => {
      try {
        const result = await client.query<Row>(sql, [...params]);
        return result.rows.map(toCamelCase) as T[];
      } catch (error) {
        throw asContentRefused(error);
      }
    },
    script: async (sql) => {
      await client.query(sql);
    },
  });

  return {
    ...queryable(pool),
    transaction: async (work) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      const onClientError = (error: Error) => (broken = error);
      client.on('error', onClientError);
      try {
        await client.query('BEGIN');
        const result = await work(queryable(client));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((rollbackError: unknown) => (broken = rollbackError as Error));
        throw asContentRefused(error);
      } finally {
        client.off('error', onClientError);
        client.release(broken);
      }
    },
    listen: async (channel, onNotify, onLost) => {
      const client = new pg.Client({ connectionString: options.url, application_name: `${options.applicationName ?? 'expunge'} listen`, keepAlive: true });
      client.on('notification', onNotify);
      client.on('error', onLost);
      try {
        await client.connect();
        await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      } catch (error) {
        await client.end().catch(() => undefined);
        throw error;
      }
      return async () => {
        client.off('error', onLost);
        client.on('error', () => undefined);
        await client.end();
      };
    },
    close: () => pool.end(),
  };
}

const INT8 = 20;
const types = new pg.TypeOverrides();
types.setTypeParser(INT8, Number);

function asContentRefused(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && error.code && /^2[23]/.test(error.code)) {
    return new ContentRefused(error.code, error.constraint, error);
  }
  return error;
}

const camelCaseNames = new Map<string, string>();

function toCamelCase(row: Row): Row {
  const converted: Row = {};
  for (const [column, value] of Object.entries(row)) {
    let name = camelCaseNames.get(column);
    if (name === undefined) {
      name = column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      camelCaseNames.set(column, name);
    }
    converted[name] = value;
  }
  return converted;
}
