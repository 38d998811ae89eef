import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJsonObject, derivedId, incomingId, MessageFault, normaliseTime, parseUserDeletionRequest, personId, storableText } from '../../contracts/topics/index.js';

const RESERVED = ['__proto__', 'constructor', 'prototype', '.', '..'];
const ofChars = (chars: string, maxLength: number) => fc.string({ unit: fc.constantFrom(...Array.from(chars)), minLength: 1, maxLength }).filter((id) => !RESERVED.includes(id));
const PLAIN = 'ABZabz09._:-';

describe('ids', () => {
  it('take every allowed text', () => {
    fc.assert(fc.property(ofChars(PLAIN, 64), (id) => incomingId.parse(id) === id));
    fc.assert(fc.property(ofChars(`${PLAIN}@+`, 64), (id) => personId.parse(id) === id));
    fc.assert(fc.property(ofChars(`${PLAIN}~`, 160), (id) => derivedId.parse(id) === id));
  });
  it('refuse every text with anything else in it', () => {
    const alien = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((char) => !/^[A-Za-z0-9._:-]$/.test(char));
    fc.assert(fc.property(fc.string({ maxLength: 20 }), alien, fc.string({ maxLength: 20 }), (before, char, after) => !incomingId.safeParse(before + char + after).success));
  });
  it('hold only what fits a URL, a workflow id and a run id', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 70 }), (text) => !incomingId.safeParse(text).success || (encodeURIComponent(text).replaceAll('%3A', ':') === text && text.length <= 64)));
  });
  it.each(RESERVED)('refuse the reserved %s', (word) => {
    for (const schema of [incomingId, personId, derivedId]) expect(schema.safeParse(word).success).toBe(false);
  });
});

describe('times', () => {
  it.each([
    ['2026-02-11T10:00:00Z', '2026-02-11T10:00:00Z'],
    ['2026-02-11T10:00Z', '2026-02-11T10:00:00Z'],
    ['2026-02-11T10:00:00.123456789+0530', '2026-02-11T10:00:00.123456+05:30'],
    ['2026-02-11t10:00:00,5z', '2026-02-11T10:00:00.5Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999999Z'],
    ['2024-02-29T00:00:00-08', '2024-02-29T00:00:00-08:00'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ])('%s is %s', (given, written) => expect(normaliseTime(given)).toBe(written));
  it.each(['2026-02-29T00:00:00Z', '0000-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59-01:00', '2026-02-11T24:00:00Z', '+12026-02-11T10:00:00Z', '2026-02-11T10:00:00Z '])('%s is none', (given) => expect(normaliseTime(given)).toBeUndefined());
  it('mean the same instant after as before', () => {
    fc.assert(fc.property(fc.date({ min: new Date('1000-01-01T00:00:00Z'), max: new Date('9000-01-01T00:00:00Z'), noInvalidDate: true }), (date) => Date.parse(normaliseTime(date.toISOString()) ?? '') === date.getTime()));
  });
});

describe('storable text', () => {
  it('has no NUL, no lone surrogate and no more than its length, and good text stays as it is', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('\u0000', '\ud83d', '\udd11', 'a', '鍵', '🔑') }), fc.integer({ min: 1, max: 40 }), (text, max) => {
      const stored = storableText(text, max);
      expect(stored.length).toBeLessThanOrEqual(max);
      expect(stored).not.toContain('\u0000');
      expect(Buffer.from(stored).toString()).toBe(stored);
    }));
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\u0000')), (text) => storableText(text, 1000) === text));
  });
});

describe('JSON objects', () => {
  it('are read as JSON.parse reads them, if they mean one thing', () => {
    fc.assert(fc.property(fc.dictionary(fc.string().filter((name) => name !== '__proto__'), fc.jsonValue({ maxDepth: 4 })), (object) => {
      const text = JSON.stringify(object);
      if (text.includes('__proto__')) return;
      expect(decodeJsonObject(Buffer.from(text))).toEqual(JSON.parse(text));
    }));
  });
  it('tell a repeated name from the same name in another object, and from a string', () => {
    expect(decodeJsonObject(Buffer.from('{"a":{"a":1,"b":["a","a"]},"b":"a\\",\\"a","c":[{"a":1},{"a":1}]}'))).toMatchObject({ a: { a: 1 } });
    for (const text of ['{"a":1,"b":2,"a":3}', '{"b":[{"a":1,"\\u0061":2}]}', '{"":1,"":2}']) expect(() => decodeJsonObject(Buffer.from(text))).toThrow(MessageFault);
  });
  it('never take anything but a fault from any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseUserDeletionRequest({ key: null, value: Buffer.from(bytes) });
      } catch (error) {
        expect(error).toBeInstanceOf(MessageFault);
      }
    }));
  });
});
