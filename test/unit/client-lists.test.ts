import { afterEach, describe, expect, it, vi } from 'vitest';
import { timeOf } from '../../client/arguments.rules.js';
import { createPaint } from '../../client/paint.rules.js';
import { tableOf } from '../../client/table.rules.js';
import type { Terminal } from '../../client/terminal.js';
import type { DeadLetterShelf } from '../../api/dead-letters.js';
import type { StoredMessage } from '../../bus/read-topic.js';
import { deadLetterAnswer, deadLetterList, replayedAnswer } from '../../contracts/api/dead-letters.js';
import { deletionList } from '../../contracts/api/lists.js';
import type { DeletionFilter, DeletionPosition, ListedDeletion } from '../../store/ledger/list.js';
import { openApi, openTestIssuer, type OpenApiOptions } from '../support/api.js';
import { runRecorded } from '../support/cli-run.js';
import { aDeletion, anAttempt, aService, aTenant } from '../support/ledger-rows.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Runs the command against an API in this process. */
async function against(options: OpenApiOptions, args: readonly string[], { token, ...more }: Partial<Terminal> & { readonly token?: string } = {}) {
  const api = openApi(options);
  vi.stubGlobal('fetch', async (url: string, { method = 'GET', headers, body }: { method?: 'GET' | 'POST'; headers?: Record<string, string>; body?: string } = {}) => {
    const answer = await api.inject({ method, url: url.replace('http://api.test', ''), headers: { ...headers, host: 'localhost' }, ...(body === undefined ? {} : { payload: body }) });
    return new Response(answer.body, { status: answer.statusCode });
  });
  return runRecorded(args, { EXPUNGE_API_URL: 'http://api.test', ...(token === undefined ? {} : { EXPUNGE_API_TOKEN: token }) }, more);
}

const listed = (requestId: string, more: Partial<ListedDeletion> = {}): ListedDeletion => ({ ...aDeletion({ requestId }), overdue: false, sortedAt: '2026-02-11T10:00:00.123456Z', ...more });
const parked = listed('r-parked', { status: 'FAILED', failureCode: 'DAG_FAILED', failureMessage: 'AccessDenied' });
const rows = Array.from({ length: 450 }, (_, n) => listed(`r-${n}`));
const paged = vi.fn((_filter: DeletionFilter, limit: number, after?: DeletionPosition) => {
  const from = after === undefined ? 0 : rows.findIndex(({ requestId }) => requestId === after.requestId) + 1;
  return Promise.resolve(rows.slice(from, from + limit));
});

