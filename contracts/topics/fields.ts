import { z } from 'zod';

/** Names that are no ids: they mean something to JavaScript objects or in a URL's path. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype', '.', '..']);
const notReserved = (id: string): boolean => !RESERVED.has(id);
const RESERVED_MESSAGE = 'is a reserved word; use another id';

const id = (pattern: RegExp, max: number, rule: string) =>
  z
    .string({ error: `must be a string of ${rule}` })
    .max(max, `must be ${rule}`)
    .regex(pattern, `must be ${rule}`)
    .refine(notReserved, RESERVED_MESSAGE);

/** An id that comes from outside: what Airflow takes in a run id, without the `~` that derived ids are built with. */
export const incomingId = id(/^[A-Za-z0-9._:-]{1,64}$/, 64, '1 to 64 characters of A-Z a-z 0-9 . _ : -');

/** The id of a person: may be a mail address or hold a `+` as well. */
export const personId = id(/^[A-Za-z0-9._:@+-]{1,64}$/, 64, '1 to 64 characters of A-Z a-z 0-9 . _ : - @ +');

/** requestId or jobId. */
export const derivedId = id(/^[A-Za-z0-9._:~-]{1,160}$/, 160, '1 to 160 characters of A-Z a-z 0-9 . _ : - ~');

/** The id of an outgoing event: `<requestId>/<what>/<n>`. */
export const eventId = id(/^[A-Za-z0-9._:~/-]{1,250}$/, 250, '1 to 250 characters of A-Z a-z 0-9 . _ : - ~ /');

/** `v<pepper version>.<HMAC>`, never a user id. */
export const subjectRef = id(/^v\d{1,9}\.[A-Za-z0-9_-]{8,128}$/, 140, 'v<pepper version>.<hmac>');

/** The id of an Airflow DAG. */
export const dagId = id(/^[A-Za-z0-9._-]{1,250}$/, 250, '1 to 250 characters of A-Z a-z 0-9 . _ -');

/**
 * Makes any text storable: PostgreSQL takes no NUL, UTF-8 no lone surrogate.
 * Text beyond `max` UTF-16 units is cut and ends in an ellipsis.
 */
export function storableText(text: string, max: number): string {
  const clean = wellFormed(text.replaceAll('\u0000', ''));
  if (clean.length <= max) return clean;
  return `${wellFormed(clean.slice(0, max - 1)).replace(/\uFFFD$/, '')}…`;
}

/** Lone surrogates become U+FFFD, as String.prototype.toWellFormed has it (which the oldest supported Node lacks types for). */
const wellFormed = (text: string): string =>
  text.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, (match) => (match.length === 2 ? match : '\uFFFD'));

/** Free text: cleaned and cut, never refused. */
export const freeText = (max: number) => z.string({ error: 'must be a string' }).transform((text) => storableText(text, max));

const TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,18}))?)?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)$/;

/**
 * Reads an ISO 8601 date-time with a zone and writes it as PostgreSQL and Date both read it: seconds always there,
 * at most six decimals (PostgreSQL's precision), zone `Z` or `±hh:mm`; a leap second becomes the end of its minute.
 * Undefined if it is none, or if its UTC year is not 1 to 9999.
 */
export function normaliseTime(text: string): string | undefined {
  const found = TIME.exec(text);
  if (!found) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '00', fraction = '', utc, sign = '', zoneHour = '', zoneMinute = '00'] = found;
  if (Number(zoneHour) > 14 || Number(zoneMinute) > 59) return undefined;
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0));
  lastDay.setUTCFullYear(Number(year), Number(month), 0);
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > lastDay.getUTCDate()) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const leap = second === '60';
  const decimals = leap ? '999999' : fraction.slice(0, 6);
  const zone = utc === undefined ? `${sign}${zoneHour}:${zoneMinute}` : 'Z';
  const written = `${year}-${month}-${day}T${hour}:${minute}:${leap ? '59' : second}${decimals && `.${decimals}`}${zone}`;
  const utcYear = new Date(written).getUTCFullYear();
  return utcYear >= 1 && utcYear <= 9999 ? written : undefined;
}

/** A time of day on a date, with its zone. */
export const isoTime = z.string({ error: 'must be an ISO 8601 time with a zone, like 2026-02-11T10:00:00Z' }).transform((text, context) => {
  const time = normaliseTime(text);
  if (time !== undefined) return time;
  context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time with a zone, like 2026-02-11T10:00:00Z' });
  return z.NEVER;
});

/** JSON's true or false; no string, no number. */
export const flag = z.boolean({ error: 'must be true or false' });

/** A count from 0 up. */
export const count = z.int({ error: 'must be a whole number' }).nonnegative('must not be negative');
