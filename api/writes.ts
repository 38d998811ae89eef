import { randomBytes, randomUUID } from 'node:crypto';
import { BusOutage } from '../bus/producer-errors.js';
import type { OutgoingRecord } from '../bus/messages.js';
import { sendTraced } from '../bridges/spans.js';
import { actOnDeletion, eraseTenant } from '../client/acts.js';
import type { ActDeps, Actor, DeletionAct } from '../client/acts.js';
import type { Connections } from '../client/connections.js';
import { ClientFault } from '../client/faults.js';
import { serviceRequest, userRequest } from '../client/request-messages.rules.js';
import type { RequestMakings, RequestMessage } from '../client/request-messages.rules.js';
import type { DeletionRequest } from '../contracts/api/requests.js';
import type { ActAnswer } from '../contracts/names/index.js';
import type { ProblemName } from '../contracts/api/problems.js';
import { within } from '../platform/deadline.js';
import { currentPlace, inSpan, SpanKind } from '../platform/tracing/spans.js';
import { Problem } from './problem.js';

/** Who reads for an act: within the fence of whoever acts. */
export type ActReads = ActDeps['api'];

/**
 * What changes something: a request goes to Kafka, where all others come in, and an act to the workflow that carries the deletion.
 * Nothing is written to the ledger here. All throw Problems: `refused`, `invalid-request`, `unavailable`.
 */
export interface ApiWrites {
  /** The message that a request will be. */
  prepare(asked: DeletionRequest, person: string): RequestMessage;
  publish(record: OutgoingRecord): Promise<void>;
  act(reads: ActReads, act: DeletionAct, requestId: string, actor: Actor): Promise<ActAnswer>;
  eraseTenant(reads: ActReads, tenantId: string, actor: Actor): Promise<ActAnswer>;
}

/** The `source` of requests that came through the API. */
const SOURCE = 'expunge-api';
/** Whoever called does not wait for longer. */
const ANSWER_TIMEOUT_MS = 15_000;

/** @param connections are made when they are first needed, so that the API reads on while Kafka or Temporal are away */
export function createWrites(connections: Pick<Connections, 'kafka' | 'temporal'>, answerTimeoutMs = ANSWER_TIMEOUT_MS): ApiWrites {
  const acts = (api: ActReads): ActDeps => ({ temporal: () => connections.temporal(), api, answerTimeoutMs });
  return {
    prepare: (asked, person) => {
      // The id of a service's trace makes its requestId: two requests of one caller's trace must not pass for one.
      const traceId = asked.kind === 'user' ? currentPlace()?.traceparent.split('-')[1] : undefined;
      const makings: RequestMakings = { now: new Date(), newIds: { eventId: randomUUID(), traceId: traceId ?? randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') } };
      try {
        return messageOf(asked, person, makings);
      } catch (error) {
        throw problemOf(error);
      }
    },
    publish: async (record) => {
      const sent = sendTraced(connections.kafka(), [{ ...record, headers: { ...record.headers, ...currentPlace() } }]);
      const result = (await within(sent, answerTimeoutMs)) ? (await sent)[0] : undefined;
      if (result?.ok) return;
      const again = 'Ask again under the same eventId or traceId: it is then asked only once.';
      if (!result || result.error instanceof BusOutage) throw new Problem('unavailable', `Kafka has not taken the request. ${again}`, { cause: result?.error ?? new Error(`no answer from Kafka within ${answerTimeoutMs} ms`) });
      throw new Problem('internal', 'Kafka refuses the request; the API’s log says why.', { cause: result.error });
    },
    act: (reads, act, requestId, actor) => asProblem(updating(act, () => actOnDeletion(acts(reads), act, requestId, actor))),
    eraseTenant: (reads, tenantId, actor) => asProblem(updating('erase', () => eraseTenant(acts(reads), tenantId, actor))),
  };
}

/** Under a span named as Temporal's SDKs name it. */
const updating = <T>(update: string, ask: () => Promise<T>): Promise<T> => inSpan(`UpdateWorkflow:${update}`, { kind: SpanKind.CLIENT }, ask);

function messageOf(asked: DeletionRequest, person: string, makings: RequestMakings): RequestMessage {
  switch (asked.kind) {
    case 'user': {
      const { userId, reason, eventId, traceId, dryRun } = asked;
      return userRequest({ userId, reason, eventId, traceId, dryRun, source: SOURCE, requestedBy: person }, makings);
    }
    case 'service': {
      const { tenantId, serviceType, serviceInstanceId, gdprMode, eventId, traceId = eventId, dryRun } = asked;
      return serviceRequest({ tenantId, serviceType, serviceInstanceId, gdprMode, traceId, dryRun, requestedBy: person }, makings);
    }
  }
}

async function asProblem<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw problemOf(error);
  }
}

const PROBLEM_OF: Readonly<Record<ClientFault['kind'], ProblemName>> = { usage: 'invalid-request', 'not-found': 'unknown-request', refused: 'refused', failed: 'refused', unreachable: 'unavailable' };

function problemOf(error: unknown): unknown {
  if (!(error instanceof ClientFault)) return error;
  return new Problem(PROBLEM_OF[error.kind], error.message, error.kind === 'unreachable' ? { cause: error.cause ?? error } : {});
}
