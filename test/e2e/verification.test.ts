import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deletionAnswer, type DeletionAnswer } from '../../contracts/api/deletions.js';
import { fresh, triggersOf, userRequest, whenStatus } from '../support/house-scenes.js';
import { openHouse, type House } from '../support/house.js';
import type { Json } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

// Everything real, end to end: events of the bus, the deletion that they lead to, its erasure, and what is stated of it afterwards.

let house: House;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'expunge-policies-'));
  const policies = join(folder, 'policies.yaml');
  await writeFile(policies, 'kinds: { user: { onResidual: delete-again, verificationDeadline: 8s } }\nlanes: [{ name: default }, { name: heavy }]\n');
  house = await openHouse({ env: { POLICY_FILE: policies, SOFT_DELETE_GRACE: '1h', LOG_LEVEL: 'debug' } });
});
afterAll(async () => {
  await house.close();
  await rm(folder, { recursive: true, force: true });
});

const event = (topic: string, eventType: string, key: string, value: Json) => ({ topic, key, headers: { event_type: eventType, event_id: fresh('evt') }, value });
const now = (offsetMs = 0) => new Date(Date.now() + offsetMs).toISOString();
const postCreated = (userId: string, postId: string, at = now()) => event('nova.content.events', 'content.post.created', postId, { post_id: postId, user_id: userId, caption: 'a caption', media_type: 'image', status: 'published', created_at: at });
const postDeleted = (userId: string, postId: string) => event('nova.content.events', 'content.post.deleted', postId, { post_id: postId, user_id: userId, deleted_at: now() });
const uploaded = (userId: string, id: string) => event('nova.media.events', 'media.upload.completed', id, { upload_id: id, media_id: `m-${id}`, user_id: userId, file_name: 'a.jpg', size_bytes: 9, uploaded_at: now() });
const said = (userId: string, messageId: string) => event('nova.message.events', 'message.persisted', `c-${messageId}`, { message_id: messageId, conversation_id: `c-${messageId}`, sender_id: userId, content: 'words', created_at: now() });
const unsaid = (messageId: string) => event('nova.message.events', 'message.deleted', `c-${messageId}`, { message_id: messageId, conversation_id: `c-${messageId}`, deleted_at: now() });
const userCreated = (userId: string) => event('nova.identity.events', 'identity.user.created', userId, { user_id: userId, username: 'somebody', email: 'somebody@example.org', created_at: now() });
const userDeleted = (userId: string, soft: boolean, at = now()) => event('nova.identity.events', 'identity.user.deleted', userId, { user_id: userId, deleted_at: at, soft_delete: soft });

const indexOf = async (userId: string): Promise<Record<string, number>> => {
  const rows = await house.ledger.rows<{ kind: string; count: number }>('SELECT kind, count(*)::int AS count FROM subject_items JOIN subject_ids USING (subject_ref) WHERE user_id = $1 GROUP BY kind', [userId]);
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
};
const whenIndexed = (userId: string, wanted: Record<string, number>) => {
  let last: unknown;
  return waitFor('the index has it', async () => {
    last = await indexOf(userId);
    return JSON.stringify(Object.entries(last as object).sort()) === JSON.stringify(Object.entries(wanted).sort()) || undefined;
  }, 30_000, () => last);
};
const whenStated = async (requestId: string): Promise<DeletionAnswer> => {
  let last: Json | undefined;
  return waitFor(`${requestId} is verified`, async () => {
    last = (await house.api(`/api/v1/deletions/${requestId}`)).body;
    const answer = deletionAnswer.parse(last);
    return answer.verification && answer.verification.status !== 'PENDING' ? answer : undefined;
  }, 60_000, () => last);
};

