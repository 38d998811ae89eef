import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DeletionAnswer } from '../../../contracts/api/deletions.js';
import type { TenantAnswer } from '../../../contracts/api/tenants.js';
import { TOPICS } from '../../../contracts/names/index.js';
import type { SeenMessages } from '../../../stack/demo/bus.js';
import { writeScript, type DeletionCase } from '../../../stack/demo/cases.js';
import { serviceOwner, tenantOwner, TENANTS, userOwner, USERS, type Holding } from '../../../stack/demo/cast.js';
import { judge, type Seen } from '../../../stack/demo/expectations.rules.js';

const script = writeScript(new Date('2026-02-11T13:00:00Z'));
const deletionCases = script.cases.filter((one): one is DeletionCase => one.kind === 'deletion');
const caseOf = (requestId: string): DeletionCase => deletionCases.find((one) => one.requestId === requestId)!;

const before = (): Map<string, Holding> =>
  new Map([
    ...USERS.map(({ userId, rows, files }) => [userOwner(userId), { rows, files }] as const),
    ...TENANTS.flatMap(({ tenantId, account, services }) => [
      [tenantOwner(tenantId), account] as const,
      ...services.map(({ instanceId, rows, files }) => [serviceOwner(tenantId, instanceId), { rows, files }] as const),
    ]),
  ]);

type Changeable<T> = { -readonly [K in keyof T]: T[K] };
interface World {
  deletions: Map<string, Changeable<DeletionAnswer>>;
  blocked: NonNullable<Seen['blocked']>;
  tenants: Map<string, TenantAnswer>;
  before: Map<string, Holding>;
  after: Map<string, Holding>;
  messages: { -readonly [K in keyof SeenMessages]: SeenMessages[K][number][] };
}

/** All that is seen when all goes as it has to. */
function allWell(): World {
  const had = before();
  const erased = new Set(deletionCases.map(({ owner }) => owner));
  const deletions = new Map(deletionCases.map(({ requestId, owner, attempts }) => {
    const counts = { db_rows_purged: had.get(owner)!.rows, files_deleted: had.get(owner)!.files };
    const tries = Array.from({ length: attempts }, (_, i) => ({
      jobId: `del_req_${requestId}${i === 0 ? '' : `~${i + 1}`}`, attempt: i + 1,
      ...(i + 1 === attempts ? { result: 'SUCCESS', failure: null } : { result: 'FAILURE', failure: { code: 'DAG_FAILED', message: 'the mailbox store is locked by a backup' } }),
    }));
    const completed = requestId === script.requests.database ? '2026-02-11T13:00:09Z' : '2026-02-11T13:00:05Z';
    return [requestId, { requestId, status: 'COMPLETED', attempts: tries, counts, joined: [], timeline: { completed }, history: [{ what: 'received', by: 'admin@demo' }, { what: 'completed', by: null }] } as unknown as DeletionAnswer];
  }));
  return {
    deletions,
    blocked: { deletion: { ...deletions.get(script.requests.database)!, status: 'FAILED', parked: true, failure: { code: 'DEPENDENCY_BLOCKED', message: '' }, attempts: [] }, holding: had.get('acme/shop-db')! },
    tenants: new Map(TENANTS.map(({ tenantId }) => [tenantId, { tenantId, status: tenantId === 'globex' ? 'ERASED' : 'ACTIVE' } as TenantAnswer])),
    before: had,
    after: new Map([...had].map(([owner, holding]) => [owner, erased.has(owner) ? { rows: 0, files: 0 } : holding])),
    messages: {
      notifications: [
        ...deletionCases.map(({ requestId }) => ({ requestId, status: 'COMPLETED', failureCode: null })),
        { requestId: script.requests.database, status: 'FAILED', failureCode: 'DEPENDENCY_BLOCKED' },
      ] as unknown as World['messages']['notifications'],
      lifecycle: ['TENANT_EMPTY', 'TENANT_ERASED'].map((eventType) => ({ tenantId: 'globex', eventType, gdprMode: true })) as World['messages']['lifecycle'],
      triggers: deletionCases.flatMap(({ requestId, owner }) => deletions.get(requestId)!.attempts.map(({ jobId }) => ({ jobId, payload: { conf: { user_id: owner } } }))) as unknown as World['messages']['triggers'],
      deadLetters: script.cases.flatMap((one) => (one.kind === 'malformed' ? [{ topic: `${one.record.topic}.dlq`, code: one.faultCode, reason: '', value: Buffer.from(one.record.value!) }] : [])),
      faults: [],
    },
  };
}

const failing = (world: World): string[] => judge(script, world as unknown as Seen).filter(({ holds }) => !holds).map(({ about, text }) => `${about.trim()}: ${text}`);
const seedUser = 'uuid-1234';

describe('the messages', () => {
  test.each([TOPICS.userDeletionRequest, TOPICS.serviceDeletionRequest])("of the seed's sample of %s are sent as they are", (topic) => {
    const sample = JSON.parse(readFileSync(new URL(`../../samples/${topic}.json`, import.meta.url), 'utf8')) as { key: string; value: unknown };
    const bytes = readFileSync(new URL(`../../../stack/demo/messages/${topic}.json`, import.meta.url));
    expect(JSON.parse(bytes.toString())).toEqual(sample.value);
    const sent = script.opening.find((record) => record.topic === topic && Buffer.isBuffer(record.value))!;
    expect(bytes.equals(sent.value as Buffer)).toBe(true);
    expect(sent.key).toBe(sample.key);
  });

  test('name owners that have data', () => {
    for (const { owner } of deletionCases) expect(before().get(owner)).toBeDefined();
  });
});

