import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../contracts/names/index.js';
import type { TemporalConfig } from '../../platform/config.js';
import { grpcErrorOf } from '../../platform/grpc-error.js';
import type { Log } from '../../platform/log.js';
import { ClientFault } from '../faults.js';
import { oncePossible, type SetupStep, type Wait } from './steps.js';

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const GRPC = { invalidArgument: 3, notFound: 5, alreadyExists: 6, permissionDenied: 7, failedPrecondition: 9, unimplemented: 12, unauthenticated: 16 } as const;
const LASTING = new Set<number>([GRPC.invalidArgument, GRPC.permissionDenied, GRPC.failedPrecondition, GRPC.unimplemented, GRPC.unauthenticated]);

/** temporal.api.enums.v1.IndexedValueType, as far as it is used. */
const VALUE_TYPES = { KEYWORD: 2, BOOL: 5 } as const;

export interface TemporalSetup {
  readonly temporal: TemporalConfig;
  /** Of the namespace, should it be made: how long ended workflows can be looked at. */
  readonly retentionMs: number;
  readonly waitMs: number;
  readonly log: Log;
}

/** Makes the namespace and its search attributes where they are missing. @throws ClientFault */
export async function setUpTemporal({ temporal, retentionMs, waitMs, log }: TemporalSetup): Promise<SetupStep[]> {
  const { namespace, connection: options } = temporal;
  const wait: Wait = { what: `Temporal at ${options.address ?? 'localhost:7233'} (TEMPORAL_ADDRESS)`, waitMs, log, refusal };
  const connection = await oncePossible(() => Connection.connect({ ...options, connectTimeout: Math.min(waitMs, 5_000) }), wait);
  try {
    const madeNamespace = await oncePossible(() => makeNamespace(connection, namespace, retentionMs), wait);
    const madeAttributes = await oncePossible(() => addSearchAttributes(connection, namespace), wait);
    // A cluster takes a moment to know them everywhere, and refuses workflows that name them until then.
    await oncePossible(async () => {
      const missing = missingOf(await customAttributes(connection, namespace));
      if (missing.length > 0) throw new Error(`not known everywhere yet: ${missing.map(({ name }) => name).join(', ')}`);
    }, wait);
    return [
      { part: 'temporal', what: `namespace ${namespace}`, made: madeNamespace ? [namespace] : [] },
      { part: 'temporal', what: `${Object.keys(SEARCH_ATTRIBUTES).length} search attributes`, made: madeAttributes },
    ];
  } finally {
    await connection.close();
  }
}

async function makeNamespace({ workflowService }: Connection, namespace: string, retentionMs: number): Promise<boolean> {
  try {
    await workflowService.describeNamespace({ namespace });
    return false;
  } catch (error) {
    if (codeOf(error) !== GRPC.notFound) throw error;
  }
  try {
    // protobufjs takes a number where its types ask for a Long.
    const seconds = Math.ceil(retentionMs / 1_000) as never;
    await workflowService.registerNamespace({ namespace, description: 'Data deletions, by Expunge', workflowExecutionRetentionPeriod: { seconds } });
    return true;
  } catch (error) {
    if (codeOf(error) === GRPC.alreadyExists) return false; // another set-up was faster
    throw error;
  }
}

const WANTED = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => ({ name, type, value: VALUE_TYPES[type] }));

const missingOf = (known: Readonly<Record<string, number>>): typeof WANTED => WANTED.filter(({ name }) => known[name] === undefined);

async function customAttributes({ operatorService }: Connection, namespace: string): Promise<Readonly<Record<string, number>>> {
  return (await operatorService.listSearchAttributes({ namespace })).customAttributes;
}

async function addSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const known = await customAttributes(connection, namespace);
  const others = WANTED.filter(({ name, value }) => known[name] !== undefined && known[name] !== value);
  if (others.length > 0) {
    throw new ClientFault('refused', `the namespace ${namespace} has search attributes of another type: ${others.map(({ name, type }) => `${name} must be ${type}`).join(', ')}. Remove them (temporal operator search-attribute remove), or use a namespace of its own (TEMPORAL_NAMESPACE).`);
  }
  const missing = missingOf(known);
  if (missing.length === 0) return [];
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing.map(({ name, value }) => [name, value])) });
  } catch (error) {
    if (codeOf(error) !== GRPC.alreadyExists) throw error; // else another set-up was faster
  }
  return missing.map(({ name }) => name);
}

const codeOf = (error: unknown): number | undefined => grpcErrorOf(error)?.code;

/** What waiting would not mend, in words. */
export function refusal(error: unknown): string | undefined {
  if (error instanceof ClientFault) return error.message;
  const code = codeOf(error);
  if (code === undefined || !LASTING.has(code)) return undefined;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error as Error;
  const byHand = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name} ${type}`).join(', ');
  return code === GRPC.unimplemented || code === GRPC.permissionDenied
    ? `${cause.message}. This client may not change the namespace (on Temporal Cloud nobody may, this way): make it by hand, with these search attributes: ${byHand}.`
    : cause.message;
}
