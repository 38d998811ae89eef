import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { markRefused, nextUnsent, OUTBOX_CHANNEL } from '../../store/outbox.js';
import { runRecorded } from '../support/cli-run.js';
import { createTestDatabase } from '../support/databases.js';
import { openStore, type TestStore } from '../support/store.js';
import { waitFor } from '../support/wait-for.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.database.rows('TRUNCATE outbox'));
afterAll(() => store.close());

const LANES = Array.from({ length: 16 }, (_, lane) => lane);
const row = (requestId: string, n: number): OutboxMessage => ({ eventId: `${requestId}/test/${n}`, requestId, target: 'kafka', destination: 'nova.deletion.events', key: requestId, headers: {}, body: '{"secret":"body"}' });
const sendable = async (): Promise<string[]> => (await nextUnsent(store.database, { target: 'kafka', lanes: LANES, limit: 100 })).map(({ eventId }) => eventId);

const expunge = (databaseUrl: string, ...args: string[]) => runRecorded(args, { DATABASE_URL: databaseUrl });
const outbox = (...args: string[]) => expunge(store.databaseUrl, 'outbox', ...args);

/** Two rows of each request, of which the first is dead. @returns the ids of the dead, in order */
async function withDead(...requests: string[]): Promise<number[]> {
  await store.database.transaction((tx) => {
    writeMessages(tx, requests.flatMap((requestId) => [row(requestId, 1), row(requestId, 2)]));
    return Promise.resolve();
  });
  const rows = await store.database.rows<{ id: number }>(`SELECT id FROM outbox WHERE event_id LIKE '%/1' ORDER BY id`);
  for (const { id } of rows) await markRefused(store.database, id, 'Kafka refused a record: MESSAGE_TOO_LARGE', 0);
  return rows.map(({ id }) => id);
}

describe('outbox list', () => {
  test('says that there is nothing, when there is nothing', async () => {
    expect(await outbox('list')).toEqual({ code: 0, out: '0 to be sent; 0 dead.', err: '' });
  });

  test('shows dead rows with what was refused and why, and never a body', async () => {
    const [first, second] = await withDead('req-a', 'req-b');
    const { code, out } = await outbox('list');
    expect(code).toBe(0);
    for (const text of [String(first), String(second), 'req-a', 'req-a/test/1', 'nova.deletion.events', 'MESSAGE_TOO_LARGE', '2 dead.']) expect(out).toContain(text);
    expect(out).not.toContain('secret');
    const { rows, ...stats } = JSON.parse((await outbox('list', '--limit', '1', '--json')).out) as { rows: object[] };
    expect(stats).toMatchObject({ unsent: 2, dead: 2 });
    expect(rows).toEqual([expect.objectContaining({ id: first, requestId: 'req-a', eventId: 'req-a/test/1', refusals: 1 })]);
    expect((await outbox('list', '--limit', '1')).out).toContain('--limit shows more');
  });
});

describe('outbox requeue', () => {
  test('has the named row go out again, before what waited behind it, and wakes the relay', async () => {
    const [first] = await withDead('req-a', 'req-b');
    expect(await sendable()).toEqual([]);
    let woken = 0;
    const unlisten = await store.database.listen(OUTBOX_CHANNEL, () => woken++, () => undefined);
    expect(await outbox('requeue', String(first))).toEqual({ code: 0, out: '1 row goes out again.', err: '' });
    await waitFor('the relay is woken', () => woken === 1);
    await unlisten();
    expect(await sendable()).toEqual(['req-a/test/1', 'req-a/test/2']);
  });

  test('takes all of them at once', async () => {
    const ids = await withDead('req-a', 'req-b', 'req-c');
    expect(JSON.parse((await outbox('requeue', '--all', '--json')).out)).toEqual({ requeued: ids });
    expect(await sendable()).toHaveLength(6);
  });

  test('names ids that are not dead, and does the others', async () => {
    const [first] = await withDead('req-a');
    expect(await outbox('requeue', String(first), '999999')).toMatchObject({ code: 3, err: 'Not dead, or not there: 999999.' });
    expect(await sendable()).toHaveLength(2);
  });

  test('wants ids or --all, and not both', async () => {
    for (const args of [[], ['--all', '1'], ['x']]) expect(await outbox('requeue', ...args)).toMatchObject({ code: 2 });
  });
});

test('where PostgreSQL cannot be asked, or holds another schema, that is said', async () => {
  expect(await expunge('postgresql://u:p@127.0.0.1:1/d', 'outbox', 'list')).toMatchObject({ code: 5, err: 'PostgreSQL at 127.0.0.1:1/d (DATABASE_URL) could not be asked: ECONNREFUSED' });
  const empty = await createTestDatabase();
  expect(await expunge(empty.databaseUrl, 'outbox', 'list')).toMatchObject({ code: 4 });
  await empty.drop();
});
