import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Config } from './config.js';
import { grpcErrorOf } from './grpc-error.js';
import type { Log } from './log.js';
import { untilReachable } from './patience.js';
import { temporalCalls } from './temporal-calls.js';

type TemporalPart = Pick<Config, 'temporal'>;

interface ConnectOptions {
  readonly log: Log;
  /** Ends the wait for a server that is not there. */
  readonly signal?: AbortSignal | undefined;
}

/** A client for the configured namespace, and its connection's end. */
export interface TemporalClient {
  readonly client: Client;
  readonly connection: Connection;
  close(): Promise<void>;
}

/** gRPC's INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED: the server was reached and said no. */
const REFUSALS = new Set([3, 5, 7, 16]);

const worthRetrying = (error: unknown): boolean => {
  const code = grpcErrorOf(error)?.code;
  return code === undefined || !REFUSALS.has(code);
};

const serverName = ({ temporal }: TemporalPart): string => `Temporal at ${temporal.connection.address ?? 'localhost:7233'}`;

/** As Connection.connect, which leaves a channel that goes on dialling behind when it fails. */
async function connectOnce({ temporal }: TemporalPart): Promise<Connection> {
  const connection = Connection.lazy({ ...temporal.connection, interceptors: temporalCalls() });
  try {
    await connection.ensureConnected();
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * Connects a client over gRPC; waits out a server that is not there yet.
 * @throws the server's refusal (wrong API key, no permission), and the signal's reason when it aborts.
 */
export async function connectClient(config: TemporalPart, { log, signal }: ConnectOptions): Promise<TemporalClient> {
  const connection = await untilReachable(() => connectOnce(config), {
    what: serverName(config), log, signal, worthRetrying,
  });
  return { client: new Client({ connection, namespace: config.temporal.namespace }), connection, close: () => connection.close() };
}

/**
 * Connects what workers poll with; waits out a server that is not there yet. The caller closes it, after its workers have stopped.
 * @throws the server's refusal, and the signal's reason when it aborts.
 */
export async function connectWorker(config: TemporalPart, { log, signal }: ConnectOptions): Promise<NativeConnection> {
  return untilReachable(() => NativeConnection.connect(config.temporal.connection), {
    what: serverName(config), log, signal, worthRetrying,
  });
}
