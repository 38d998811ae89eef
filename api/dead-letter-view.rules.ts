import { createHash } from 'node:crypto';
import { DEAD_LETTER_HEADERS } from '../bus/dead-letters.js';
import type { StoredMessage } from '../bus/read-topic.js';
import type { DeadLetterAnswer, DeadLetterList } from '../contracts/api/dead-letters.js';
import { TOPICS } from '../contracts/names/index.js';
import { headerText } from '../contracts/topics/index.js';

/** Fields whose texts name no person. */
const SHOWN = new Set([
  'eventId', 'event_id', 'traceId', 'timestamp', 'key', 'source', 'tenantId', 'serviceType', 'serviceInstanceId', 'dependsOn', 'eventType', 'event_type', 'status', 'jobId', 'airflowRunId', 'errorCode',
  'dag_id', 'tenant_id', 'target_service', 'target_instance',
]);
const SHOWN_HEADERS = /^(traceparent|tracestate|b3|x-b3-.+|event_id|event_type|content-type)$/i;
/** The key of these is a tenant or a job; of any other it may be a user. */
const KEYS_SHOWN: ReadonlySet<string> = new Set([TOPICS.serviceDeletionRequest, TOPICS.serviceEvents, TOPICS.airflowResult]);
const PLAIN = /^[A-Za-z0-9._:~-]{1,160}$/;
const MAX_DEPTH = 8;
const MAX_ITEMS = 50;

const topicOf = ({ topic }: StoredMessage): string => topic.replace(/\.dlq$/, '');

/** Where a letter lies, as `GET /api/v1/dead-letters/{id}` wants it. */
export const letterIdOf = (letter: StoredMessage): string => `${topicOf(letter)}:${letter.partition}:${letter.offset}`;

/** What is said of a letter in a list. Its error message quotes no personal data: contracts see to that. */
export function listedLetterOf(letter: StoredMessage): DeadLetterList['items'][number] {
  const header = (name: keyof typeof DEAD_LETTER_HEADERS): string | null => headerText(letter.headers, DEAD_LETTER_HEADERS[name]) ?? null;
  const replays = Number(header('replays') ?? 0);
  return {
    id: letterIdOf(letter), topic: topicOf(letter), at: new Date(letter.timestampMs).toISOString(), errorClass: header('errorClass'), errorMessage: header('errorMessage'),
    firstSeen: header('firstSeen'), replays: Number.isSafeInteger(replays) ? replays : 0, replayedBy: header('replayedBy'),
  };
}

/** A letter with whatever may be personal masked. */
export function letterAnswerOf(letter: StoredMessage): DeadLetterAnswer {
  const own: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));
  const names = Object.keys(letter.headers).filter((name) => !own.has(name));
  return {
    ...listedLetterOf(letter),
    key: letter.key === null ? null : KEYS_SHOWN.has(topicOf(letter)) && PLAIN.test(letter.key.toString()) ? letter.key.toString() : masked(letter.key.toString()),
    bytes: letter.value?.length ?? 0,
    value: maskedValue(letter.value),
    headers: Object.fromEntries(names.map((name) => {
      const text = headerText(letter.headers, name) ?? '';
      return [name.slice(0, 100), SHOWN_HEADERS.test(name) && PLAIN.test(text) ? text : masked(text)];
    })),
  };
}

function maskedValue(value: Buffer | null): unknown {
  if (value === null) return null;
  try {
    return maskedJson(JSON.parse(value.toString()) as unknown, '', 0);
  } catch {
    return `<no JSON, ${value.length} bytes>`;
  }
}

function maskedJson(value: unknown, field: string, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return SHOWN.has(field) ? value : '<number>';
  if (typeof value === 'string') return SHOWN.has(field) && PLAIN.test(value) ? value : masked(value);
  if (typeof value !== 'object' || depth >= MAX_DEPTH) return '<nested too deep>';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => maskedJson(item, field, depth + 1));
  // A name may be anything as well: one that the contracts do not know the like of is not shown.
  return Object.fromEntries(Object.entries(value).slice(0, MAX_ITEMS).map(([name, inner], n) => [/^[A-Za-z_]{1,40}$/.test(name) ? name : `<field ${n + 1}>`, maskedJson(inner, name, depth + 1)]));
}

const masked = (text: string): string => `<text of ${text.length} characters>`;

/** What tells a message from others, however often it died: its key and its bytes. */
export const sameMessage = ({ key, value }: StoredMessage): string => createHash('sha256').update(key ?? '').update('\0').update(value ?? '').digest('base64');
