import { randomBytes, randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { OutgoingRecord } from '../bus/messages.js';
import { BusOutage } from '../bus/producer-errors.js';
import type { Producer } from '../bus/producer.js';
import type { ActAnswer } from '../contracts/names/index.js';
import { actOnDeletion, eraseTenant } from './acts.js';
import type { Actor, DeletionAct } from './acts.js';
import { createApiCall } from './api-call.js';
import { deadLettersOf } from './api-dead-letters.js';
import type { DeadLetters } from './api-dead-letters.js';
import { readerOf } from './api-reader.js';
import type { ApiReader } from './api-reader.js';
import { ClientFault } from './faults.js';
import { serviceRequest, userRequest } from './request-messages.rules.js';
import type { RequestMakings, ServiceDeletionAsk, UserDeletionAsk } from './request-messages.rules.js';

/** Where the client gets its connections from; each is asked for when it is first needed. */
export interface ExpungeClientOptions {
  /** Where the API is, without a slash at its end. */
  readonly apiUrl: string;
  /** Sent to the API with every call. */
  readonly apiToken?: string | undefined;
  readonly temporal: () => Promise<Client>;
  readonly kafka: () => Producer;
  /** How long a worker's answer to an act is awaited. */
  readonly answerTimeoutMs?: number;
  readonly fetch?: typeof fetch;
}

/** A request on its way: it is in Kafka, and will be in the ledger once the ingress has read it. */
export interface Requested {
  readonly requestId: string;
  readonly traceId: string;
}

/** Everything that can be asked of Expunge from outside. Failures are ClientFaults. */
export interface ExpungeClient extends ApiReader {
  requestUserDeletion(ask: UserDeletionAsk): Promise<Requested>;
  requestServiceDeletion(ask: ServiceDeletionAsk): Promise<Requested>;
  act(act: DeletionAct, requestId: string, actor: Actor): Promise<ActAnswer>;
  eraseTenant(tenantId: string, actor: Actor): Promise<ActAnswer>;
  readonly deadLetters: DeadLetters;
  /** Sends records in order, in slices; `onSent` hears how many have been acknowledged so far. */
  publish(records: readonly OutgoingRecord[], onSent?: (sent: number) => void): Promise<void>;
}

const ANSWER_TIMEOUT_MS = 15_000;
const SLICE = 500;

/** A client of Expunge: requests go in through Kafka, acts through Temporal, and answers come from the API. */
export function createExpungeClient({ apiUrl, apiToken, temporal, kafka, answerTimeoutMs = ANSWER_TIMEOUT_MS, fetch: fetchImpl }: ExpungeClientOptions): ExpungeClient {
  const call = createApiCall(apiUrl, { token: apiToken, fetch: fetchImpl });
  const api = readerOf(call);
  const acts = { temporal, api, answerTimeoutMs };

  const publish: ExpungeClient['publish'] = async (records, onSent) => {
    for (let sent = 0; sent < records.length; ) {
      const slice = records.slice(sent, sent + SLICE);
      const results = await kafka().send(slice);
      const failed = results.find((result) => !result.ok);
      if (failed) {
        const acknowledged = sent + results.filter(({ ok }) => ok).length;
        const progress = records.length === 1 ? '' : ` ${acknowledged} of ${records.length} were sent before; sending all of them again does no harm.`;
        throw new ClientFault(failed.error instanceof BusOutage ? 'unreachable' : 'refused', `${failed.error.message}${failed.error instanceof BusOutage ? ' (KAFKA_BROKERS)' : ''}.${progress}`.replaceAll('..', '.'), { cause: failed.error });
      }
      sent += slice.length;
      onSent?.(sent);
    }
  };
  const makings = (): RequestMakings => ({ now: new Date(), newIds: { eventId: randomUUID(), traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') } });

  return {
    ...api,
    deadLetters: deadLettersOf(call),
    publish,
    requestUserDeletion: async (ask) => {
      const { record, ...requested } = userRequest(ask, makings());
      await publish([record]);
      return requested;
    },
    requestServiceDeletion: async (ask) => {
      const { record, ...requested } = serviceRequest(ask, makings());
      await publish([record]);
      return requested;
    },
    act: (act, requestId, actor) => actOnDeletion(acts, act, requestId, actor),
    eraseTenant: (tenantId, actor) => eraseTenant(acts, tenantId, actor),
  };
}
