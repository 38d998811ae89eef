import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAsItWas, liveRowsAfter, noteMend, type LiveRow } from '../../store/ledger/live.js';
import { receiveRequest, userSubject } from '../support/deletions.js';
import { atOnce, openStore, type TestStore } from '../support/store.js';

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

const received = async (count: number): Promise<string[]> => (await atOnce(count, () => receiveRequest(store.database, { subject: userSubject() }))).map(({ input }) => input.requestId);
async function walk(limit: number, quietMs = 0): Promise<LiveRow[]> {
  const rows: LiveRow[] = [];
  for (;;) {
    const page = await liveRowsAfter(store.database, { after: rows.at(-1)?.place, quietMs, limit });
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}
const statusOf = async (requestId: string, sql: string) => store.database.rows(`UPDATE deletions SET ${sql} WHERE request_id = $1`, [requestId]);

describe('a walk over the live rows', () => {
  test('comes by each once, by due date, though many are due at the same microsecond', async () => {
    const ids = await received(30);
    await store.database.rows(`UPDATE deletions SET due_at = '2027-03-01 00:00:00.123456+00' WHERE request_id = ANY($1)`, [ids.slice(0, 15)]);
    for (const limit of [1, 7, 30, 100]) {
      const seen = await walk(limit);
      expect(seen.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());
      expect(seen.map(({ place }) => place)).toEqual([...new Set(seen.map(({ place }) => place))]);
    }
    await store.database.rows(`UPDATE deletions SET status = 'CANCELLED'`);
  });

  test('leaves out what has ended or joined, and what has shown a sign of life since', async () => {
    const [live = '', ended = '', joined = '', lively = ''] = await received(4);
    await statusOf(ended, `status = 'COMPLETED', updated_at = now() - interval '1 hour'`);
    await store.database.rows(`UPDATE deletions SET status = 'DUPLICATE', duplicate_of = $2, updated_at = now() - interval '1 hour' WHERE request_id = $1`, [joined, live]);
    await statusOf(live, `status = 'FAILED', claimed_run = 'run-1', updated_at = now() - interval '1 hour'`);
    expect((await walk(10, 60_000)).map(({ requestId, claimedRun }) => ({ requestId, claimedRun }))).toEqual([{ requestId: live, claimedRun: 'run-1' }]);
    expect((await walk(10)).map(({ requestId }) => requestId).sort()).toEqual([live, lively].sort());
    await store.database.rows(`UPDATE deletions SET status = 'CANCELLED', duplicate_of = NULL`);
  });

  test('does not go on from a place that is none', async () => {
    await expect(liveRowsAfter(store.database, { after: 'nowhere', quietMs: 0, limit: 1 })).rejects.toThrow(RangeError);
  });
});

describe('a mend', () => {
  test('is noted in the timeline while the row is as it was read', async () => {
    const [requestId = ''] = await received(1);
    expect(await noteMend(store.database, { requestId, claimedRun: null }, 'nothing carried it out')).toBe(true);
    expect(await store.database.rows(`SELECT what, status, cause FROM timeline WHERE request_id = $1 ORDER BY id`, [requestId])).toEqual([
      expect.objectContaining({ what: 'received' }), { what: 'reconciled', status: 'PENDING', cause: 'nothing carried it out' },
    ]);
    for (const [change, claimedRun] of [[`claimed_run = 'run-1'`, null], [`claimed_run = 'run-2'`, 'run-1'], [`status = 'COMPLETED'`, 'run-2']] as const) {
      await statusOf(requestId, change);
      expect(await noteMend(store.database, { requestId, claimedRun }, 'too late')).toBe(false);
      expect(await isAsItWas(store.database, { requestId, claimedRun })).toBe(false);
    }
    expect(await store.database.rows(`SELECT 1 FROM timeline WHERE request_id = $1`, [requestId])).toHaveLength(2);
  });

  test('waits for whoever holds the row, and then sees what that one has done', async () => {
    const [requestId = ''] = await received(1);
    let noted: Promise<boolean> | undefined;
    await store.database.transaction(async (tx) => {
      await tx.rows('SELECT 1 FROM deletions WHERE request_id = $1 FOR UPDATE', [requestId]);
      noted = noteMend(store.database, { requestId, claimedRun: null }, 'too late');
      await tx.rows(`UPDATE deletions SET claimed_run = 'run-1' WHERE request_id = $1`, [requestId]);
    });
    expect(await noted).toBe(false);
  });
});
