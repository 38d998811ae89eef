import { openTcpProxy, throughProxy, type ConnectionHooks, type ProxiedConnection } from './tcp-proxy.js';

/**
 * What may happen to one statement, BEGIN and COMMIT included: PostgreSQL refuses it as it refuses the loser of a deadlock or of a
 * conflict of serialisable transactions; the connection breaks before it arrives, or after it took effect and before its answer.
 */
export const STATEMENT_FAULTS = ['deadlock', 'serialisation failure', 'cut before', 'cut after'] as const;
export type StatementFault = (typeof STATEMENT_FAULTS)[number];

/** A way to PostgreSQL on which every statement is counted, and one of them meets a fault. */
export interface FaultyWire {
  readonly url: string;
  /** Statements since the last `arm` or `disarm`. */
  statements(): number;
  /** The `nth` statement from now on, counted from 1, meets the fault; those after it do not. */
  arm(nth: number, fault: StatementFault): void;
  /** The next statement whose SQL matches meets the fault; `held`: it stays on its way, and its connection hears nothing any more. */
  armFor(sql: RegExp, fault: StatementFault | 'held'): void;
  disarm(): void;
  /** Whether the fault has happened. */
  fired(): boolean;
  close(): Promise<void>;
}

const SQL_STATES = { deadlock: ['40P01', 'deadlock detected'], 'serialisation failure': ['40001', 'could not serialize access due to concurrent update'] } as const;

const LENGTH_BYTES = 4;
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(1 + LENGTH_BYTES);
  head.write(type);
  head.writeInt32BE(body.length + LENGTH_BYTES, 1);
  return Buffer.concat([head, body]);
}

/** Cuts a stream of PostgreSQL's protocol, version 3, into its messages. */
function messagesOf(startsWithoutType: boolean): (bytes: Buffer) => { readonly type: string; readonly bytes: Buffer }[] {
  let rest = Buffer.alloc(0);
  let untyped = startsWithoutType;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const found: { type: string; bytes: Buffer }[] = [];
    for (;;) {
      const typeBytes = untyped ? 0 : 1;
      if (rest.length < typeBytes + LENGTH_BYTES) return found;
      const length = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < length) return found;
      found.push({ type: untyped ? 'startup' : String.fromCharCode(rest[0] ?? 0), bytes: rest.subarray(0, length) });
      rest = rest.subarray(length);
      untyped = false;
    }
  };
}

/** A statement that PostgreSQL itself refuses with the SQLSTATE, in whatever transaction it comes. */
function refusalOf(type: string, fault: keyof typeof SQL_STATES): Buffer {
  const [sqlState, words] = SQL_STATES[fault];
  const sql = text(`DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '${sqlState}', MESSAGE = '${words}'; END$$`);
  if (type === 'Q') return message('Q', sql);
  return Buffer.concat([message('P', text(''), sql, Buffer.alloc(2)), message('B', text(''), text(''), Buffer.alloc(6)), message('E', text(''), Buffer.alloc(4))]);
}

/** Opens a faulty way to the PostgreSQL of the URL, by its own protocol: no matter how the store sends its statements. */
export async function openFaultyWire(databaseUrl: string): Promise<FaultyWire> {
  const { hostname, port } = new URL(databaseUrl);
  let statements = 0;
  let armed: { readonly meets: (nth: number, sql: string) => boolean; readonly fault: StatementFault | 'held' } | undefined;
  let fired = false;
  const set = (next: typeof armed): void => {
    statements = 0;
    fired = false;
    armed = next;
  };

  const watch = (): ConnectionHooks => {
    const fromClient = messagesOf(true);
    const fromServer = messagesOf(false);
    /** How many answers are asked for, and how many have come: the start of a session is one. */
    let asked = 1;
    let answered = 0;
    let lost: 'until asked' | 'until answered' | undefined;
    let held = false;
    const prepared = new Map<string, string>();
    let bound = '';
    const cut = ({ client, server }: ProxiedConnection): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };

    return {
      fromClient: (bytes, connection) => {
        for (const { type, bytes: one } of fromClient(bytes)) {
          // What comes behind a statement that is lost does not arrive.
          if (held || lost === 'until answered') return;
          let onward = one;
          const [first = '', second = ''] = type === 'Q' || type === 'P' || type === 'B' ? one.subarray(1 + LENGTH_BYTES).toString('latin1').split('\0', 2) : [];
          if (type === 'P') prepared.set(first, second);
          if (type === 'B') bound = prepared.get(second) ?? '';
          if (type === 'Q' || type === 'E') {
            statements++;
            if (armed && !fired && armed.meets(statements, type === 'Q' ? first : bound)) {
              fired = true;
              const { fault } = armed;
              held = fault === 'held';
              if (held) return;
              if (fault === 'cut before') {
                cut(connection);
                return;
              }
              if (fault === 'cut after') lost = 'until asked';
              else onward = refusalOf(type, fault as keyof typeof SQL_STATES);
            }
          }
          connection.server.write(onward);
          if (type === 'Q' || type === 'S') {
            asked++;
            if (lost) lost = 'until answered';
          }
        }
      },
      fromServer: (bytes, connection) => {
        for (const { type, bytes: one } of fromServer(bytes)) {
          if (!lost) connection.client.write(one);
          if (type === 'Z') answered++;
        }
        if (lost === 'until answered' && answered === asked) cut(connection);
      },
    };
  };
  const proxy = await openTcpProxy({ host: hostname, port: Number(port) }, watch);

  return {
    url: throughProxy(databaseUrl, proxy),
    statements: () => statements,
    arm: (nth, fault) => set({ meets: (n) => n === nth, fault }),
    armFor: (sql, fault) => set({ meets: (_, statement) => sql.test(statement), fault }),
    disarm: () => set(undefined),
    fired: () => fired,
    close: () => proxy.close(),
  };
}
