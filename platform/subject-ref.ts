import { createHmac } from 'node:crypto';

/** One secret that user ids are hashed with; `version` is part of every reference made with it. */
export interface Pepper {
  readonly version: number;
  readonly secret: string;
}

/** Names users where their id must not be: workflow ids, search attributes, logs, metrics. */
export interface SubjectRefs {
  /** The reference to write: by the newest pepper. */
  current(userId: string): string;
  /** Every reference that the user may be known by, the newest first; for look-ups. */
  candidates(userId: string): string[];
}

/** Hex digits kept of the HMAC: 160 bits, more than the 128 that a collision search would have to beat. */
const DIGITS = 40;

/**
 * subjectRefs are `v<pepper version>.` and an HMAC-SHA256 of the user id, in characters that ids may hold.
 * Without the pepper a reference tells nothing, even of a short id that could be guessed.
 * @param peppers newest first.
 * @throws RangeError when there is none.
 */
export function createSubjectRefs(peppers: readonly Pepper[]): SubjectRefs {
  const [newest] = peppers;
  if (!newest) throw new RangeError('No pepper: subject references need at least one');
  const refWith = ({ version, secret }: Pepper, userId: string): string =>
    `v${version}.${createHmac('sha256', secret).update(userId, 'utf8').digest('hex').slice(0, DIGITS)}`;
  return {
    current: (userId) => refWith(newest, userId),
    candidates: (userId) => peppers.map((pepper) => refWith(pepper, userId)),
  };
}
