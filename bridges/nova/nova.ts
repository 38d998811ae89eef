import type { MessageHandler } from '../../bus/messages.js';
import { SUBJECT_KINDS, type NovaTopics } from '../../contracts/names/index.js';
import { novaEventIdOf, novaTopicNames, parseNovaEvent } from '../../contracts/topics/index.js';
import { inBatches } from '../../platform/batching.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { SubjectRefs } from '../../platform/subject-ref.js';
import { ContentRefused, type Database } from '../../store/database.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import type { Resurrection, SubjectEvent, SubjectEventOutcome, SubjectOwner } from '../../store/subjects/batch.rules.js';
import { contentChecked } from '../content-checked.js';
import { eventTimeOf } from '../event-time.js';
import { subjectEventOf } from './subject-event.rules.js';

export interface NovaDeps {
  readonly database: Database;
  readonly subjectRefs: SubjectRefs;
  readonly topics: NovaTopics;
  readonly metrics: Pick<Metrics, 'subjectEvents' | 'subjectEventDelay' | 'eventsAhead' | 'resurrections'>;
  readonly log: Log;
}

/** Events that are written in one transaction at the most. */
export const MOST_AT_ONCE = 500;

/** The handlers of the Nova bus, by topic: each event goes into the subject inventory; types that nobody here knows are passed over. */
export function createNova({ database, subjectRefs, topics, metrics, log }: NovaDeps): Record<string, MessageHandler> {
  // Told from the beginning, so that the first one is seen to be more than none.
  for (const kind of SUBJECT_KINDS) metrics.resurrections.inc({ kind }, 0);
  metrics.subjectEvents.inc({ type: 'unknown', outcome: 'skipped' }, 0);
  for (const topic of novaTopicNames(topics)) metrics.eventsAhead.inc({ topic }, 0);
  const apply = inBatches<SubjectEvent, SubjectEventOutcome>(async (events) => {
    const { outcomes, resurrections } = await applySubjectEvents(database, events);
    for (const found of resurrections) tellOf(found);
    return outcomes;
  }, { mostItems: MOST_AT_ONCE, mayBeOfOne: (error) => error instanceof ContentRefused });

  const tellOf = ({ subjectRef, kind, at }: Resurrection): void => {
    metrics.resurrections.inc({ kind });
    log.error({ subjectRef, kind, at }, 'something exists about a subject that was erased');
  };

  const ownerOf = (userId: string): SubjectOwner => {
    const [newest, ...older] = subjectRefs.candidates(userId);
    if (newest === undefined) throw new RangeError('a user has no reference');
    return { userId, subjectRefs: [newest, ...older] };
  };

  const handle: MessageHandler = async (message) => {
    const event = parseNovaEvent(message);
    if (!event) {
      metrics.subjectEvents.inc({ type: 'unknown', outcome: 'skipped' });
      return;
    }
    const said = subjectEventOf(event, novaEventIdOf(message), ownerOf);
    const at = eventTimeOf({ metrics, log }, message.topic, said.at, { eventId: said.eventId, type: event.type });
    const outcome = await contentChecked(() => apply({ ...said, at }));
    metrics.subjectEvents.inc({ type: event.type, outcome });
    metrics.subjectEventDelay.observe(Math.max(0, Date.now() - message.timestampMs) / 1_000);
  };
  return Object.fromEntries(novaTopicNames(topics).map((topic) => [topic, handle]));
}
