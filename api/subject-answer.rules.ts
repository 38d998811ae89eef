import type { SubjectAnswer } from '../contracts/api/subjects.js';
import { OWNER_OF_KIND } from '../contracts/names/index.js';
import type { SubjectRecord } from '../store/subjects/read.js';

/** What the API says of a subject. */
export const subjectAnswerOf = ({ subjectRefs, counts, tombstone }: SubjectRecord): SubjectAnswer => ({
  subjectRefs: [...subjectRefs],
  total: counts.reduce((sum, { count }) => sum + count, 0),
  stored: counts.map(({ kind, count, hidden, since }) => ({ kind, owner: OWNER_OF_KIND[kind], count, hidden, since: since.toISOString() })),
  erased: tombstone ? { at: tombstone.erasedAt.toISOString(), requestId: tombstone.requestId } : null,
});