describe('expunge list', () => {
  it('asks the API for what its options say', async () => {
    const deletions = vi.fn((_filter: DeletionFilter) => Promise.resolve([]));
    const filters = ['--status', 'failed', 'TIMEOUT', '--kind', 'service', '--tenant', 't-1', '--service-type', 'app', '--parked', '--not-overdue', '--since', '2026-01-01', '--until', '2026-02-01T00:00:00+01:00', '--limit', '10'];
    expect(await against({ reads: { deletions } }, ['list', ...filters])).toEqual({ code: 0, out: 'No deletions.', err: '' });
    expect(deletions).toHaveBeenLastCalledWith({
      statuses: ['FAILED', 'TIMEOUT'], kinds: ['service'], tenantIds: ['t-1'], serviceType: 'app', parked: true, overdue: false, since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00+01:00',
    }, 11, undefined);
    expect(await against({ reads: { deletions } }, ['list', '--parked', '--not-parked'])).toMatchObject({ code: 2 });
  });

  it('shows why a deletion is parked', async () => {
    const { out } = await against({ reads: { deletions: () => Promise.resolve([parked]) } }, ['list', '--parked']);
    expect(out).toMatch(/│ r-parked +│ FAILED DAG_FAILED +│ user user_888 +│ 2026-02-11 10:00:00Z/);
  });

  it('says that there is more, and how to get there', async () => {
    const { out, err } = await against({ reads: { deletions: paged } }, ['list', '--limit', '2']);
    expect(out).toContain('r-1 ');
    expect(out).not.toContain('r-2 ');
    const [, cursor = ''] = /--all, or the next with --cursor (\S+)$/.exec(err) ?? [];
    const second = await against({ reads: { deletions: paged } }, ['list', '--limit', '2', '--cursor', cursor, '--json']);
    expect(second.err).toBe('');
    expect(deletionList.parse(JSON.parse(second.out)).items.map(({ requestId }) => requestId)).toEqual(['r-2', 'r-3']);
  });

  it('with --all turns page after page, and tells how far it is', async () => {
    const drawn: string[] = [];
    const { out, err } = await against({ reads: { deletions: paged } }, ['list', '--all', '--json'], { interactive: true, redraw: (text) => void drawn.push(text) });
    expect(err).toBe('');
    expect(out.split('\n').map((line) => (JSON.parse(line) as { requestId: string }).requestId)).toEqual(rows.map(({ requestId }) => requestId));
    expect(drawn.filter((text) => text !== '')).toEqual(['200 so far', '400 so far']);
    expect(drawn.at(-1)).toBe('');
  });

  it('refuses what is no page, as the API says it', async () => {
    const { code, err } = await against({ reads: { deletions: paged } }, ['list', '--limit', '201', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(err)).toMatchObject({ kind: 'usage', exitCode: 2, faults: [{ field: 'querystring.limit' }] });
  });

  it('says what to do about a token', async () => {
    const { verifyToken, as } = await openTestIssuer();
    const tokenOf = async (role: string, expiresInMs = 60_000) => (await as(role, { expiresInMs })).authorization.replace('Bearer ', '');
    expect(await against({ verifyToken }, ['list'])).toMatchObject({ code: 4, out: '', err: expect.stringMatching(/Set EXPUNGE_API_TOKEN to a token of yours .*npm run --silent token/) as string });
    expect(await against({ verifyToken }, ['list'], { token: await tokenOf('viewer', -60_000) })).toMatchObject({ code: 4, err: expect.stringMatching(/expired.*a new token/) as string });
    expect(await against({ verifyToken }, ['dlq', 'list'], { token: await tokenOf('viewer') })).toMatchObject({ code: 4, err: expect.stringMatching(/takes the role operator; the token has viewer\..*EXPUNGE_API_TOKEN.*--role operator/) as string });
    expect(await against({ verifyToken }, ['dlq', 'list'], { token: await tokenOf('operator') })).toMatchObject({ code: 0, out: 'No dead letters.' });
  });
});

describe('expunge status', () => {
  it('shows what Airflow said of a parked deletion', async () => {
    const deletion = aDeletion({ status: 'FAILED', attempt: 1, failureCode: 'DAG_FAILED', failureMessage: 'Airflow ran the clean-up and reported a failure' });
    const record = { deletion, attempts: [anAttempt({ result: 'FAILURE', failureCode: 'DAG_FAILED', errorText: 'AccessDenied' })], timeline: [], joined: [], verification: undefined, again: null };
    const { out } = await against({ reads: { deletion: () => Promise.resolve(record) } }, ['status', 'uuid-1234'], { coloured: true });
    // eslint-disable-next-line no-control-regex -- colours are control characters
    expect(out.replaceAll(/\u001b\[\d+m/g, '')).toMatch(/failure +DAG_FAILED: Airflow ran .*\nAirflow said +AccessDenied\n/);
    expect(out).toContain('\u001b[31mFAILED, parked');
    expect((await against({ reads: { deletion: () => Promise.resolve(record) } }, ['status', 'uuid-1234', '--no-color'], { coloured: true })).out).not.toContain('\u001b');
  });
});

describe('tenant list and services list', () => {
  it('turn pages, by status', async () => {
    const tenants = vi.fn(() => Promise.resolve([{ ...aTenant({ status: 'EMPTY', emptyings: 2 }), activeServices: 0 }]));
    expect((await against({ reads: { tenants } }, ['tenant', 'list', '--status', 'EMPTY', 'erased'])).out).toMatch(/t-1 +│ EMPTY +│ 0 +│ 2 times/);
    expect(tenants).toHaveBeenLastCalledWith(expect.objectContaining({ statuses: ['EMPTY', 'ERASED'] }), 51, undefined);
    const services = vi.fn(() => Promise.resolve([aService()]));
    expect((await against({ reads: { services, tenants } }, ['services', 'list', 't-1', '--active', '--all'])).out).toMatch(/s-1 +│ app +│ ACTIVE +│ s-2/);
    expect(services).toHaveBeenLastCalledWith('t-1', ['ACTIVE'], 201, undefined);
  });
});

describe('expunge dlq', () => {
  const TOPIC = 'users.deletion.request';
  const letter = (offset: number, value: object, replays = 0, errorClass = 'MISSING_FIELD'): StoredMessage => ({
    topic: `${TOPIC}.dlq`, partition: 0, offset: String(offset), timestampMs: Date.UTC(2026, 1, 11) + offset, key: Buffer.from('ann@example.org'), value: Buffer.from(JSON.stringify(value)),
    headers: { 'dlq-error-class': errorClass, 'dlq-error-message': 'payload.reason is missing', 'dlq-first-seen': '2026-02-11T00:00:00.000Z', 'dlq-replays': String(replays) },
  });
  const letters = [letter(1, { a: 'Ann' }), letter(2, { b: 'Bob' }, 5, 'NOT_JSON'), letter(3, { c: 'Carla' }, 1)];
  const shelfOf = () => {
    const replay = vi.fn<DeadLetterShelf['replay']>(() => Promise.resolve());
    const deadLetters: DeadLetterShelf = { topics: [TOPIC], newest: () => Promise.resolve([...letters].reverse()), one: (_topic, _partition, offset) => Promise.resolve(letters.find((one) => BigInt(one.offset) === offset)), replay };
    return { deadLetters, replayed: () => replay.mock.calls.flatMap(([, given]) => given.map(({ offset }) => offset)) };
  };
  const all = ['dlq', 'replay', '--topic', TOPIC];

  it('lists and shows them, masked', async () => {
    const { deadLetters } = shelfOf();
    const { out } = await against({ deadLetters }, ['dlq', 'list', '--error-class', 'MISSING_FIELD']);
    expect(out).toMatch(new RegExp(`${TOPIC}:0:3 .*MISSING_FIELD.*│ 1 .*payload.reason is missing.*${TOPIC}:0:1 `, 's'));
    expect(out).not.toContain(':0:2');
    expect(deadLetterList.parse(JSON.parse((await against({ deadLetters }, ['dlq', 'list', '--limit', '1', '--json'])).out)).items).toHaveLength(1);
    const shown = await against({ deadLetters }, ['dlq', 'show', `${TOPIC}:0:3`]);
    expect(shown.out).toMatch(/fault +MISSING_FIELD\n.*replays +1\n.*"c": "<text of 5 characters>"/s);
    expect(shown.out).not.toContain('Carla');
    expect(deadLetterAnswer.parse(JSON.parse((await against({ deadLetters }, ['dlq', 'show', `${TOPIC}:0:3`, '--json'])).out)).replays).toBe(1);
    expect(await against({ deadLetters }, ['dlq', 'show', `${TOPIC}:0:9`])).toMatchObject({ code: 3 });
    expect(await against({ deadLetters }, ['dlq', 'show', '../x'])).toMatchObject({ code: 2 });
  });

  it('replays those that are named, when all of them are there', async () => {
    const { deadLetters, replayed } = shelfOf();
    expect(await against({ deadLetters }, ['dlq', 'replay', `${TOPIC}:0:1`, `${TOPIC}:0:9`])).toMatchObject({ code: 3 });
    expect(replayed()).toEqual([]);
    expect(await against({ deadLetters }, ['dlq', 'replay', `${TOPIC}:0:1`, `${TOPIC}:0:3`])).toMatchObject({ code: 0, out: expect.stringMatching(/:0:1 .*:0:3 .*\n2 replayed\.$/s) as string });
    expect(replayed()).toEqual(['1', '3']);
  });

  it('counts those of a topic first, and replays so many and no others', async () => {
    const { deadLetters, replayed } = shelfOf();
    const dry = replayedAnswer.parse(JSON.parse((await against({ deadLetters }, [...all, '--max-replays', '1', '--dry-run', '--json'])).out));
    expect(dry).toMatchObject({ replayed: [], letters: [{ id: `${TOPIC}:0:1` }, { id: `${TOPIC}:0:3` }] });
    expect(await against({ deadLetters }, [...all, '--error-class', 'NOT_JSON', '--dry-run'])).toMatchObject({ code: 0, out: expect.stringMatching(/1 would be replayed; nothing was\.$/) as string });
    expect(await against({ deadLetters }, [...all, '--max-replays', '1'])).toMatchObject({ code: 2, err: expect.stringContaining('--expect 2') as string });
    expect(await against({ deadLetters }, [...all, '--max-replays', '1', '--expect', '3'])).toMatchObject({ code: 4, err: expect.stringMatching(/^2 would be replayed, where 3/) as string });
    expect(replayed()).toEqual([]);
    const done = await against({ deadLetters }, [...all, '--max-replays', '1', '--expect', '2', '--json']);
    expect(replayedAnswer.parse(JSON.parse(done.out)).replayed).toEqual([`${TOPIC}:0:1`, `${TOPIC}:0:3`]);
    expect(replayed()).toEqual(['1', '3']);
  });

  it('asks whoever sits there for the count', async () => {
    const { deadLetters, replayed } = shelfOf();
    const asked: string[] = [];
    const ask = (said: string) => (question: string) => { asked.push(question); return Promise.resolve(said); };
    expect(await against({ deadLetters }, all, { ask: ask('y') })).toMatchObject({ code: 4, out: '', err: expect.stringContaining('Nothing was replayed.') as string });
    expect(replayed()).toEqual([]);
    expect(await against({ deadLetters }, all, { ask: ask('3') })).toMatchObject({ code: 0, out: expect.stringMatching(/3 replayed\.$/) as string });
    expect(asked).toEqual(['Type 3 to replay them: ', 'Type 3 to replay them: ']);
    expect(replayed()).toEqual(['1', '2', '3']);
  });

  it('wants ids or a topic, and not both', async () => {
    for (const args of [[], [`${TOPIC}:0:1`, '--topic', TOPIC], [`${TOPIC}:0:1`, '--max-replays', '1'], ['--error-class', 'NOT_JSON']]) {
      expect(await against(shelfOf(), ['dlq', 'replay', ...args])).toMatchObject({ code: 2, out: '' });
    }
  });
});

describe('a time', () => {
  const now = Date.UTC(2026, 1, 11, 10);
  it.each([['24h', '2026-02-10T10:00:00.000Z'], ['7d', '2026-02-04T10:00:00.000Z'], ['2026-02-11', '2026-02-11T00:00:00Z'], ['2026-02-11T10:00:00+01:00', '2026-02-11T10:00:00+01:00']])('%s is %s', (text, time) => {
    expect(timeOf(text, now)).toBe(time);
  });
  it.each(['yesterday', '24', '2026-02-30', '2026-02-11T10:00:00', ''])('%j is none', (text) => {
    expect(() => timeOf(text, now)).toThrow(/ISO 8601.*24h/);
  });
});

describe('a table', () => {
  const plain = createPaint(false);
  const head = ['request', 'status', { name: 'what is wrong', mayGo: true }, { name: 'received', mayGo: true }] as const;
  const id = 'c7f6a8e0-9f4b-4c3e-8f6e-0d9f3a1b2c3d';
  const row = [id, { text: 'FAILED', tone: 'bad' }, 'the bucket policy does not allow the role to delete objects of this prefix', '2026-02-11 10:00:00Z'] as const;
  const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

  it.each([60, 70, 80, 100, 132, 200])('fits %i columns, and breaks no id', (columns) => {
    const text = tableOf(head, [row, row], { columns, paint: plain });
    expect(widest(text)).toBeLessThanOrEqual(columns);
    expect(text.split(id)).toHaveLength(3);
    expect(text).toContain('FAILED');
    expect(text.includes('received')).toBe(columns >= 80);
  });

  it('where there is no room for a table is a list for each row', () => {
    const text = tableOf(head, [row, row], { columns: 40, paint: plain });
    expect(text).not.toContain('│');
    expect(text.split('\n\n')).toHaveLength(2);
    expect(text).toMatch(new RegExp(`^request +${id}\nstatus +FAILED\nwhat is wrong +the bucket`));
  });

  it('in a file is as wide as it takes, with long texts in several lines', () => {
    const text = tableOf(head, [row], { paint: plain });
    expect(widest(text)).toBeLessThan(160);
    expect(text).toContain('2026-02-11 10:00:00Z');
  });

  it('is coloured where that is wanted, and as wide as without', () => {
    const coloured = tableOf(head, [row], { columns: 100, paint: createPaint(true) });
    expect(coloured).toContain('\u001b[31mFAILED\u001b[39m');
    // eslint-disable-next-line no-control-regex -- colours are control characters
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(tableOf(head, [row], { columns: 100, paint: plain }));
  });

  it('shows nothing that would move the cursor', () => {
    expect(tableOf(['a'], [['x\u001b[2Jy']], { columns: 80, paint: plain })).not.toContain('\u001b');
  });
});
