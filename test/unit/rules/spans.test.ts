import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { aboutAnswer, aboutCall, askedOf } from '../../../activities/span-attributes.rules.js';
import { MessageFault } from '../../../contracts/topics/index.js';
import { about } from '../../../platform/tracing/about.js';
import { failureOf } from '../../../platform/tracing/failure.rules.js';

const USER = 'ann@example.com';

test('of an error a span knows its code or class and where it was thrown, and nothing that it says', () => {
  const thrown = [
    new MessageFault('INVALID_FIELD', `payload.userId is "${USER}"`, 'payload.userId'),
    Object.assign(new Error(`connect as ${USER}`), { code: 'ECONNREFUSED' }),
    ApplicationFailure.create({ type: 'DatabaseError', message: USER }),
    Object.assign(new Error('x'), { name: `Error of ${USER}`, code: `code ${USER}`, stack: `Error: ${USER}\n  and ${USER}\n    at here (file.ts:1:2)` }),
  ];
  expect(thrown.map((error) => failureOf(error).type)).toEqual(['INVALID_FIELD', 'ECONNREFUSED', 'DatabaseError', 'Error']);
  expect(failureOf(thrown[3]).where).toBe('    at here (file.ts:1:2)');
  expect(JSON.stringify(thrown.map(failureOf))).not.toContain(USER);
  expect(failureOf(USER)).toEqual({ type: 'string', where: '' });
});

test('of a call and its answer a span tells ids, numbers and codes, and no person’s words', () => {
  const call = { requestId: 'req-1', kind: 'user', runId: 'run-1', step: 3, attempt: 2, failureCode: 'DAG_FAILED', cause: USER, act: { by: USER, reason: USER }, takeOver: { why: USER } };
  expect(about(aboutCall(call))).toEqual({ 'expunge.request_id': 'req-1', 'expunge.step': 3, 'expunge.attempt': 2, 'expunge.failure_code': 'DAG_FAILED' });
  expect(about(aboutAnswer({ outcome: 'claimed', status: 'SENT_TO_AIRFLOW', attempt: 1, joined: [USER], why: USER }))).toEqual({ 'expunge.outcome': 'claimed', 'expunge.status': 'SENT_TO_AIRFLOW', 'expunge.attempt': 1 });
  expect(about({ requestId: 'req-1', lane: null, subjectRef: undefined })).toEqual({ 'expunge.request_id': 'req-1' });
});

test('a call is about a request or, when it names none, about a tenant', () => {
  expect(askedOf({ requestId: 'req-1', tenantId: 't-1' })).toEqual({ requestId: 'req-1' });
  expect(askedOf('t-1')).toEqual({ tenantId: 't-1' });
  expect(askedOf({ tenantId: 't-1', act: {} })).toEqual({ tenantId: 't-1' });
  expect(askedOf(undefined)).toEqual({});
});