describe('the verdict', () => {
  test('is good when all went as it has to', () => {
    expect(failing(allWell())).toEqual([]);
  });

  test('finds what did not, each for itself', () => {
    const spoils: readonly (readonly [expected: RegExp, spoil: (world: World) => unknown])[] = [
      [/seed's user: is COMPLETED/, (world) => (world.deletions.get(seedUser)!.status = 'FAILED')],
      [/seed's user: is COMPLETED/, (world) => world.deletions.get(seedUser)!.attempts.push(world.deletions.get(seedUser)!.attempts[0]!)],
      [/seed's user: is COMPLETED/, (world) => world.deletions.delete(seedUser)],
      [/seed's user: erased/, (world) => world.after.set('user_888', { rows: 1, files: 0 })],
      [/seed's user: erased/, (world) => world.after.set('user_888', { rows: 0, files: 1 })],
      [/seed's user: Airflow counted/, (world) => (world.deletions.get(seedUser)!.counts = { db_rows_purged: 41, files_deleted: 0 })],
      [/seed's user: one notification/, (world) => world.messages.notifications.push({ ...world.messages.notifications[0]! })],
      [/seed's user: one notification/, (world) => world.messages.notifications.splice(0, 1)],
      [/seed's user: one trigger/, (world) => world.messages.triggers.push({ ...world.messages.triggers[0]! })],
      [/three messages were one request/, (world) => world.deletions.get(script.requests.redelivered)!.joined.push('another')],
      [/not JSON: is kept/, (world) => world.messages.deadLetters.splice(0, 1)],
      [/not JSON: is kept/, (world) => (world.messages.deadLetters[0] = { ...world.messages.deadLetters[0]!, value: Buffer.from('{}') })],
      [/a database in use: was FAILED/, (world) => (world.blocked = { ...world.blocked, deletion: { ...world.blocked.deletion, failure: null } })],
      [/a database in use: lost nothing/, (world) => (world.blocked = { ...world.blocked, holding: { rows: 249, files: 3 } })],
      [/a database in use: one notification told/, (world) => world.messages.notifications.pop()],
      [/a database in use: went through by itself/, (world) => world.deletions.get(script.requests.database)!.history.push({ by: 'someone' } as never)],
      [/a database in use: went through by itself/, (world) => (world.deletions.get(script.requests.app)!.timeline.completed = '2026-02-11T13:00:10Z')],
      [/fails once: attempt 1 is a FAILURE/, (world) => (world.deletions.get(script.requests.failsOnce)!.attempts[0]!.result = 'SUCCESS')],
      [/fails once: attempt 2 is a SUCCESS/, (world) => world.deletions.get(script.requests.failsOnce)!.attempts.pop()],
      [/TENANT_EMPTY in gdprMode/, (world) => world.messages.lifecycle.push(world.messages.lifecycle[0]!)],
      [/TENANT_EMPTY in gdprMode/, (world) => world.messages.lifecycle.reverse()],
      [/TENANT_EMPTY in gdprMode/, (world) => (world.messages.lifecycle[0] = { ...world.messages.lifecycle[0]!, gdprMode: false })],
      [/globex is ERASED/, (world) => world.tenants.set('globex', { tenantId: 'globex', status: 'EMPTY' } as TenantAnswer)],
      [/other tenants/, (world) => world.messages.lifecycle.push({ tenantId: 'tenant-1', eventType: 'TENANT_EMPTY' } as never)],
      [/other tenants/, (world) => world.tenants.set('acme', { tenantId: 'acme', status: 'EMPTY' } as TenantAnswer)],
      [/tenant-1\/srv-abc-001: still has/, (world) => world.after.set('tenant-1/srv-abc-001', { rows: 11, files: 5 })],
      [/user_88: still has/, (world) => world.after.delete('user_88')],
      [/dead letters/, (world) => world.messages.deadLetters.push({ topic: 'airflow.pipeline.result.dlq', code: 'UNKNOWN_JOB', reason: '', value: Buffer.from('{}') })],
      [/keeps to its contract/, (world) => world.messages.faults.push('notifications.send: broken')],
    ];
    for (const [expected, spoil] of spoils) {
      const world = allWell();
      spoil(world);
      expect(failing(world).join('\n')).toMatch(expected);
    }
  });

  test('is bad throughout when nothing was seen', () => {
    const nothing: Seen = { deletions: new Map(), blocked: undefined, tenants: new Map(), before: new Map(), after: new Map(), messages: { notifications: [], lifecycle: [], triggers: [], deadLetters: [], faults: [] } };
    const held = judge(script, nothing).filter(({ holds }) => holds).map(({ text }) => text);
    expect(held.filter((text) => text !== 'everything that came out keeps to its contract')).toEqual([]);
    expect(caseOf(script.requests.failsOnce).attempts).toBe(2);
  });
});
