import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { airflowResultOf, joinOf, personActOf } from '../../../workflows/inputs.rules.js';
import { aDeletion } from '../../support/ledger-rows.js';

/** What a stranger may send: anything that JSON can say, and objects with the right names and wrong values. */
const anything = fc.oneof(
  fc.anything(),
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom('by', 'reason', 'requestId', 'attempt', 'status', 'failureCode', 'input', 'subject', 'policy', 'graceMs'), fc.oneof(fc.jsonValue(), fc.constantFrom('SUCCESS', 'FAILURE', 1, 2.5))),
);

test('no input of a signal makes the workflow fail, and what comes of it is of the known form', () => {
  fc.assert(fc.property(anything, (input) => {
    const act = personActOf(input);
    expect(Object.keys(act).every((key) => ['by', 'reason', 'requestId'].includes(key))).toBe(true);
    for (const text of Object.values(act) as unknown[]) expect(typeof text === 'string' && text.length > 0 && text.length <= 1000).toBe(true);

    const result = airflowResultOf(input);
    if (result) {
      expect(typeof result.requestId).toBe('string');
      expect(Number.isInteger(result.attempt)).toBe(true);
      expect(['SUCCESS', 'FAILURE']).toContain(result.status);
      expect('failureCode' in result).toBe(result.status === 'FAILURE');
    }
    const join = joinOf(input);
    if (join) expect(typeof join.input.requestId).toBe('string');
  }), { numRuns: 2_000 });
});

describe('who and why', () => {
  test('are taken as given, at their longest cut', () => {
    expect(personActOf({ by: 'olga', reason: 'asked by phone', requestId: 'r-1', more: 1 })).toEqual({ by: 'olga', reason: 'asked by phone', requestId: 'r-1' });
    expect(personActOf({ by: 'o'.repeat(100), reason: 'r'.repeat(5_000), requestId: 'i'.repeat(500) })).toEqual({ by: 'o'.repeat(64), reason: 'r'.repeat(1_000), requestId: 'i'.repeat(160) });
  });
  test.each([[undefined], [null], [7], ['olga'], [['olga']], [{}], [{ by: 7, reason: null, requestId: '' }]])('are nobody and nothing for %j', (input) => {
    expect(personActOf(input)).toEqual({});
  });
});

describe('a result', () => {
  test('is taken as given', () => {
    expect(airflowResultOf({ requestId: 'r', attempt: 1, status: 'SUCCESS' })).toEqual({ requestId: 'r', attempt: 1, status: 'SUCCESS' });
    expect(airflowResultOf({ requestId: 'r', attempt: 2, status: 'FAILURE', failureCode: 'NO_ERASER' })).toEqual({ requestId: 'r', attempt: 2, status: 'FAILURE', failureCode: 'NO_ERASER' });
  });
  test('with a code that is not known is a failure of the DAG', () => {
    for (const failureCode of [undefined, null, 'ODD', 7]) expect(airflowResultOf({ requestId: 'r', attempt: 1, status: 'FAILURE', failureCode })?.failureCode).toBe('DAG_FAILED');
  });
  test('of SUCCESS carries no code', () => {
    expect(airflowResultOf({ requestId: 'r', attempt: 1, status: 'SUCCESS', failureCode: 'NO_ERASER' })).toEqual({ requestId: 'r', attempt: 1, status: 'SUCCESS' });
  });
  test.each([[undefined], ['SUCCESS'], [{}], [{ requestId: 'r', attempt: '1', status: 'SUCCESS' }], [{ requestId: 'r', attempt: 1.5, status: 'SUCCESS' }], [{ requestId: 'r', attempt: 1, status: 'success' }], [{ attempt: 1, status: 'SUCCESS' }]])('is none in %j', (input) => {
    expect(airflowResultOf(input)).toBeUndefined();
  });
});

describe('a join', () => {
  const { input } = aDeletion();
  test('is taken as given', () => {
    expect(joinOf({ input })).toEqual({ input });
  });
  test.each(['requestId', 'subject', 'policy', 'graceMs'])('without %s is none', (field) => {
    expect(joinOf({ input: { ...input, [field]: undefined } })).toBeUndefined();
  });
  test.each([[undefined], [{}], [{ input: null }], [{ input: [] }], [input]])('is none in %j', (given) => {
    expect(joinOf(given)).toBeUndefined();
  });
});

test('what a person wrote is text that the ledger can hold, also where it was cut in two', () => {
  expect(personActOf({ by: 'a\u0000nn', reason: 'left \uD83D behind \uDE00', requestId: 'r' })).toEqual({ by: 'ann', reason: 'left \uFFFD behind \uFFFD', requestId: 'r' });
  expect(personActOf({ by: '\u0000' })).toEqual({});
  expect(personActOf({ reason: 'gone 😀' })).toEqual({ reason: 'gone 😀' });
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 1_100 }), (reason) => {
    const found = personActOf({ reason }).reason ?? '';
    expect(found).not.toContain('\u0000');
    expect(Buffer.from(found).toString()).toBe(found);
  }));
  expect(personActOf({ reason: `${'x'.repeat(999)}😀` }).reason).toBe(`${'x'.repeat(999)}\uFFFD`);
});
