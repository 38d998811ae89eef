import { afterAll, beforeAll, expect, test } from 'vitest';
import { readStats } from '../../store/ledger/stats.js';
import { applySubjectEvents } from '../../store/subjects/apply-events.js';
import type { SubjectEvent } from '../../store/subjects/batch.rules.js';
import { entomb, eraseSubject } from '../../store/subjects/erase.js';
import { forgetResurrections } from '../../store/subjects/forget.js';
import { freshId, receiveRequest, serviceSubject, userSubject } from '../support/deletions.js';
import { openStore, type TestStore } from '../support/store.js';

const HOUR_MS = 3_600_000;
let store: TestStore;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

const stats = () => readStats(store.database, 3 * 24 * HOUR_MS);
const erase = (subjectRef: string, erasedAt: Date) => store.database.transaction(async (tx) => {
  entomb(tx, { subjectRef, requestId: freshId('req'), erasedAt });
  await eraseSubject(tx, subjectRef);
});
const told = (userId: string, at: Date, more: Partial<SubjectEvent> = {}): SubjectEvent => ({ eventId: freshId('evt'), kind: 'post', itemId: freshId('post'), state: 'live', at, owner: { userId, subjectRefs: [`v1.${userId}`] }, ...more });

test('a ledger in which nothing has happened has nothing to tell', async () => {
  expect(await stats()).toEqual({ inFlight: [], parked: [], overdue: 0, dueSoon: 0, noProgressSeconds: 0, tenantsUnknown: 0, verdicts: {}, resurrected: {} });
});

test('what is parked is counted by its code until it goes on; what is due by its date; dry runs are not', async () => {
  const { input } = await receiveRequest(store.database, { subject: userSubject(), policy: { dueInMs: HOUR_MS } });
  await receiveRequest(store.database, { subject: userSubject(), dryRun: true });
  const call = { requestId: input.requestId, runId: 'run-1', cause: 'the request' };
  await store.activities.claim({ ...call, step: 0 });
  await store.activities.trigger({ ...call, step: 1 });
  expect(await stats()).toMatchObject({ inFlight: [{ kind: 'user', status: 'SENT_TO_AIRFLOW', count: 1 }], parked: [], overdue: 0, dueSoon: 1 });
  await store.activities.park({ ...call, step: 2, status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] });
  expect(await stats()).toMatchObject({ inFlight: [{ kind: 'user', status: 'TIMEOUT', count: 1 }], parked: [{ kind: 'user', code: 'RESULT_TIMEOUT', count: 1 }] });
  await store.database.rows('UPDATE deletions SET due_at = now() WHERE request_id = $1', [input.requestId]);
  expect(await stats()).toMatchObject({ overdue: 1, dueSoon: 0 });
  await store.activities.reopen({ ...call, step: 3 });
  expect((await stats()).parked).toEqual([]);
  await store.activities.cancel({ ...call, step: 4, act: {} });
  expect(await stats()).toMatchObject({ inFlight: [], overdue: 0 });
});

test('a wait for Airflow is without progress since the last end, or since it began', async () => {
  const { input } = await receiveRequest(store.database, { subject: userSubject() });
  const call = { requestId: input.requestId, runId: 'run-2', cause: 'the request' };
  await store.activities.claim({ ...call, step: 0 });
  await store.activities.trigger({ ...call, step: 1 });
  await store.database.rows(`UPDATE deletions SET sent_at = now() - interval '5 hours' WHERE request_id = $1`, [input.requestId]);
  await store.database.script(`UPDATE deletions SET completed_at = now() - interval '2 hours' WHERE completed_at IS NOT NULL`);
  expect((await stats()).noProgressSeconds / 3_600).toBeCloseTo(2, 1);
  await store.database.script(`UPDATE deletions SET completed_at = now() - interval '9 hours' WHERE completed_at IS NOT NULL`);
  expect((await stats()).noProgressSeconds / 3_600).toBeCloseTo(5, 1);
  expect(await store.activities.complete({ ...call, step: 2, attempt: 1 })).toMatchObject({ outcome: 'completed' });
  expect((await stats()).noProgressSeconds).toBe(0);
});

test('a tenant of which a service was deleted that nobody provisioned is unknown; one that was only named is not', async () => {
  const { input } = await receiveRequest(store.database, { subject: serviceSubject('t-unknown', 'srv-1') });
  await receiveRequest(store.database, { subject: serviceSubject('t-named', 'srv-1') });
  expect((await stats()).tenantsUnknown).toBe(0);
  await store.database.script(`UPDATE tenants SET other_deletions = 1 WHERE tenant_id = 't-unknown'; INSERT INTO tenants (tenant_id, other_deletions) VALUES ('t-unknown', 1) ON CONFLICT DO NOTHING`);
  expect((await stats()).tenantsUnknown).toBe(1);
  expect(input.requestId).toBeTruthy();
  await store.database.script(`UPDATE tenants SET status = 'ACTIVE' WHERE tenant_id = 't-unknown'`);
  expect((await stats()).tenantsUnknown).toBe(0);
});

test('statements to look at are counted for a day', async () => {
  const requests = await Promise.all(['RESIDUAL', 'RESIDUAL', 'UNVERIFIABLE', 'CLEAN'].map(async (verdict) => ({ verdict, requestId: (await receiveRequest(store.database, { subject: userSubject() })).input.requestId })));
  for (const { verdict, requestId } of requests) await store.database.rows('INSERT INTO verifications (request_id, deadline_at, stated_at, verdict) VALUES ($1, now(), now(), $2)', [requestId, verdict]);
  expect((await stats()).verdicts).toEqual({ RESIDUAL: 2, UNVERIFIABLE: 1 });
  await store.database.script(`UPDATE verifications SET stated_at = now() - interval '25 hours' WHERE verdict = 'RESIDUAL'`);
  expect((await stats()).verdicts).toEqual({ UNVERIFIABLE: 1 });
});

test('a resurrection is in the ledger with the event that tells of it, however often, until the subject is erased again or a day has passed', async () => {
  const userId = freshId('user');
  const start = Date.now();
  const at = (ms: number): Date => new Date(start + ms);
  await erase(`v1.${userId}`, at(0));
  const event = told(userId, at(1));
  // Nobody is told here: the process that applied it could be gone by now.
  await applySubjectEvents(store.database, [event, told(userId, at(2)), told(userId, at(3), { kind: 'media', itemId: freshId('media') }), told(userId, at(0))]);
  await applySubjectEvents(store.database, [event]);
  expect((await stats()).resurrected).toEqual({ post: 1, media: 1 });
  const row = () => store.database.rows(`SELECT kind, events, last_at FROM subject_resurrections WHERE subject_ref = $1 ORDER BY kind`, [`v1.${userId}`]);
  expect(await row()).toEqual([{ kind: 'media', events: 1, lastAt: at(3) }, { kind: 'post', events: 2, lastAt: at(2) }]);
  await erase(`v1.${userId}`, at(10));
  expect((await stats()).resurrected).toEqual({});
  await applySubjectEvents(store.database, [told(userId, at(11))]);
  expect((await stats()).resurrected).toEqual({ post: 1 });
  expect(await row()).toMatchObject([{ kind: 'media', events: 1 }, { kind: 'post', events: 3, lastAt: at(11) }]);
  await store.database.script(`UPDATE subject_resurrections SET noted_at = now() - interval '25 hours'`);
  expect((await stats()).resurrected).toEqual({});
  expect(await forgetResurrections(store.database, 26 * HOUR_MS)).toBe(0);
  expect(await forgetResurrections(store.database, 24 * HOUR_MS)).toBe(2);
});
