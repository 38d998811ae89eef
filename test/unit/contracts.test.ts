import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  airflowTriggers, airflowResults, deletionEvents, MessageFault, notifications, parseAirflowResult, parseAirflowTrigger, parseServiceDeletionRequest, parseServiceEvent,
  parseUserDeletionRequest, serviceDeletionRequests, serviceEvents, tenantLifecycleEvents, userDeletionRequests, type RawMessage,
} from '../../contracts/topics/index.js';
import { awkwardInputs, hostileInputs, INCOMING_TOPICS, type IncomingTopic } from '../support/hostile-inputs.js';

const parsers: Record<IncomingTopic, (message: RawMessage) => unknown> = {
  'users.deletion.request': parseUserDeletionRequest,
  'tenant.service.deletion.request': parseServiceDeletionRequest,
  'tenant.service.events': parseServiceEvent,
  'airflow.pipeline.trigger': parseAirflowTrigger,
  'airflow.pipeline.result': parseAirflowResult,
};

interface Sample { readonly topic: string; readonly key: string; readonly headers: Record<string, string>; readonly value: Record<string, unknown> }
const OWN = /^(users|tenant|airflow|notifications|deletion)\./;
const folder = new URL('../samples/', import.meta.url);
const samples = readdirSync(folder).filter((file) => OWN.test(file)).map((file) => ({ file, ...(JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Sample) }));

/** Reads a sample by its topic's schema and gives its partition key. */
function read({ topic, key, headers, value }: Sample): { value: unknown; key: string } {
  const message = { key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)), headers };
  switch (topic) {
    case 'users.deletion.request': { const v = parseUserDeletionRequest(message); return { value: v, key: userDeletionRequests.partitionKeyOf(v) }; }
    case 'tenant.service.deletion.request': { const v = parseServiceDeletionRequest(message); return { value: v, key: serviceDeletionRequests.partitionKeyOf(v) }; }
    case 'tenant.service.events': { const v = parseServiceEvent(message); return { value: v, key: serviceEvents.partitionKeyOf(v) }; }
    case 'airflow.pipeline.trigger': { const v = parseAirflowTrigger(message); return { value: v, key: airflowTriggers.partitionKeyOf(v) }; }
    case 'airflow.pipeline.result': { const v = parseAirflowResult(message); return { value: v, key: airflowResults.partitionKeyOf(v) }; }
    case 'notifications.send': { const v = notifications.notification.parse(value); return { value: v, key: notifications.partitionKeyOf(v) }; }
    case 'tenant.lifecycle.events': { const v = tenantLifecycleEvents.tenantLifecycleEvent.parse(value); return { value: v, key: tenantLifecycleEvents.partitionKeyOf(v) }; }
    case 'nova.deletion.events': { const v = deletionEvents.deletionEvent.parse(value); return { value: v, key: deletionEvents.partitionKeyOf(v) }; }
    default: throw new Error(`no schema for ${topic}`);
  }
}

describe('the sample messages', () => {
  it('are all there', () => expect(samples).toHaveLength(10));
  it.each(samples)('$file reads as it is written, under its key', (sample) => {
    const found = read(sample);
    expect(found).toEqual({ value: sample.value, key: sample.key });
  });
  it.each(samples.filter(({ topic }) => /^(notifications|tenant\.lifecycle|nova)/.test(topic)))('$file goes out byte for byte as in the sample', (sample) => {
    expect(JSON.stringify(read(sample).value)).toBe(JSON.stringify(sample.value));
  });
});

