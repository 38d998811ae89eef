import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import pg from 'pg';
import { endWithin, listen } from './listen.js';
import { inOnePiece } from './one-piece.js';

/** A row as PostgreSQL returns it, its columns in camelCase. */
export type Row = Record<string, unknown>;

/** One open transaction, or the pool itself: whatever statements can be sent to. */
export interface Queryable {
  /** Runs one parametrised statement and returns its rows, columns in camelCase. */
  rows<T>(sql: string, params?: readonly unknown[]): Promise<T[]>;
  /** Runs a script of several statements. */
  script(sql: string): Promise<void>;
}

/**
 * One open transaction. Its statements go out at once and are done in their order, whether anybody waits for their rows or
 * not: what is awaited decides how many round trips the transaction takes.
 */
export interface Transaction extends Queryable {
  /** Sends a statement whose rows nobody needs. Should it fail, the transaction fails with its error. */
  write(sql: string, params?: readonly unknown[]): void;
  /** What is done once the transaction is committed, and not when it fails: counting what has happened. */
  afterCommit(effect: () => void): void;
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
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Calls `onNotify` with its payload for each NOTIFY on the channel until the returned function is called; `onLost` when the connection breaks. */
  listen(channel: string, onNotify: (payload: string) => void, onLost: (error: Error) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** PostgreSQL itself ends a statement at its timeout; when not even that is heard, nobody listens on the other side any more. */
const ANSWER_MARGIN_MS = 5_000;
/** Our transactions wait for nothing but PostgreSQL: one that idles has lost its client, and others wait for its locks. */
const IDLE_IN_TRANSACTION_MS = 10_000;
/** Of a peer that is gone without a word, the system tells some seconds after the keep-alive. */
const PATIENCE = { connectionTimeoutMillis: 10_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/** Opens a pool. Connects lazily: an unreachable server shows at the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    application_name: options.applicationName ?? 'expunge',
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_MARGIN_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    ...PATIENCE,
    pipeline: true,
    types,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => options.onError?.(error));

  const queryable = (client: pg.Pool | pg.PoolClient, beforeSending: () => void = () => undefined): Queryable => ({
    rows: async <T>(sql: string, params: readonly unknown[] = []) => {
      try {
        beforeSending();
        const result = await client.query<Row>(prepared(sql, params));
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
      const unawaited: Promise<unknown>[] = [];
      const effects: (() => void)[] = [];
      let failedFirst: unknown;
      let broken: Error | undefined;
      const onClientError = (error: Error) => (broken = error);
      client.on('error', onClientError);
      const gather = inOnePiece(connectionOf(client));
      const send = (statement: () => Promise<unknown>): void => {
        gather();
        const sent = statement();
        unawaited.push(sent);
        sent.catch((error: unknown) => (failedFirst ??= error));
      };
      try {
        send(() => client.query('BEGIN'));
        const result = await work({
          ...queryable(client, gather),
          write: (sql, params = []) => send(() => client.query(prepared(sql, params))),
          afterCommit: (effect) => effects.push(effect),
        });
        send(() => commit(client));
        await Promise.all(unawaited);
        for (const effect of effects) effect();
        return result;
      } catch (error) {
        const cause = isAborted(error) ? (failedFirst ?? error) : error;
        if (isPlanOutdated(cause)) broken ??= cause;
        // Where nothing is answered a ROLLBACK is not either: with its connection the transaction ends.
        if (isUnanswered(cause)) broken = cause;
        else await client.query('ROLLBACK').catch((rollbackError: unknown) => (broken = rollbackError as Error));
        throw asContentRefused(cause);
      } finally {
        client.off('error', onClientError);
        client.release(broken);
      }
    },
    listen: (channel, onNotify, onLost) => listen({ connectionString: options.url, application_name: `${options.applicationName ?? 'expunge'} listen`, ...PATIENCE }, channel, onNotify, onLost),
    close: () => endWithin(pool.end()),
  };
}

/** pg's types leave it out that every client has its connection. */
const connectionOf = (client: pg.PoolClient): Writable => (client as unknown as { readonly connection: { readonly stream: Writable } }).connection.stream;

/** PostgreSQL answers the COMMIT of a transaction that has failed with a ROLLBACK, and without an error. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new TransactionRolledBack('the transaction was rolled back at its commit');
}

class TransactionRolledBack extends Error {
  override readonly name = 'TransactionRolledBack';
}

/** What follows a failed statement in its transaction fails for that alone. */
const isAborted = (error: unknown): boolean => error instanceof TransactionRolledBack || (error instanceof pg.DatabaseError && error.code === '25P02');

/** A migration changed what a prepared statement returns: a new connection prepares it anew. */
const isPlanOutdated = (error: unknown): error is pg.DatabaseError => error instanceof pg.DatabaseError && error.code === '0A000';

const statementNames = new Map<string, string>();

/** Statements with parameters are few and come again: each connection plans them once. */
function prepared(sql: string, params: readonly unknown[]): pg.QueryConfig {
  if (params.length === 0) return { text: sql };
  let name = statementNames.get(sql);
  if (name === undefined) {
    name = createHash('sha256').update(sql).digest('base64url').slice(0, 24);
    statementNames.set(sql, name);
  }
  return { name, text: sql, values: [...params] };
}

const INT8 = 20;
const types = new pg.TypeOverrides();
types.setTypeParser(INT8, Number);

/** pg's word, which has no code, for a statement without an answer within query_timeout. */
const isUnanswered = (error: unknown): error is Error => error instanceof Error && error.message === 'Query read timeout';

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
