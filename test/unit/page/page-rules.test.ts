import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actsFor } from '../../../api/page/rules/acts.rules.js';
import { endOf, phasesOf, placesOf, stepsOf, xOf } from '../../../api/page/rules/life.rules.js';
import { nextWaitMs } from '../../../api/page/rules/poll.rules.js';
import { filterCount, hashOf, routeOf } from '../../../api/page/rules/route.rules.js';
import { lookUpsFor } from '../../../api/page/rules/search.rules.js';
import { countWords, durationWords, FAILURES, isOverdue, STATUSES, stepTitle, subjectWords } from '../../../api/page/rules/words.rules.js';
import type { DeletionAnswer } from '../../../contracts/api/deletions.js';
import { DELETION_STATUSES, FAILURE_CODES, isFinal } from '../../../contracts/names/index.js';
import { derivedId, incomingId, personId, subjectRef } from '../../../contracts/topics/index.js';

const entry = (at: string, what: string, status: DeletionAnswer['status'], more: Partial<DeletionAnswer['history'][number]> = {}) => ({ at, what, status, attempt: 1, cause: 'a test', by: null, reason: null, ...more });
const T = '2026-02-11T10:00:';

describe('an address', () => {
  it.each([
    ['', { view: 'overview', query: {} }],
    ['#/', { view: 'overview', query: {} }],
    ['#/deletions?status=FAILED&status=TIMEOUT&tenantId=t-1&x=1&parked=', { view: 'overview', query: { status: ['FAILED', 'TIMEOUT'], tenantId: 't-1' } }],
    ['#/deletions/trace_s%3A1', { view: 'deletion', requestId: 'trace_s:1' }],
    ['#/deletions/%zz', { view: 'deletion', requestId: '%zz' }],
    ['#/tenants?status=EMPTY', { view: 'tenants', query: { status: ['EMPTY'] } }],
    ['#/tenants/t-1', { view: 'tenant', tenantId: 't-1' }],
    ['#/search?q=+ann%40x.org+', { view: 'search', text: 'ann@x.org' }],
    ['#/tenants/t-1/more', { view: 'unknown' }],
    ['#main', { view: 'unknown' }],
  ])('%s names what is shown', (hash, route) => {
    expect(routeOf(hash)).toEqual(route);
  });

  it('leads back to what it was made of, whatever the ids hold', () => {
    // Whole characters: half of one is no part of an address.
    const text = fc.string({ minLength: 1, unit: fc.oneof(fc.constantFrom('/', '?', '#', '%', '&', '=', '+', ' ', '~', '.'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })) }).filter((one) => one.trim() === one && one !== '');
    fc.assert(fc.property(text, (id) => {
      for (const route of [{ view: 'deletion', requestId: id }, { view: 'tenant', tenantId: id }, { view: 'search', text: id }, { view: 'overview', query: { status: ['FAILED', id], userId: id, cursor: id } }, { view: 'tenants', query: { status: [id] } }] as const) {
        expect(routeOf(hashOf(route as Parameters<typeof hashOf>[0]))).toEqual(route);
      }
    }), { numRuns: 200 });
  });

  it('tells how many filters are set, the page not counted', () => {
    expect([filterCount({}), filterCount({ cursor: 'x' }), filterCount({ status: ['FAILED', 'TIMEOUT'], parked: 'true' }), filterCount({ status: [] })]).toEqual([0, 0, 2, 0]);
  });
});

describe('a search', () => {
  it('asks where the text can be an id, by the rules of the contract, and nowhere else', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._:~@+-]{1,70}$/), fc.stringMatching(/^v\d\.[a-z0-9]{6,12}$/), fc.constantFrom('.', '..', '...', '__proto__', 'constructor', 'prototype')), (text) => {
      const asked = lookUpsFor(text, false).map(({ as }) => as);
      expect(asked.includes('Request')).toBe(derivedId.safeParse(text).success);
      for (const as of ['Tenant', 'Service instance', 'Trace']) expect(asked.includes(as)).toBe(incomingId.safeParse(text).success);
      expect(asked.includes('User')).toBe(personId.safeParse(text).success);
      expect(asked.includes('Subject')).toBe(subjectRef.safeParse(text).success);
    }));
  });

  it('looks for no user inside a fence, and for a job only by a job’s name', () => {
    expect(lookUpsFor('v1.0a1b2c3d', true).map(({ as }) => as)).toEqual(['Request', 'Tenant', 'Service instance', 'Trace']);
    expect(lookUpsFor('del_req_r~2', false).map(({ path }) => path)).toEqual(['deletions/del_req_r~2', 'jobs/del_req_r~2']);
    expect(lookUpsFor('ann@x.org', false)).toEqual([{ as: 'User', path: 'deletions?limit=25&userId=ann%40x.org', finds: 'deletions' }]);
  });
});

