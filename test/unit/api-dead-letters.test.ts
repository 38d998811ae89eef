import { describe, expect, it, vi } from 'vitest';
import { letterAnswerOf, sameMessage } from '../../api/dead-letter-view.rules.js';
import type { DeadLetterShelf } from '../../api/dead-letters.js';
import { DEAD_LETTER_HEADERS, deadLetterOf, replayOf } from '../../bus/dead-letters.js';
import type { StoredMessage } from '../../bus/read-topic.js';
import { deadLetterAnswer, deadLetterList, replayedAnswer } from '../../contracts/api/dead-letters.js';
import { problemAnswer } from '../../contracts/api/problems.js';
import { MessageFault } from '../../contracts/topics/index.js';
import { openApi, openTestIssuer } from '../support/api.js';

const TOPIC = 'users.deletion.request';
const letter = (offset: number, value: unknown, more: Partial<StoredMessage> = {}, replays = 0): StoredMessage => ({
  topic: `${TOPIC}.dlq`, partition: 0, offset: String(offset), timestampMs: Date.UTC(2026, 1, 11) + offset, key: Buffer.from('ann@example.org'), value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: { 'dlq-error-class': 'MISSING_FIELD', 'dlq-error-message': 'payload.reason is missing: it must be a string.', 'dlq-first-seen': '2026-02-11T00:00:00.000Z', 'dlq-replays': String(replays), traceparent: '00-1234-5678-01', 'x-user': 'ann' }, ...more,
});
const message = { eventId: 'e-1', traceId: 't-1', timestamp: 'yesterday noon', payload: { userId: 'ann@example.org', source: 'account-service', reason: 'I am Ann', age: 44, nested: { 'ann@example.org': [1, 'x'] } } };

const shelfOf = (letters: readonly StoredMessage[]) => {
  const replay = vi.fn<DeadLetterShelf['replay']>(() => Promise.resolve());
  const shelf: DeadLetterShelf = { topics: [TOPIC], newest: () => Promise.resolve([...letters].reverse()), one: (_topic, _partition, offset) => Promise.resolve(letters.find((one) => BigInt(one.offset) === offset)), replay };
  return { shelf, replay };
};

describe('a dead letter', () => {
  it('is shown with what is wrong with it, and nothing that may be personal', async () => {
    const { shelf } = shelfOf([letter(7, message)]);
    const response = await openApi({ deadLetters: shelf }).inject(`/api/v1/dead-letters/${TOPIC}:0:7`);
    const found = deadLetterAnswer.parse(response.json());
    expect(found).toMatchObject({
      id: `${TOPIC}:0:7`, topic: TOPIC, errorClass: 'MISSING_FIELD', replays: 0, firstSeen: '2026-02-11T00:00:00.000Z', key: '<text of 15 characters>',
      value: { eventId: 'e-1', traceId: 't-1', timestamp: '<text of 14 characters>', payload: { userId: '<text of 15 characters>', source: 'account-service', reason: '<text of 8 characters>', age: '<number>', nested: { '<field 1>': ['<number>', '<text of 1 characters>'] } } },
      headers: { traceparent: '00-1234-5678-01', 'x-user': '<text of 3 characters>' },
    });
    expect(response.body).not.toMatch(/ann@|Ann|44/);
  });

  it('of any bytes can be shown', () => {
    expect(letterAnswerOf(letter(1, 'ann is no JSON')).value).toBe('<no JSON, 14 bytes>');
    expect(letterAnswerOf(letter(1, 'x', { value: null, key: null }))).toMatchObject({ value: null, key: null, bytes: 0 });
    expect(letterAnswerOf(letter(1, 'x', { headers: {} }))).toMatchObject({ errorClass: null, firstSeen: null, replays: 0, replayedBy: null });
  });

  it('is found by where it lies, or not at all', async () => {
    const api = openApi({ deadLetters: shelfOf([letter(7, message)]).shelf });
    const typeOf = async (id: string) => problemAnswer.parse((await api.inject(`/api/v1/dead-letters/${id}`)).json()).type;
    expect(await typeOf(`${TOPIC}:0:8`)).toBe('/problems/unknown-dead-letter');
    expect(await typeOf('other.topic:0:7')).toBe('/problems/unknown-dead-letter');
    expect(await typeOf('x')).toBe('/problems/invalid-id');
  });

  it('is replayed as it came, counted, with who did it; dead again, it remembers', async () => {
    const { shelf, replay } = shelfOf([letter(7, message)]);
    const { verifyToken, as } = await openTestIssuer();
    const api = openApi({ deadLetters: shelf, verifyToken });
    const response = await api.inject({ method: 'POST', url: `/api/v1/dead-letters/${TOPIC}:0:7/replay`, headers: await as('operator') });
    expect([response.statusCode, response.json()]).toEqual([202, { replayed: [`${TOPIC}:0:7`], letters: [expect.objectContaining({ id: `${TOPIC}:0:7`, replays: 0 })] }]);
    expect(replay).toHaveBeenCalledWith(TOPIC, [expect.objectContaining({ offset: '7' })], 'ann');
    const again = replayOf(TOPIC, letter(7, message), 'ann');
    expect(again.headers).toMatchObject({ 'dlq-replays': '1', 'dlq-replayed-by': 'ann', 'dlq-first-seen': '2026-02-11T00:00:00.000Z', traceparent: '00-1234-5678-01' });
    expect(again.headers).not.toHaveProperty(DEAD_LETTER_HEADERS.errorClass);
    const dead = deadLetterOf({ topic: TOPIC, partition: 3, offset: '99', key: null, value: null, headers: again.headers ?? {} }, new MessageFault('NOT_JSON', 'x'), new Date());
    expect(dead.headers).toMatchObject({ 'dlq-replays': '1', 'dlq-replayed-by': 'ann', 'dlq-first-seen': '2026-02-11T00:00:00.000Z', 'dlq-error-class': 'NOT_JSON' });
  });

  it('is for those who may see users', async () => {
    const { verifyToken, as } = await openTestIssuer();
    const api = openApi({ verifyToken });
    const status = async (headers: object) => (await api.inject({ url: '/api/v1/dead-letters', headers: { ...headers } })).statusCode;
    expect([await status(await as('viewer')), await status(await as('admin', { tenants: ['t-1'] })), await status(await as('operator'))]).toEqual([403, 403, 200]);
  });
});

