import { z } from 'zod';
import { MESSAGE_FAULT_CODES } from '../topics/index.js';
import { oneOf, rowLimit } from './lists.js';

const time = z.iso.datetime({ offset: true });
const errorClass = oneOf(MESSAGE_FAULT_CODES);

/** Where a dead letter lies: `<topic>:<partition>:<offset>`, the topic without `.dlq`. */
export const deadLetterId = z.string().regex(/^[A-Za-z0-9._-]{1,200}:\d{1,9}:\d{1,15}$/, 'must be <topic>:<partition>:<offset>');

/** @param topics those whose dead letters are kept */
export const deadLetterListQuery = (topics: readonly string[]) => z.strictObject({
  topic: oneOf(topics).optional().meta({ description: 'The topic that it came on' }),
  errorClass: errorClass.optional().meta({ description: 'What was wrong with it' }),
  limit: rowLimit.meta({ description: 'The newest so many of what each topic’s latest 500 hold' }),
});

const letter = z.object({
  id: z.string(),
  topic: z.string(),
  /** When it was kept. */
  at: time,
  errorClass: z.string().nullable(),
  errorMessage: z.string().nullable(),
  /** When it died for the first time, however often it was replayed since. */
  firstSeen: z.string().nullable(),
  replays: z.int(),
  /** Who replayed it last. */
  replayedBy: z.string().nullable(),
});

/** `GET /api/v1/dead-letters`. */
export const deadLetterList = z.object({ items: z.array(letter) });
export type DeadLetterList = z.output<typeof deadLetterList>;

/** `GET /api/v1/dead-letters/{id}`. Whatever may be personal is masked. */
export const deadLetterAnswer = letter.extend({
  key: z.string().nullable(),
  bytes: z.int().meta({ description: 'Size of the value' }),
  value: z.unknown().meta({ description: 'The value as JSON, its texts masked but for those that name no person; a description of it when it is no JSON' }),
  headers: z.record(z.string(), z.string()).meta({ description: 'The headers that it came with, masked but for those of tracing' }),
});
export type DeadLetterAnswer = z.output<typeof deadLetterAnswer>;

/** `POST /api/v1/dead-letters/replay`: which are handed to their topic again. @param topics those whose dead letters are kept */
export const replayRequest = (topics: readonly string[]) => z.strictObject({
  topic: oneOf(topics).meta({ description: 'The topic that they came on' }),
  errorClass: errorClass.optional(),
  maxReplays: z.int('must be a whole number').min(0).max(1_000).optional().meta({ description: 'Leaves those alone that were replayed more often' }),
  limit: z.int('must be a whole number').min(1).max(500).default(100),
  dryRun: z.boolean({ error: 'must be true or false' }).optional().meta({ description: 'Say which it would be, and replay none' }),
  expect: z.int('must be a whole number').min(0).max(500).optional().meta({ description: 'Refused, and none replayed, unless it is exactly so many' }),
});
export type ReplayRequest = z.input<ReturnType<typeof replayRequest>>;

/** What was handed to its topic again. */
export const replayedAnswer = z.object({
  replayed: z.array(z.string()).meta({ description: 'Ids of those that were handed over; none in a dry run' }),
  letters: z.array(letter).meta({ description: 'Those that were chosen, as they lie there' }),
});
export type ReplayedAnswer = z.output<typeof replayedAnswer>;
