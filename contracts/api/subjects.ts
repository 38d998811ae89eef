import { z } from 'zod';
import { OWNER_OF_KIND, SUBJECT_KINDS, type OwnerService } from '../names/index.js';

const time = z.iso.datetime({ offset: true });

/** What is stored of one kind. */
const stored = z.object({
  kind: z.enum(SUBJECT_KINDS),
  owner: z.enum(Object.values(OWNER_OF_KIND) as [OwnerService, ...OwnerService[]]),
  /** What is hidden (softly deleted) is stored, and counted. */
  count: z.int(),
  hidden: z.int(),
  /** When the oldest of them was first told of, by the producer's clock. */
  since: time,
});

/** `GET /api/v1/subjects/{subjectRef}` and `GET /api/v1/subjects/by-user/{userId}`: by the events that have passed, without content. */
export const subjectAnswer = z.object({
  /** The newest first: several while the pepper is being changed. */
  subjectRefs: z.array(z.string()).min(1),
  total: z.int(),
  /** Kinds of which there is nothing are left out. */
  stored: z.array(stored),
  /** The latest erasure. */
  erased: z.object({ at: time, requestId: z.string() }).nullable(),
});
export type SubjectAnswer = z.output<typeof subjectAnswer>;