describe('the acts that are offered', () => {
  const acts = (status: DeletionAnswer['status'], more: { attempt?: number; outcome?: DeletionAnswer['outcome']; history?: string[] } = {}, role: Parameters<typeof actsFor>[1] = 'operator') =>
    actsFor({ status, attempt: more.attempt ?? 1, outcome: more.outcome ?? null, history: (more.history ?? []).map((what) => entry(`${T}00Z`, what, status)) }, role).join(' ');
  it('follow the status', () => {
    expect(Object.fromEntries(DELETION_STATUSES.map((status) => [status, acts(status)]))).toEqual({
      PENDING: 'retry hold cancel', ON_HOLD: 'release cancel', SENT_TO_AIRFLOW: 'hold', FAILED: 'retry hold cancel', TIMEOUT: 'retry hold cancel', COMPLETED: '', CANCELLED: '', DUPLICATE: 'cancel',
    });
    expect([acts('PENDING', { attempt: 0 }), acts('DUPLICATE', { outcome: 'COMPLETED' })]).toEqual(['hold cancel', '']);
  });
  it('release what is held already', () => {
    expect([acts('FAILED', { history: ['held'] }), acts('SENT_TO_AIRFLOW', { history: ['held', 'released', 'held'] }), acts('FAILED', { history: ['held', 'released'] })]).toEqual(['retry release cancel', 'release', 'retry hold cancel']);
  });
  it('are none for a viewer, and an admin’s are an operator’s', () => {
    for (const status of DELETION_STATUSES) expect([acts(status, {}, 'viewer'), acts(status, {}, 'admin')]).toEqual(['', acts(status)]);
  });
});