describe.each(INCOMING_TOPICS)('%s', (topic) => {
  const parse = parsers[topic];
  const hostile = hostileInputs(topic);

  it('is tried with enough that is hostile, each under a name of its own', () => {
    expect(hostile.length).toBeGreaterThanOrEqual(40);
    expect(new Set(hostile.map(({ name }) => name)).size).toBe(hostile.length);
  });

  it.each(hostile)('refuses $name', (input) => {
    let fault: unknown;
    try {
      parse(input);
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(MessageFault);
    expect((fault as MessageFault).message.length).toBeLessThan(500);
  });

  it.each(awkwardInputs(topic))('takes $name', (input) => {
    const value = parse(input);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const text = JSON.stringify(value);
    expect(text).not.toContain('\\u0000');
    expect(text).not.toContain('\\ud83d');
    expect(text).not.toContain('polluted');
    expect(text.length).toBeLessThan(12_000);
  });
});

const user = (change: Record<string, unknown> = {}, payload: Record<string, unknown> = {}): RawMessage => ({
  key: null,
  value: Buffer.from(JSON.stringify({ eventId: 'e-1', traceId: 't-1', timestamp: '2026-02-11T10:00:00Z', payload: { userId: 'u-1', reason: 'r', source: 's', ...payload }, ...change })),
});
const faultOf = (work: () => unknown): MessageFault => {
  try {
    work();
  } catch (error) {
    if (error instanceof MessageFault) return error;
    throw error;
  }
  throw new Error('no fault');
};

describe('a fault', () => {
  it('names field, value and remedy', () => {
    const fault = faultOf(() => parseServiceDeletionRequest({ key: null, value: Buffer.from(JSON.stringify({ traceId: 't', payload: { tenantId: 'tenant/1' } })) }));
    expect(fault).toMatchObject({ code: 'INVALID_FIELD', field: 'payload.tenantId' });
    expect(fault.message).toBe('payload.tenantId must be 1 to 64 characters of A-Z a-z 0-9 . _ : - (found "tenant/1").');
  });
  it('says that a field is missing', () => {
    expect(faultOf(() => parseUserDeletionRequest(user({ eventId: undefined })))).toMatchObject({ code: 'MISSING_FIELD', field: 'eventId' });
  });
  it.each([
    ['a user id', user({}, { userId: 'jane doe@example.org' }), 'jane'],
    ['a user id as event id', user({ eventId: 'jane@example.org' }), 'jane'],
    ['a reason', user({}, { reason: ['jane'] }), 'jane'],
    ['what is not JSON', { key: null, value: Buffer.from('jane@example.org') }, 'jane'],
  ])('does not repeat %s', (_, message, secret) => {
    expect(faultOf(() => parseUserDeletionRequest(message)).message).not.toContain(secret);
  });
  it('does not repeat a Kafka key, which may be a person', () => {
    const [input] = hostileInputs('tenant.service.deletion.request').filter(({ name }) => name === 'a Kafka key of another tenant');
    const fault = faultOf(() => parseServiceDeletionRequest(input!));
    expect(fault.code).toBe('KEY_MISMATCH');
    expect(fault.message).not.toContain('99999');
  });
  it.each([
    ['NULL_VALUE', null], ['NOT_JSON', Buffer.from('{')], ['INVALID_UTF8', Buffer.from([0xff])], ['NOT_AN_OBJECT', Buffer.from('[]')], ['TOO_LARGE', Buffer.alloc(2_000_000, ' ')],
    ['DUPLICATE_FIELD', Buffer.from('{"a":1,"a":1}')], ['TOO_DEEP', Buffer.from(`{"a":${'['.repeat(80)}${']'.repeat(80)}}`)],
  ])('has the code %s', (code, value) => {
    expect(faultOf(() => parseUserDeletionRequest({ key: null, value })).code).toBe(code);
  });
});

describe('free text', () => {
  it('is cut with an ellipsis, never through a character', () => {
    const { reason } = parseUserDeletionRequest(user({}, { reason: `x${'🔑'.repeat(2000)}` })).payload;
    expect(reason).toHaveLength(1000);
    expect(reason.endsWith('🔑…')).toBe(true);
  });
  it('loses NULs and keeps the rest', () => {
    expect(parseUserDeletionRequest(user({}, { reason: 'a\u0000b', source: '\ud83d!' })).payload).toMatchObject({ reason: 'ab', source: '\uFFFD!' });
  });
});

describe('a result', () => {
  const result = (change: Record<string, unknown>) => parseAirflowResult({ key: null, value: Buffer.from(JSON.stringify({ jobId: 'j', airflowRunId: 'r', status: 'FAILURE', timestamp: '2026-02-11T10:00:00Z', metadata: {}, error: 'x', ...change })) });
  it.each([['NO_ERASER', 'NO_ERASER'], ['DISK_ON_FIRE', 'DAG_FAILED'], [17, 'DAG_FAILED'], ['RESULT_TIMEOUT', 'DAG_FAILED'], [null, undefined], [undefined, undefined]])('with the error code %j says %j', (given, understood) => {
    expect(result({ errorCode: given }).errorCode).toBe(understood);
  });
});
