import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { takeOverdueJobs } from '../../store/ledger/jobs.js';
import { receiveRequest, userSubject } from '../support/deletions.js';
import { atOnce, openStore, type TestStore } from '../support/store.js';

const EVERY_MS = 60_000;
const LOOKS = { everyMs: EVERY_MS, atLeastEveryMs: 15 * EVERY_MS };

let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.database.rows('DELETE FROM attempts'));
afterAll(() => store.close());

/** A job whose run was posted so many minutes ago. */
async function posted(minutesAgo: number): Promise<string> {
  const { input: { requestId } } = await receiveRequest(store.database, { subject: userSubject() });
  const jobId = `del_req_${requestId}`;
  await store.database.rows(`INSERT INTO attempts (job_id, request_id, attempt, dag_id, lane, generation, cause, posted_at)
    VALUES ($1, $2, 1, 'dag', 'default', 0, 'request received', now() - $3 * interval '1 minute')`, [jobId, requestId, minutesAgo]);
  return jobId;
}
/** As if so many minutes had gone by. */
const later = (minutes: number) => store.database.rows(`UPDATE attempts SET posted_at = posted_at - $1 * interval '1 minute', watch_from = watch_from - $1 * interval '1 minute'`, [minutes]);
const taken = async (limit = 50): Promise<string[]> => (await takeOverdueJobs(store.database, LOOKS, limit)).map(({ jobId }) => jobId);

describe('a run without a result', () => {
  test('is looked at when it is overdue, and not by two watchers at once', async () => {
    const [overdue] = [await posted(2), await posted(0.5)];
    expect((await atOnce(5, () => taken())).flat()).toEqual([overdue]);
    expect(await taken()).toEqual([]);
  });

  test.each([
    ['of minutes every minute', 5, 1],
    ['of an hour every six minutes', 60, 6],
    ['of days every quarter of an hour', 5 * 24 * 60, 15],
  ])('%s', async (_, minutesAgo, againInMinutes) => {
    const job = await posted(minutesAgo);
    expect(await taken()).toEqual([job]);
    await later(againInMinutes * 0.95);
    expect(await taken()).toEqual([]);
    await later(againInMinutes * 0.1);
    expect(await taken()).toEqual([job]);
  });

  test('that has waited the longest goes first, and none is left out', async () => {
    const jobs = [await posted(30), await posted(20), await posted(10)];
    const rounds = [await taken(1), await taken(1), await taken(1), await taken(1)];
    expect(rounds).toEqual([...jobs.map((job) => [job]), []]);
  });
});