describe('a user of whom the bus has told', () => {
  test('is deleted by identity.user.deleted; what is left is stated, deleted again, and then nobody knows the user any more', async () => {
    const userId = fresh('user');
    await house.data.addUser(userId);
    const created = [1, 2, 3].map((n) => postCreated(userId, `p${n}-${userId}`));
    await house.send(userCreated(userId), ...created, said(userId, `s-${userId}`), uploaded(userId, `u-${userId}`));
    await whenIndexed(userId, { post: 3, message: 1, media: 1, profile: 1 });

    const deleted = userDeleted(userId, false);
    const requestId = deleted.headers.event_id;
    await house.send(deleted);
    const completed = await whenStatus(house, requestId, 'COMPLETED');
    expect(await house.data.ofUser(userId)).toEqual([]);
    expect(completed).toMatchObject({ userId, source: 'identity-service', expected: { post: 3, message: 1, media: 1 }, verification: { status: 'PENDING' } });
    const [trigger] = triggersOf(house, requestId);
    expect(trigger).toMatchObject({ payload: { conf: { user_id: userId, dry_run: false, expected: { post: 3, message: 1, media: 1 } } } });

    await house.send(postDeleted(userId, `p1-${userId}`), postDeleted(userId, `p2-${userId}`), unsaid(`s-${userId}`));
    const stated = await whenStated(requestId);
    const again = `${requestId}~again~1`;
    expect(stated).toMatchObject({ status: 'COMPLETED', again, verification: { status: 'RESIDUAL', residual: { post: 1 }, unverifiable: { media: 1 } } });
    expect(await house.roles.metric('expunge_residual_total', { kind: 'post' })).toBe(1);
    expect((await house.cli('status', requestId)).stdout).toMatch(/LEFT: 1 post; nobody can tell whether this is gone: 1 media[\s\S]*~again~1/);

    await whenStatus(house, again, 'COMPLETED');
    await house.send(postDeleted(userId, `p3-${userId}`));
    expect(await whenStated(again)).toMatchObject({ linkedTo: requestId, again: null, expected: { post: 1, media: 1 }, verification: { status: 'UNVERIFIABLE', residual: {}, unverifiable: { media: 1 } } });
    expect(await indexOf(userId)).toEqual({});

    // A created event that comes again brings nothing back; the user's own later ones are another story.
    const later = postCreated(userId, `p4-${userId}`, now(1_000));
    await house.send(...created.map((one) => ({ ...one, headers: { ...one.headers, event_id: fresh('evt') } })), later);
    await whenIndexed(userId, { post: 1 });
    const [tombstone] = await house.ledger.rows<{ requestId: string }>('SELECT t.request_id FROM subject_tombstones t JOIN deletions d USING (subject_ref) WHERE d.request_id = $1', [requestId]);
    expect(tombstone).toEqual({ requestId: again });
  });

  test('is deleted softly: in its grace it can be cancelled, or ended by a request of its own', async () => {
    const [stays, goes] = [fresh('user'), fresh('user')];
    const [first, second] = [userDeleted(stays, true), userDeleted(goes, true)];
    await house.send(first, second);
    const inGrace = (requestId: string) => waitFor(`${requestId} is in its grace`, async () => ((await house.api(`/api/v1/deletions/${requestId}`)).body['history'] as Json[] | undefined)?.some(({ what }) => what === 'claimed'));
    await Promise.all([inGrace(first.headers.event_id), inGrace(second.headers.event_id)]);
    expect((await house.cli('cancel', first.headers.event_id, '--reason', 'the user has come back')).code).toBe(0);
    await whenStatus(house, first.headers.event_id, 'CANCELLED');

    const hard = userRequest(goes);
    await house.send(hard);
    const erasedAt = now();
    await whenStatus(house, second.headers.event_id, 'COMPLETED');
    expect(await whenStatus(house, hard.requestId, 'DUPLICATE')).toMatchObject({ duplicateOf: second.headers.event_id });
    expect(triggersOf(house, first.headers.event_id)).toEqual([]);

    // Softly deleted, the profile is stored: it is left until the service of identities tells that our erasure reached it.
    expect((await whenStatus(house, second.headers.event_id, 'COMPLETED'))['verification']).toMatchObject({ status: 'PENDING' });
    await house.send(userDeleted(goes, false, erasedAt));
    expect(await whenStated(second.headers.event_id)).toMatchObject({ expected: { profile: 1 }, again: null, verification: { status: 'CLEAN' } });
  });

  test('whose erasure the service of identities then tells of is not deleted once more', async () => {
    const userId = fresh('user');
    const request = userRequest(userId);
    await house.send(request);
    const at = now();
    await whenStatus(house, request.requestId, 'COMPLETED');
    const echo = userDeleted(userId, false, at);
    await house.send(echo);
    await waitFor('it is noted', async () => ((await house.api(`/api/v1/deletions/${request.requestId}`)).body['history'] as Json[]).some(({ what }) => what === 'told of'));
    expect((await house.api(`/api/v1/deletions/${echo.headers.event_id}`)).status).toBe(404);
  });

  test('is named by nobody but the ledger and the messages that must', async () => {
    const [row] = await house.ledger.rows<{ userId: string; requestId: string }>(`SELECT user_id, request_id FROM deletions WHERE linked_to IS NOT NULL LIMIT 1`);
    const logs = await house.logs();
    expect(logs).toContain(row!.requestId);
    expect(logs).not.toContain(row!.userId);
  });
});