describe('a life', () => {
  const history = [
    entry(`${T}00Z`, 'received', 'PENDING'), entry(`${T}01Z`, 'claimed', 'PENDING'), entry(`${T}02Z`, 'sent to Airflow', 'SENT_TO_AIRFLOW'), entry(`${T}12Z`, 'parked', 'FAILED'),
    entry(`${T}32Z`, 'retry', 'PENDING', { by: 'ann', reason: 'mended' }), entry(`${T}32Z`, 'sent to Airflow', 'SENT_TO_AIRFLOW', { attempt: 2 }), entry(`${T}40Z`, 'completed', 'COMPLETED', { attempt: 2 }),
  ];
  const timeline = { received: `${T}00Z`, completed: `${T}40Z`, duration_ms: 40_000 };
  const phases = phasesOf({ status: 'COMPLETED', final: true, history, timeline }, Date.parse(`${T}59Z`));

  it('is the statuses that it was in, one after the other, to the end', () => {
    expect(phases.map(({ status, fromMs, toMs, open }) => `${status} ${(toMs - fromMs) / 1_000}${open ? ' open' : ''}`)).toEqual(['PENDING 2', 'SENT_TO_AIRFLOW 10', 'FAILED 20', 'PENDING 0', 'SENT_TO_AIRFLOW 8', 'COMPLETED 0']);
  });
  it('goes on until now while it is not over', () => {
    const open = phasesOf({ status: 'FAILED', final: false, history: history.slice(0, 4), timeline: { ...timeline, completed: null } }, Date.parse(`${T}59Z`));
    expect(open.at(-1)).toMatchObject({ status: 'FAILED', open: true, toMs: Date.parse(`${T}59Z`) });
  });
  it('is drawn to scale, and no stretch too small to be seen', () => {
    const places = placesOf(phases, 1_000, 24);
    expect(places.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(1_000);
    expect(Math.min(...places.map(({ width }) => width))).toBe(24);
    expect(places[2]?.width).toBeCloseTo(24 + (1_000 - 6 * 24) / 2);
    expect(xOf(Date.parse(`${T}00Z`), phases, places)).toBe(0);
    expect(xOf(Date.parse(`${T}07Z`), phases, places)).toBeCloseTo((places[1]?.x ?? 0) + (places[1]?.width ?? 0) / 2);
    expect(placesOf(phasesOf({ status: 'PENDING', final: false, history: [], timeline }, Date.parse(timeline.received)), 1_000, 24)).toEqual([{ x: 0, width: 1_000 }]);
  });
  it('is told step by step, each with how long after the one before it came', () => {
    expect(stepsOf({ history }).map(({ what, sinceMs }) => `${what} ${sinceMs ?? '-'}`)).toEqual(['received -', 'claimed 1000', 'sent to Airflow 1000', 'parked 10000', 'retry 20000', 'sent to Airflow 0', 'completed 8000']);
  });
  it('has attempts that end by what came first', () => {
    const attempt = { attempt: 1, jobId: 'j', dagId: 'd', lane: 'default', cause: 'c', sentAt: `${T}00Z`, postedAt: null, airflow_ref: null, result: null, resultAt: null, failure: null, counts: null, expected: null, timedOutAt: null, revoked: null };
    expect(endOf(attempt)).toBeUndefined();
    expect(endOf({ ...attempt, timedOutAt: `${T}10Z`, result: 'SUCCESS', resultAt: `${T}20Z` })).toEqual({ atMs: Date.parse(`${T}10Z`), how: 'timeout' });
    expect(endOf({ ...attempt, result: 'FAILURE', resultAt: `${T}05Z`, revoked: { at: `${T}20Z`, why: null } })?.how).toBe('failure');
    expect(endOf({ ...attempt, revoked: { at: `${T}20Z`, why: null } })?.how).toBe('revoked');
  });
});

describe('words', () => {
  it.each([[0, '0 ms'], [-5, '0 ms'], [999, '999 ms'], [1_000, '1 s'], [1_500, '1.5 s'], [59_999, '59 s'], [60_000, '1 min'], [200_000, '3 min 20 s'], [3_600_000, '1 h'], [7_500_000, '2 h 5 min'], [90_000_000, '1 d 1 h'], [30 * 86_400_000, '30 d']])('say %d ms as %s', (ms, words) => {
    expect(durationWords(ms)).toBe(words);
  });
  it('are there for every status and failure of the contract', () => {
    expect(Object.keys(STATUSES).sort()).toEqual([...DELETION_STATUSES].sort());
    expect(Object.keys(FAILURES).sort()).toEqual([...FAILURE_CODES].sort());
    expect(DELETION_STATUSES.filter((status) => STATUSES[status].tone === 'bad' && isFinal(status))).toEqual([]);
  });
  it('name what a deletion is of, and what a step was', () => {
    expect([subjectWords({ kind: 'user', userId: 'u-1' }), subjectWords({ kind: 'service', tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's-1' }), subjectWords({ kind: 'tenant', tenantId: 't-1', emptying: 2 })]).toEqual(['user u-1', 'service s-1 (app) of t-1', 'tenant t-1, emptying 2']);
    expect([stepTitle('sent to Airflow'), stepTitle('due-soon'), stepTitle('still-parked')]).toEqual(['Sent to Airflow', 'Due soon', 'Still parked']);
    expect(countWords({ db_rows_purged: 12, files: 3 })).toBe('db rows purged 12, files 3');
  });
  it('call overdue what is past its due date and not over', () => {
    const dueAt = `${T}00Z`;
    expect([isOverdue({ final: false, dueAt }, Date.parse(`${T}01Z`)), isOverdue({ final: true, dueAt }, Date.parse(`${T}01Z`)), isOverdue({ final: false, dueAt }, Date.parse(dueAt))]).toEqual([true, false, false]);
  });
});

it('looks soon after something moved, and ever more rarely while nothing does', () => {
  const waits = Array.from({ length: 10 }).reduce<number[]>((before) => [...before, nextWaitMs(before.at(-1), false)], []);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect([waits[0], waits.at(-1), nextWaitMs(30_000, true)]).toEqual([1_500, 30_000, 1_500]);
});