describe('dead letters', () => {
  const letters = [letter(1, { a: 1 }), letter(2, { b: 1 }, { headers: { 'dlq-error-class': 'NOT_JSON', 'dlq-replays': '5' } }), letter(3, { a: 1 }, {}, 1)];

  it('are listed the newest first, by what was wrong with them', async () => {
    const api = openApi({ deadLetters: shelfOf(letters).shelf });
    const ids = async (query: string) => deadLetterList.parse((await api.inject(`/api/v1/dead-letters${query}`)).json()).items.map(({ id, replays }) => `${id.split(':')[2] ?? ''} ${replays}`);
    expect(await ids('')).toEqual(['3 1', '2 5', '1 0']);
    expect(await ids(`?topic=${TOPIC}&errorClass=MISSING_FIELD&limit=1`)).toEqual(['3 1']);
    expect(problemAnswer.parse((await api.inject('/api/v1/dead-letters?topic=other')).json())).toMatchObject({ errors: [{ field: 'querystring.topic' }] });
  });

  it('are replayed by what was wrong with them, the oldest first, each message once', async () => {
    const { shelf, replay } = shelfOf(letters);
    const api = openApi({ deadLetters: shelf });
    const replayed = async (body: object) => (await api.inject({ method: 'POST', url: '/api/v1/dead-letters/replay', payload: { topic: TOPIC, ...body } })).json<{ replayed: string[] }>().replayed.map((id) => id.split(':')[2]);
    expect(await replayed({})).toEqual(['3', '2']);
    expect(await replayed({ errorClass: 'MISSING_FIELD' })).toEqual(['3']);
    expect(await replayed({ maxReplays: 0 })).toEqual([]);
    expect(await replayed({ maxReplays: 1 })).toEqual(['3']);
    expect(replay.mock.calls.map(([, chosen]) => chosen.length)).toEqual([2, 1, 0, 1]);
    expect(sameMessage(letters[0]!)).toBe(sameMessage(letters[2]!));
  });

  it('are looked at first, and replayed only when it is as many as expected', async () => {
    const { shelf, replay } = shelfOf(letters);
    const api = openApi({ deadLetters: shelf });
    const post = async (body: object) => api.inject({ method: 'POST', url: '/api/v1/dead-letters/replay', payload: { topic: TOPIC, ...body } });
    expect(replayedAnswer.parse((await post({ dryRun: true })).json())).toMatchObject({ replayed: [], letters: [{ id: `${TOPIC}:0:3`, replays: 1 }, { id: `${TOPIC}:0:2`, errorClass: 'NOT_JSON' }] });
    const refused = await post({ expect: 3 });
    expect([refused.statusCode, problemAnswer.parse(refused.json())]).toMatchObject([409, { type: '/problems/refused', detail: expect.stringMatching(/^2 would be replayed, where 3/) as string }]);
    expect(replay).not.toHaveBeenCalled();
    expect(replayedAnswer.parse((await post({ expect: 2 })).json()).replayed).toHaveLength(2);
    expect(replay).toHaveBeenCalledOnce();
  });
});
