/** What a client has asked of PostgreSQL over one connection or more. */
export interface SqlCount {
  /** Times that the client sent something and then waited for an answer; what is sent together counts once. */
  roundTrips: number;
  /** Statements that were run, BEGIN and COMMIT among them. */
  statements: number;
  /** Of those, commits of transactions that were begun by a statement of their own. */
  commits: number;
}

export const noSql = (): SqlCount => ({ roundTrips: 0, statements: 0, commits: 0 });

const QUERY = 'Q'.charCodeAt(0);
const EXECUTE = 'E'.charCodeAt(0);
const TYPE_AND_LENGTH_BYTES = 5;
const COMMIT = Buffer.from('COMMIT\0');

/** Counts along one connection, from its first byte. */
export interface WireCounter {
  fromClient(chunk: Buffer): void;
  fromServer(): void;
}

/**
 * Reads the frontend side of PostgreSQL's protocol 3.0 (https://www.postgresql.org/docs/current/protocol-message-formats.html),
 * unencrypted: each message has a type, a length and its content, but for the first, which has no type.
 */
export function createWireCounter(count: SqlCount): WireCounter {
  let rest: Buffer = Buffer.alloc(0);
  let started = false;
  let awaiting = false;

  /** @returns the length of the message at the front, or undefined while it has not come in whole */
  const nextLength = (): number | undefined => {
    const typeBytes = started ? 1 : 0;
    if (rest.length < typeBytes + 4) return undefined;
    const length = rest.readInt32BE(typeBytes) + typeBytes;
    return rest.length >= length ? length : undefined;
  };

  return {
    fromClient: (chunk) => {
      if (!awaiting) count.roundTrips++;
      awaiting = true;
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let length = nextLength(); length !== undefined; length = nextLength()) {
        const type = started ? rest.readUInt8(0) : undefined;
        if (type === QUERY || type === EXECUTE) count.statements++;
        if (type === QUERY && rest.subarray(TYPE_AND_LENGTH_BYTES, length).equals(COMMIT)) count.commits++;
        started = true;
        rest = rest.subarray(length);
      }
    },
    fromServer: () => {
      awaiting = false;
    },
  };
}
