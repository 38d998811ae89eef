import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deletionAnswer } from '../../contracts/api/deletions.js';
import { fresh, triggersOf, userRequest, whenStatus } from '../support/house-scenes.js';
import { openHouse, type House } from '../support/house.js';
import { openOwnerServer, type OwnerServer } from '../support/owner-server.js';
import { waitFor } from '../support/wait-for.js';

// The whole stack with the roll-back switch on: what exists of a user is asked from the services that own it.

let owners: Record<'content' | 'media' | 'messaging' | 'identity', OwnerServer>;
let house: House;
beforeAll(async () => {
  const [content, media, messaging, identity] = await Promise.all([openOwnerServer({ post: 3 }), openOwnerServer({ media: 2 }), openOwnerServer({ message: 0 }), openOwnerServer({ profile: 1 })]);
  owners = { content, media, messaging, identity };
  house = await openHouse({
    env: {
      ENABLE_DIRECT_CALL: 'true', CONTENT_SERVICE_URL: content.url, MEDIA_SERVICE_URL: media.url, MESSAGING_SERVICE_URL: messaging.url, IDENTITY_SERVICE_URL: identity.url,
      OWNER_COUNTS_TOKEN: 'token-of-the-owners', OWNER_COUNTS_TIMEOUT: '500ms', VERIFICATION_DEADLINE: '1h', LOG_LEVEL: 'debug',
    },
  });
});
afterAll(async () => {
  await house.close();
  await Promise.all(Object.values(owners).map((owner) => owner.close()));
});

const answerFor = async (requestId: string) => deletionAnswer.parse((await house.api(`/api/v1/deletions/${requestId}`)).body);

describe('with ENABLE_DIRECT_CALL', () => {
  test('a user\'s deletion waits for an owning service that is out, and goes on with what all of them say', async () => {
    const request = userRequest(fresh('user'));
    const { userId } = request.value['payload'] as { readonly userId: string };
    owners.media.answer = () => ({ status: 503, body: {} });
    await house.send(request);
    await waitFor('media-service was asked twice', () => Promise.resolve(owners.media.asked.filter(({ body }) => body['user_id'] === userId).length >= 2 || undefined));
    expect(await answerFor(request.requestId)).toMatchObject({ status: 'PENDING', attempt: 0, expected: null });
    expect(await house.roles.metric('expunge_owner_counts_failed_total', { owner: 'media-service' })).toBeGreaterThan(0);

    owners.media.answer = () => ({ status: 200, body: { counts: { media: 2 } } });
    expect(await whenStatus(house, request.requestId, 'COMPLETED')).toMatchObject({ expected: { post: 3, media: 2, message: 0, profile: 1 } });
    expect(triggersOf(house, request.requestId)).toMatchObject([{ payload: { conf: { user_id: userId, expected: { post: 3, media: 2, message: 0, profile: 1 } } } }]);
    expect(owners.content.asked.at(-1)).toMatchObject({ path: '/user-counts', headers: { authorization: 'Bearer token-of-the-owners' } });
  });

  test('they are asked afterwards what is left of what existed then, until nothing is', async () => {
    const request = userRequest(fresh('user'));
    const { userId } = request.value['payload'] as { readonly userId: string };
    await house.send(request);
    await whenStatus(house, request.requestId, 'COMPLETED');
    const questions = () => owners.identity.asked.map(({ body }) => body).filter((body) => body['user_id'] === userId && body['created_before'] !== undefined);
    await waitFor('they were asked again', () => Promise.resolve(questions().length > 0 || undefined));
    const { verification, timeline } = await answerFor(request.requestId);
    expect(verification).toMatchObject({ status: 'PENDING' });
    expect(questions()[0]).toEqual({ user_id: userId, created_before: timeline.completed });

    for (const [owner, kind] of [[owners.content, 'post'], [owners.media, 'media'], [owners.identity, 'profile']] as const) owner.answer = () => ({ status: 200, body: { counts: { [kind]: 0 } } });
    const ended = await waitFor('nothing is left', async () => {
      const answer = await answerFor(request.requestId);
      return answer.verification?.status === 'PENDING' ? undefined : answer;
    });
    expect(ended).toMatchObject({ status: 'COMPLETED', again: null, verification: { status: 'CLEAN', residual: {}, unverifiable: {} } });
    expect(await house.logs()).not.toContain(userId);
  });
});
