import type { SubjectKind } from '../../contracts/names/index.js';
import type { Database } from '../../store/database.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import type { SubjectEvent } from '../../store/subjects/batch.rules.js';

/** Whose inventory is kept. */
export interface TestSubject {
  readonly userId: string;
  readonly subjectRef: string;
}

/** An event of the bus about an item of a subject, as the role that keeps the index reads it. */
export const subjectEvent = ({ userId, subjectRef }: TestSubject, kind: SubjectKind, itemId: string | undefined, state: SubjectEvent['state'], at = new Date()): SubjectEvent => ({
  eventId: `${kind}-${itemId ?? userId}-${state}-${at.getTime()}`,
  kind,
  ...(itemId !== undefined && { itemId }),
  state,
  at,
  owner: { userId, subjectRefs: [subjectRef] },
});

const HOUR_MS = 3_600_000;

/** Has the index know of things of a user, from an hour ago. */
export async function stored(database: Database, subject: TestSubject & { readonly posts?: number; readonly media?: number; readonly messages?: number; readonly profile?: boolean }): Promise<void> {
  const at = new Date(Date.now() - HOUR_MS);
  const some = (kind: SubjectKind, n: number | undefined): SubjectEvent[] => Array.from({ length: n ?? 0 }, (_, i) => subjectEvent(subject, kind, `${kind}-${i + 1}-of-${subject.subjectRef}`, 'live', at));
  await applySubjectEvents(database, [
    ...some('post', subject.posts),
    ...some('media', subject.media),
    ...some('message', subject.messages),
    ...(subject.profile === true ? [subjectEvent(subject, 'profile', undefined, 'live', at)] : []),
  ]);
}

/** Has the index hear that something of a user is gone. */
export async function gone(database: Database, subject: TestSubject, kind: SubjectKind, ...numbers: number[]): Promise<void> {
  await applySubjectEvents(database, numbers.map((n) => subjectEvent(subject, kind, `${kind}-${n}-of-${subject.subjectRef}`, 'gone')));
}
