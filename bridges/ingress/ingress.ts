import type { IncomingMessage, MessageHandler } from '../../bus/messages.js';
import { consumerGroup, TOPICS } from '../../contracts/names/index.js';
import { MessageFault, parseServiceDeletionRequest, parseServiceEvent, parseUserDeletionRequest, traceContext } from '../../contracts/topics/index.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import { inBatches } from '../../platform/batching.js';
import type { Policies } from '../../platform/policies.js';
import type { SubjectRefs } from '../../platform/subject-ref.js';
import { ContentRefused, type Database } from '../../store/database.js';
import { applyServiceEvent } from '../../store/inventory/service-events.js';
import { deletionEvent } from '../../store/ledger/outgoing.js';
import { LiveUnderAnotherRef, receiveAll, RequestIdConflict, type NewRequest, type Received } from '../../store/ledger/receive.js';
import { noteEcho } from '../../store/ledger/echo.js';
import { describeDeletion } from '../../platform/tracing/about.js';
import { currentPlace } from '../../platform/tracing/spans.js';
import { at } from '../../store/ledger/places.js';
import { contentChecked } from '../content-checked.js';
import { eventTimeOf } from '../event-time.js';
import { createSlots } from '../slots.js';
import { traced } from '../spans.js';
import { fromServiceRequest, fromUserDeleted, fromUserRequest, type RequestDraft } from './requests.js';
import type { StartOrJoin } from './start-or-join.js';
import { userDeletedIn, type UserDeletedFound } from './user-deleted.js';

export interface IngressDeps {
  readonly database: Database;
  readonly startOrJoin: StartOrJoin;
  readonly policies: Policies;
  readonly subjectRefs: SubjectRefs;
  /** Names `<prefix>.deletion.events`. */
  readonly topicPrefix: string;
  /** Where the service of identities tells of users. */
  readonly identityTopic: string;
  /** Wait after a soft deletion, during which it can be cancelled. */
  readonly softDeleteGraceMs: number;
  readonly metrics: Pick<Metrics, 'requestConflicts' | 'identityEchoes' | 'eventsAhead'>;
  readonly log: Log;
}

/** What PostgreSQL refuses for its content is the fault of one message, not of those that came with it. */
const IN_BATCHES = { mostItems: 200, mayBeOfOne: (error: unknown) => error instanceof ContentRefused };

/** Requests in hand enter the ledger together. What each asks of PostgreSQL or of Temporal by itself goes so many at once. */
const AT_ONCE = 64;

/** The handlers of everything that comes in for the ledger and the inventory, by topic. */
export function createIngress(deps: IngressDeps): Record<string, MessageHandler> {
  const { database, policies, subjectRefs } = deps;
  // Told from the beginning, so that the first one is seen to be more than none.
  deps.metrics.eventsAhead.inc({ topic: TOPICS.serviceEvents }, 0);
  const receive = inBatches<NewRequest, Received>((requests) => receiveAll(database, requests), IN_BATCHES);
  const slots = createSlots(() => AT_ONCE);
  const acceptOf = ({ signal }: IncomingMessage) => (draft: RequestDraft): Promise<void> =>
    accept(deps, receive, (toStart) => slots.within('starts', signal, () => deps.startOrJoin(toStart)), draft);
  /** A user whose deletion was received under an older pepper is known by that until it is done. */
  const acceptUser = async (message: IncomingMessage, userId: string, draftFor: (subjectRef: string) => RequestDraft): Promise<void> => {
    const acceptDraft = acceptOf(message);
    try {
      await acceptDraft(draftFor(subjectRefs.current(userId)));
    } catch (error) {
      if (!(error instanceof LiveUnderAnotherRef)) throw error;
      await acceptDraft(draftFor(error.subjectRef));
    }
  };
  /** Of the many events of users only the deletions are traced. */
  const identityGone = ({ requestId, value }: UserDeletedFound): MessageHandler => traced('ingress', async (message) => {
    const { user_id: userId, deleted_at: deletedAt } = value;
    const echoOf = await slots.within('events', message.signal, () => contentChecked(() => noteEcho(database, { requestId, subjectRefs: subjectRefs.candidates(userId), deletedAt: new Date(deletedAt) })));
    if (echoOf !== undefined) {
      deps.metrics.identityEchoes.inc();
      deps.log.info({ requestId, erasedBy: echoOf }, 'a user was deleted whose erasure is done already');
      return;
    }
    await acceptUser(message, userId, (subjectRef) => fromUserDeleted(value, requestId, message, subjectRef, deps));
  });
  return {
    [TOPICS.userDeletionRequest]: traced('ingress', async (message) => {
      const value = parseUserDeletionRequest(message);
      await acceptUser(message, value.payload.userId, (subjectRef) => fromUserRequest(value, message, subjectRef, policies));
    }),
    [deps.identityTopic]: async (message) => {
      const found = userDeletedIn(message);
      if (found) await identityGone(found)(message);
    },
    [TOPICS.serviceDeletionRequest]: traced('ingress', async (message) => {
      await acceptOf(message)(fromServiceRequest(parseServiceDeletionRequest(message), message, policies));
    }),
    [TOPICS.serviceEvents]: traced('ingress', async (message) => {
      const event = parseServiceEvent(message);
      const timestamp = eventTimeOf(deps, message.topic, new Date(event.timestamp), { eventId: event.eventId, tenantId: event.tenantId });
      await slots.within('events', message.signal, () => contentChecked(() => applyServiceEvent(database, consumerGroup('ingress'), { ...event, timestamp })));
    }),
  };
}

/** Enters a request into the ledger, and starts its workflow unless that is done already. */
async function accept(deps: IngressDeps, receive: (request: NewRequest) => Promise<Received>, startOrJoin: StartOrJoin, draft: RequestDraft): Promise<void> {
  const { input } = draft;
  const requested = deletionEvent(deps.topicPrefix, { requestId: input.requestId, n: 1, eventType: 'deletion.requested', input, status: 'PENDING', attempt: 0, jobId: null, occurredAt: new Date() });
  // Everything that the deletion does later stands under the span of this receipt.
  const place = currentPlace() ?? traceContext(draft.traceparent, draft.tracestate);
  const messages = [at(requested, place)];
  describeDeletion({ requestId: input.requestId, kind: input.subject.kind, lane: input.policy.lane, ...(input.subject.kind === 'user' ? { subjectRef: input.subject.subjectRef } : { tenantId: input.subject.tenantId }) });
  const received = await contentChecked(async () => {
    try {
      return await receive({ ...draft, ...place, messages });
    } catch (error) {
      if (!(error instanceof RequestIdConflict)) throw error;
      deps.metrics.requestConflicts.inc();
      deps.log.error({ requestId: input.requestId }, 'a request id came for a second subject; kept as a dead letter');
      throw new MessageFault('REQUEST_ID_TAKEN', error.message);
    }
  });
  describeDeletion({ status: received.status, outcome: received.isNew ? 'received' : 'known' });
  if (!received.toStart) return;
  const outcome = await startOrJoin(received.toStart);
  deps.log.info({ requestId: input.requestId, kind: input.subject.kind, isNew: received.isNew }, `request ${outcome}`);
}
