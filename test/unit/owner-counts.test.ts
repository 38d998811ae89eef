import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createOwnerInventory } from '../../activities/owner-counts.js';
import { InventoryUnavailable } from '../../activities/subject-inventory.js';
import { OWNER_OF_KIND, SUBJECT_KINDS } from '../../contracts/names/index.js';
import type { LockedDeletion } from '../../store/ledger/locked-deletion.js';
import type { Queryable } from '../../store/database.js';
import { openOwnerServer, type OwnerServer } from '../support/owner-server.js';

const contract = parse(readFileSync(new URL('../../docs/owner-counts.openapi.yaml', import.meta.url), 'utf8')) as {
  openapi: string;
  paths: Record<string, unknown>;
  components: { schemas: Record<'Question' | 'Answer' | 'Count', object> };
};
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'contract', ...contract });
const isQuestion = ajv.getSchema('contract#/components/schemas/Question')!;
const isAnswer = ajv.getSchema('contract#/components/schemas/Answer')!;

const USER = 'person-4711@example.org';
const TIMEOUT_MS = 400;

let content: OwnerServer;
let media: OwnerServer;
let messaging: OwnerServer;
let identity: OwnerServer;
let completedAt: Date | null;
beforeEach(async () => {
  completedAt = null;
  [content, media, messaging, identity] = await Promise.all([openOwnerServer({ post: 3 }), openOwnerServer({ media: 2 }), openOwnerServer({ message: 0 }), openOwnerServer({ profile: 1 })]);
});
afterEach(() => Promise.all([content, media, messaging, identity].map((owner) => owner.close())));

/** The ledger has one request, of the user. */
const database = { rows: (_sql: string, [requestId]: readonly unknown[]) => Promise.resolve(requestId === 'req' ? [{ userId: USER, completedAt }] : []) } as unknown as Queryable;
const inventory = (token?: string) =>
  createOwnerInventory({ database, token, timeoutMs: TIMEOUT_MS, urls: { 'content-service': content.url, 'media-service': media.url, messaging: messaging.url, 'identity-service': identity.url } });
const count = async () => (await inventory().ask('req'))({} as LockedDeletion);
const failure = async () => {
  const error: unknown = await count().then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InventoryUnavailable);
  return error as InventoryUnavailable;
};

describe('the owning services', () => {
  test('are each asked once, for the user in the body, as the contract has it', async () => {
    expect(await count()).toEqual({ post: 3, media: 2, message: 0, profile: 1 });
    for (const { asked } of [content, media, messaging, identity]) {
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject({ method: 'POST', body: { user_id: USER } });
      expect(Object.keys(contract.paths)).toEqual([asked[0]?.path]);
      expect(isQuestion(asked[0]?.body), JSON.stringify(isQuestion.errors)).toBe(true);
      expect(asked[0]?.headers['authorization']).toBeUndefined();
    }
  });

  test('are asked for what existed at the completion, when the deletion is completed', async () => {
    completedAt = new Date('2026-02-11T10:00:00.123Z');
    await count();
    expect(content.asked[0]?.body).toEqual({ user_id: USER, created_before: '2026-02-11T10:00:00.123Z' });
    expect(isQuestion(content.asked[0]?.body)).toBe(true);
  });

  test('get the token, where there is one', async () => {
    await inventory('secret').ask('req');
    expect(media.asked[0]?.headers['authorization']).toBe('Bearer secret');
  });

  test('are not asked for a request that is no user\'s', async () => {
    expect(await (await inventory().ask('another'))({} as LockedDeletion)).toEqual({});
    expect(content.asked).toEqual([]);
  });

  test('cover every kind, each asked of its owner', async () => {
    expect(Object.keys(await count()).sort()).toEqual([...SUBJECT_KINDS].sort());
    expect(inventory().seesGo).toEqual(new Set(SUBJECT_KINDS));
    expect(new Set(Object.values(OWNER_OF_KIND)).size).toBe(4);
  });

  test('may name other kinds, which nobody looks at', async () => {
    content.answer = () => ({ status: 200, body: { counts: { post: 1, comment: 9, media: 77 } } });
    expect(await count()).toEqual({ post: 1, media: 2, message: 0, profile: 1 });
  });
});

describe('an owning service that does not answer makes the whole question one to ask again', () => {
  test('when nothing listens', async () => {
    await media.close();
    expect(await failure()).toMatchObject({ owner: 'media-service', message: expect.stringMatching(/^media-service cannot be reached \(ECONNREFUSED\)$/) as string });
  });

  test('when it takes too long: it is waited for no longer than the timeout', async () => {
    messaging.answer = () => undefined;
    const askedAt = performance.now();
    expect(await failure()).toMatchObject({ owner: 'messaging', message: `messaging did not answer within ${TIMEOUT_MS} ms` });
    expect(performance.now() - askedAt).toBeLessThan(TIMEOUT_MS * 4);
  });

  test.each([
    [503, {}, 'answered HTTP 503'],
    [404, { counts: { post: 1 } }, 'answered HTTP 404'],
    [302, {}, 'answered HTTP 302'],
    [200, '<html>', 'answered in another form'],
    [200, { post: 3 }, 'answered in another form'],
    [200, { counts: { post: -1 } }, 'answered in another form'],
    [200, { counts: { post: 1.5 } }, 'answered in another form'],
    [200, { counts: { post: '3' } }, 'answered in another form'],
    [200, { counts: {} }, 'did not say how much there is of post'],
    [200, { counts: { post: 1 }, filler: 'x'.repeat(100_000) }, 'answered with more than 65536 bytes'],
  ])('when it answers %i %j', async (status, body, why) => {
    content.answer = () => ({ status, body });
    const error = await failure();
    expect(error).toMatchObject({ owner: 'content-service', message: expect.stringContaining(why) as string });
    expect(`${error.message} ${error.stack ?? ''}`).not.toContain(USER);
    if (status === 200 && why === 'answered in another form') expect(isAnswer(typeof body === 'string' ? undefined : body)).toBe(false);
  });
});

test('the contract is OpenAPI 3.1, and takes what owners answer here', () => {
  expect(contract.openapi).toMatch(/^3\.1\./);
  for (const counts of [{ post: 0 }, { post: 3, comment: 1 }]) expect(isAnswer({ counts })).toBe(true);
  expect(isQuestion({})).toBe(false);
});
