import { readFileSync } from 'node:fs';

/** A message to try a topic with. */
export interface TryInput {
  readonly name: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Record<string, string>;
}

export const INCOMING_TOPICS = ['users.deletion.request', 'tenant.service.deletion.request', 'tenant.service.events', 'airflow.pipeline.trigger', 'airflow.pipeline.result'] as const;
export type IncomingTopic = (typeof INCOMING_TOPICS)[number];

type Json = Record<string, unknown>;

interface Sample {
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: Json;
}

const SAMPLE_FILES: Record<IncomingTopic, string> = {
  'users.deletion.request': 'users.deletion.request.json',
  'tenant.service.deletion.request': 'tenant.service.deletion.request.json',
  'tenant.service.events': 'tenant.service.events.json',
  'airflow.pipeline.trigger': 'airflow.pipeline.trigger.service.json',
  'airflow.pipeline.result': 'airflow.pipeline.result.failure.json',
};

/** The good message that the inputs of a topic are made from. */
export const goodSample = (topic: IncomingTopic): Sample => JSON.parse(readFileSync(new URL(`../samples/${SAMPLE_FILES[topic]}`, import.meta.url), 'utf8')) as Sample;

interface Shape {
  /** Dotted path of each field that must be there, by what it is. */
  readonly ids: readonly string[];
  readonly personIds: readonly string[];
  readonly derivedIds: readonly string[];
  readonly times: readonly string[];
  readonly flags: readonly string[];
  readonly optionalFlags: readonly string[];
  readonly texts: readonly string[];
  readonly objects: readonly string[];
}

const SHAPES: Record<IncomingTopic, Shape> = {
  'users.deletion.request': { ids: ['eventId', 'traceId'], personIds: ['payload.userId'], derivedIds: [], times: ['timestamp'], flags: [], optionalFlags: ['payload.dryRun'], texts: ['payload.reason', 'payload.source'], objects: ['payload'] },
  'tenant.service.deletion.request': { ids: ['traceId', 'payload.tenantId', 'payload.serviceType', 'payload.serviceInstanceId'], personIds: ['payload.requestedBy'], derivedIds: [], times: ['payload.timestamp'], flags: ['payload.gdprMode'], optionalFlags: ['payload.dryRun'], texts: [], objects: ['payload'] },
  'tenant.service.events': { ids: ['eventId', 'tenantId', 'serviceType', 'serviceInstanceId'], personIds: [], derivedIds: [], times: ['timestamp'], flags: [], optionalFlags: [], texts: [], objects: [] },
  'airflow.pipeline.trigger': { ids: ['traceId', 'payload.conf.tenant_id', 'payload.conf.target_service', 'payload.conf.target_instance'], personIds: [], derivedIds: ['jobId'], times: [], flags: ['payload.conf.dry_run'], optionalFlags: [], texts: [], objects: ['payload', 'payload.conf'] },
  'airflow.pipeline.result': { ids: [], personIds: [], derivedIds: ['jobId'], times: ['timestamp'], flags: [], optionalFlags: [], texts: ['error', 'airflowRunId'], objects: ['metadata'] },
};

const ABSENT = Symbol('absent');

function withField(value: Json, path: string, field: unknown): Json {
  const copy = structuredClone(value);
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  const parent = steps.reduce<Json>((object, step) => object[step] as Json, copy);
  if (field === ABSENT) Reflect.deleteProperty(parent, last);
  else parent[last] = field;
  return copy;
}

const BAD_IDS: readonly (readonly [string, unknown])[] = [
  ['empty', ''], ['with a slash', 'a/b'], ['with a blank', 'a b'], ['with a line break', 'a\n'], ['with a NUL', 'a\u0000b'], ['with a bell', 'a\u0007'],
  ['that is __proto__', '__proto__'], ['that is constructor', 'constructor'], ['that is prototype', 'prototype'], ['that is ..', '..'], ['that is .', '.'],
  ['with a letter beyond ASCII', 'ключ'], ['with a percent', 'a%2Fb'], ['with a quote', "a'--"], ['that is a number', 42], ['that is null', null], ['that is true', true], ['that is a list', ['a']], ['that is an object', { id: 'a' }],
];
const BAD_TIMES: readonly (readonly [string, unknown])[] = [
  ['without a zone', '2026-02-11T10:00:00'], ['that is a date', '2026-02-11'], ['in the thirteenth month', '2026-13-11T10:00:00Z'], ['on 30 February', '2026-02-30T10:00:00Z'],
  ['at 25 hours', '2026-02-11T25:00:00Z'], ['that is a number', 1770804000000], ['that is empty', ''], ['that is words', 'yesterday'], ['that is null', null], ['in a zone of 99 hours', '2026-02-11T10:00:00+99:00'], ['with a blank in the middle', '2026-02-11 10:00:00Z'], ['in the year 0', '0000-01-01T00:00:00Z'],
];
const BAD_FLAGS: readonly (readonly [string, unknown])[] = [['that is a string', 'true'], ['that is a number', 1], ['that is null', null], ['that is a list', []]];
const BAD_TEXTS: readonly (readonly [string, unknown])[] = [['that is a number', 7], ['that is a list', ['text']], ['that is an object', {}]];
const BAD_OBJECTS: readonly (readonly [string, unknown])[] = [['that is null', null], ['that is a list', []], ['that is a string', '{}'], ['that is a number', 0]];

const RAW: readonly (readonly [string, Buffer | null])[] = [
  ['no value at all', null],
  ['an empty value', Buffer.alloc(0)],
  ['blanks', Buffer.from('  \n\t ')],
  ['words', Buffer.from('not json')],
  ['half an object', Buffer.from('{"eventId": "e-1", "payload": {')],
  ['an object and more', Buffer.from('{} {}')],
  ['JSON with a comment', Buffer.from('{} // good')],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"eventId":"e-1"}', 'utf16le')],
  ['bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['NULs', Buffer.alloc(64)],
  ['null', Buffer.from('null')],
  ['a number', Buffer.from('123')],
  ['NaN', Buffer.from('{"eventId": NaN}')],
  ['a string', Buffer.from('"{}"')],
  ['a list', Buffer.from('[{}]')],
  ['an empty object', Buffer.from('{}')],
  ['an Avro message', Buffer.from([0, 0, 0, 0, 42, 12, 117, 115, 101, 114, 95, 49])],
  ['900 KB of letters', Buffer.alloc(900_000, 'x')],
  ['900 KB in a string', Buffer.from(`{"eventId":"${'x'.repeat(900_000)}"}`)],
  ['100,000 lists in each other', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
  ['100,000 objects in each other', Buffer.from(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
];

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Messages that must end as dead letters; at least 40 for each topic. */
export function hostileInputs(topic: IncomingTopic): TryInput[] {
  const { key, headers, value } = goodSample(topic);
  const shape = SHAPES[topic];
  const input = (name: string, bytes: Buffer | null, otherKey: Buffer | null = Buffer.from(key), otherHeaders = headers): TryInput => ({ name, key: otherKey, value: bytes, headers: otherHeaders });
  const bad = (paths: readonly string[], faults: readonly (readonly [string, unknown])[]): TryInput[] =>
    paths.flatMap((path) => faults.map(([what, field]) => input(`${path} ${what}`, json(withField(value, path, field)), null)));
  const required = [...shape.ids, ...shape.personIds, ...shape.derivedIds, ...shape.times, ...shape.flags, ...shape.texts, ...shape.objects].filter((path) => !path.startsWith('payload.conf.t'));
  const text = JSON.stringify(value);
  const first = Object.keys(value)[0] ?? '';
  return [
    ...RAW.map(([name, bytes]) => input(name, bytes)),
    ...required.map((path) => input(`${path} missing`, json(withField(value, path, ABSENT)))),
    ...bad([...shape.ids, ...shape.personIds, ...shape.derivedIds], BAD_IDS),
    ...bad([...shape.ids, ...shape.personIds], [['of 65 characters', 'a'.repeat(65)], ['with a tilde', 'a~b']]),
    ...bad(shape.ids, [['with an at sign', 'a@b'], ['with a plus', 'a+b']]),
    ...bad(shape.derivedIds, [['of 161 characters', 'a'.repeat(161)]]),
    ...bad(shape.times, BAD_TIMES),
    ...bad([...shape.flags, ...shape.optionalFlags], BAD_FLAGS),
    ...bad(shape.texts, BAD_TEXTS),
    ...bad(shape.objects, BAD_OBJECTS),
    input('a field named twice', Buffer.from(`${text.slice(0, -1)},${text.slice(1)}`)),
    input('a field named twice, once escaped', Buffer.from(`${text.slice(0, -1)},"\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${first.slice(1)}":"other"}`)),
    input('a field deeper than anything means', Buffer.from(`${text.slice(0, -1)},"extra":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)),
    ...special(topic, value, input),
  ];
}

type MakeInput = (name: string, bytes: Buffer | null, key?: Buffer | null, headers?: Record<string, string>) => TryInput;

function special(topic: IncomingTopic, value: Json, input: MakeInput): TryInput[] {
  switch (topic) {
    case 'users.deletion.request':
      return [];
    case 'tenant.service.deletion.request':
      return [
        input('a Kafka key of another tenant', json(value), Buffer.from('tenant-99999')),
        input('an empty Kafka key', json(value), Buffer.alloc(0)),
        input('a Kafka key that is no text', json(value), Buffer.from([0xff, 0x00, 0xfe])),
        input("another tenant in the body's key", json(withField(value, 'key', 'tenant-99999'))),
        input("a number in the body's key", json(withField(value, 'key', 12345))),
      ];
    case 'tenant.service.events':
      return [
        input('a Kafka key of another tenant', json(value), Buffer.from('tenant-99999')),
        input('a header of the other type', json(value), null, { event_type: 'service.deprovisioned' }),
        input('an eventType that is none', json(withField(value, 'eventType', 'service.renamed')), null, {}),
        input('an eventType missing', json(withField(value, 'eventType', ABSENT))),
        input('dependsOn missing', json(withField(value, 'dependsOn', ABSENT))),
        input('dependsOn that is null', json(withField(value, 'dependsOn', null))),
        input('dependsOn that is a string', json(withField(value, 'dependsOn', 'srv-db-001'))),
        input('dependsOn with a number', json(withField(value, 'dependsOn', ['srv-db-001', 7]))),
        input('dependsOn with a slash', json(withField(value, 'dependsOn', ['a/b']))),
        input('dependsOn of 1001 instances', json(withField(value, 'dependsOn', Array.from({ length: 1001 }, (_, n) => `srv-${n}`)))),
      ];
    case 'airflow.pipeline.trigger':
      return [
        input('no subject in conf', json(withField(value, 'payload.conf', { dry_run: false }))),
        input('two subjects in conf', json(withField(value, 'payload.conf.user_id', 'user_888'))),
        input('an instance without its service', json(withField(value, 'payload.conf.target_service', ABSENT))),
        input('a dag_id with a slash', json(withField(value, 'payload.dag_id', '../admin'))),
        input('a dag_id missing', json(withField(value, 'payload.dag_id', ABSENT))),
        input('a user id that is a number', json(withField(value, 'payload.conf', { user_id: 888, dry_run: false }))),
      ];
    case 'airflow.pipeline.result': {
      const text = JSON.stringify(value);
      return [
        ...['DONE', 'success', '', null, 1].map((status) => input(`the status ${JSON.stringify(status)}`, json(withField(value, 'status', status)))),
        input('the status missing', json(withField(value, 'status', ABSENT))),
        input('an airflowRunId that is empty', json(withField(value, 'airflowRunId', ''))),
        input('an airflowRunId of 251 characters', json(withField(value, 'airflowRunId', 'r'.repeat(251)))),
        ...['"150"', 'null', 'true', '[]', '{"n":1}', '1e999', '-1e999'].map((count) => input(`a count that is ${count}`, Buffer.from(text.replace('"metadata":{}', `"metadata":{"files_deleted":${count}}`)))),
        input('a count that is NaN', Buffer.from(text.replace('"metadata":{}', '"metadata":{"files_deleted":NaN}'))),
        input('1001 counts', json(withField(value, 'metadata', Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`n${n}`, n]))))),
      ];
    }
  }
}

/** Messages that look odd and are good. */
export function awkwardInputs(topic: IncomingTopic): TryInput[] {
  const { key, headers, value } = goodSample(topic);
  const shape = SHAPES[topic];
  const input = (name: string, bytes: Buffer, otherKey: Buffer | null = Buffer.from(key)): TryInput => ({ name, key: otherKey, value: bytes, headers });
  const text = JSON.stringify(value);
  const anyId = (path: string, id: string): Json => withField(value, path, id);
  return [
    input('as it is', json(value)),
    input('without a Kafka key', json(value), null),
    input('behind a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), json(value)])),
    input('with blanks and line breaks', Buffer.from(`\n${JSON.stringify(value, null, 4)}\r\n`)),
    input('with fields that nobody knows', json({ ...value, schemaVersion: 7, nested: { list: [1, { a: null }], text: 'ключ 鍵 🔑' } })),
    input('with 100 KB of fields that nobody knows', json({ ...value, ...Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`extra${n}`, 'x'.repeat(90)])) })),
    input('with a field named __proto__', Buffer.from(`${text.slice(0, -1)},"__proto__":{"dryRun":true,"polluted":true},"constructor":{"prototype":{"polluted":true}}}`)),
    input('with a NUL in a field that nobody knows', json({ ...value, note: 'a\u0000b' })),
    input('with everything escaped', Buffer.from(text.replaceAll('d', '\\u0064'))),
    ...shape.ids.filter((path) => path !== 'payload.tenantId' && path !== 'tenantId').map((path) => input(`${path} of 64 characters`, json(anyId(path, `${'Aa0._:-'.repeat(9)}Z`)))),
    ...shape.ids.filter((path) => path !== 'payload.tenantId' && path !== 'tenantId').map((path) => input(`${path} of one character`, json(anyId(path, '0')))),
    ...shape.personIds.map((path) => input(`${path} that is a mail address`, json(anyId(path, 'jo+news@example.org')), null)),
    ...shape.derivedIds.map((path) => input(`${path} of 160 characters with tildes`, json(anyId(path, `del_req_tenant~${'t'.repeat(140)}~12~2`)), null)),
    ...shape.times.flatMap((path) =>
      ['2026-02-11T10:00:00.123456789Z', '2026-02-11T10:00Z', '2026-02-11T15:30:00+05:30', '2026-02-11T10:00:00-0800', '2026-02-11T10:00:00+00', '2026-02-11t10:00:00z', '2016-12-31T23:59:60Z', '2028-02-29T00:00:00Z', '1999-12-31T23:59:59,5Z'].map((time) =>
        input(`${path} of ${time}`, json(withField(value, path, time))),
      ),
    ),
    ...shape.texts.filter((path) => path !== 'airflowRunId').flatMap((path) => [
      input(`${path} with NULs`, json(withField(value, path, 'gdpr\u0000request\u0000'))),
      input(`${path} with half a surrogate pair`, json(withField(value, path, 'broken \ud83d here'))),
      input(`${path} of 20,000 characters`, json(withField(value, path, '鍵🔑'.repeat(10_000)))),
      input(`${path} that is empty`, json(withField(value, path, ''))),
      input(`${path} with markup`, json(withField(value, path, "<script>alert('x')</script>'; DROP TABLE deletions; --"))),
    ]),
    ...shape.optionalFlags.flatMap((path) => [true, false].map((flag) => input(`${path} ${flag}`, json(withField(value, path, flag))))),
    ...awkwardSpecial(topic, value, input),
  ];
}

function awkwardSpecial(topic: IncomingTopic, value: Json, input: (name: string, bytes: Buffer, key?: Buffer | null) => TryInput): TryInput[] {
  switch (topic) {
    case 'users.deletion.request':
      return [input('a Kafka key that is not the user', json(value), Buffer.from('account-17'))];
    case 'tenant.service.deletion.request':
      return [input("without the body's key", json(withField(value, 'key', ABSENT))), input("with null as the body's key", json(withField(value, 'key', null))), input('with a service type that nobody knows', json(withField(value, 'payload.serviceType', 'quantum-cache')))];
    case 'tenant.service.events':
      return [input('that depends on nothing', json(withField(value, 'dependsOn', []))), input('that depends on the same twice', json(withField(value, 'dependsOn', ['srv-db-001', 'srv-db-001'])))];
    case 'airflow.pipeline.trigger':
      return [input('with more in conf', json(withField(value, 'payload.conf.job_id', 'del_req_x~2'))), input('for a lane', json(withField(value, 'payload.dag_id', 'service_cleanup_dag__heavy')))];
    case 'airflow.pipeline.result':
      return [
        input('with the job of nobody as key', json(value), Buffer.from('manual__2026')),
        input('with an error code that nobody knows', json({ ...value, errorCode: 'DISK_ON_FIRE' })),
        input('with an error code that is a number', json({ ...value, errorCode: 17 })),
        input('with a known error code', json({ ...value, errorCode: 'NO_ERASER' })),
        input('with null as error', json(withField(value, 'error', null))),
        input('with counts of every size', json(withField(value, 'metadata', { zero: 0, less: -1, half: 0.5, most: Number.MAX_VALUE, 'a\u0000b': 1 }))),
      ];
  }
}
