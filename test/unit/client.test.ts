import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { createApiReader } from '../../client/api-reader.js';
import { actOnDeletion, eraseTenant } from '../../client/acts.js';
import { createExpungeClient } from '../../client/expunge-client.js';
import { ClientFault } from '../../client/faults.js';
import { serviceRequest, userRequest, type RequestMakings } from '../../client/request-messages.rules.js';
import { printable, shownSpan } from '../../client/table.rules.js';
import { watchDeletion } from '../../client/watch.js';
import { deletionAnswerOf } from '../../api/deletion-answer.rules.js';
import { BusOutage, RecordRefused } from '../../bus/producer-errors.js';
import type { DeletionAnswer } from '../../contracts/api/deletions.js';
import { runRecorded } from '../support/cli-run.js';
import { aDeletion } from '../support/ledger-rows.js';

const answer = (more: Parameters<typeof aDeletion>[0] = {}): DeletionAnswer => deletionAnswerOf({ deletion: aDeletion(more), attempts: [], timeline: [], joined: [], verification: undefined, again: null }, undefined);
const makings: RequestMakings = { now: new Date('2026-02-11T10:00:00Z'), newIds: { eventId: 'uuid-new', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) } };
const sample = (name: string) => JSON.parse(readFileSync(new URL(`../samples/${name}.json`, import.meta.url), 'utf8')) as { key: string; value: unknown };
const noTemporal = () => Promise.reject(new Error('Temporal was asked'));
const responding = (status: number, body: unknown) => vi.fn(() => Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status }))) as unknown as typeof fetch;

describe('a request', () => {
  it('for a user is the message of the contract', () => {
    const { value, key } = sample('users.deletion.request');
    const { requestId, record } = userRequest({ userId: 'user_888', reason: 'gdpr_request', source: 'account-service', eventId: 'uuid-1234', traceId: 'trace-abc-999' }, makings);
    expect(requestId).toBe('uuid-1234');
    expect(JSON.parse(record.value as string)).toEqual({ ...(value as object), timestamp: '2026-02-11T10:00:00.000Z' });
    expect(record).toMatchObject({ topic: 'users.deletion.request', key });
    expect(record.headers).toBeUndefined();
  });

  it('for a service is the message of the contract', () => {
    const { value, key } = sample('tenant.service.deletion.request');
    const { requestId, record } = serviceRequest({ tenantId: 'tenant-12345', serviceType: 'cloud-storage', serviceInstanceId: 'srv-abc-001', requestedBy: 'admin-user-uuid', gdprMode: false, traceId: 'trace-uuid-999' }, { ...makings, now: new Date('2026-02-11T12:00:00Z') });
    expect(requestId).toBe('trace-uuid-999_srv-abc-001');
    expect(JSON.parse(record.value as string)).toEqual({ ...(value as object), payload: { ...(value as { payload: object }).payload, timestamp: '2026-02-11T12:00:00.000Z' } });
    expect(record).toMatchObject({ topic: 'tenant.service.deletion.request', key });
  });

  it('begins a trace of its own, also in the header', () => {
    const { record, traceId, requestId } = userRequest({ userId: 'u', reason: 'r', source: 's', dryRun: true }, makings);
    expect({ traceId, requestId }).toEqual({ traceId: 'a'.repeat(32), requestId: 'uuid-new' });
    expect(record.headers).toEqual({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
    expect(JSON.parse(record.value as string)).toMatchObject({ payload: { dryRun: true } });
  });

  it('that breaks the contract is not sent: the field is named', () => {
    expect(() => userRequest({ userId: 'a b', reason: 'r', source: 's' }, makings)).toThrow(/payload\.userId must be 1 to 64 characters/);
    expect(() => serviceRequest({ tenantId: 't~1', serviceType: 'app', serviceInstanceId: 'i', requestedBy: 'x', gdprMode: true }, makings)).toThrow(/payload\.tenantId .*t~1/);
  });
});

describe('publishing', () => {
  const client = (send: (records: readonly unknown[]) => Promise<readonly unknown[]>) =>
    createExpungeClient({ apiUrl: 'http://api', temporal: noTemporal, kafka: () => ({ send: send as never, close: () => Promise.resolve() }) });
  const records = Array.from({ length: 1_200 }, (_, i) => ({ topic: 't', key: 'k', value: String(i) }));

  it('sends in slices, in order, and tells how far it is', async () => {
    const sent: number[] = [];
    const seen: unknown[] = [];
    await client((slice) => { seen.push(...slice); return Promise.resolve(slice.map(() => ({ ok: true }))); }).publish(records, (n) => sent.push(n));
    expect(sent).toEqual([500, 1_000, 1_200]);
    expect(seen).toEqual(records);
  });

  it.each([[new BusOutage(new Error('ECONNREFUSED')), 'unreachable', /KAFKA_BROKERS.*500 of 1200/s], [new RecordRefused('UNKNOWN_TOPIC_OR_PARTITION', 't'), 'refused', /expunge setup.*500 of 1200/s]] as const)('stops at the first that is not taken: %s', async (error, kind, said) => {
    let calls = 0;
    const stopping = client((slice) => Promise.resolve(++calls === 1 ? slice.map(() => ({ ok: true })) : slice.map(() => ({ ok: false, error }))));
    await expect(stopping.publish(records)).rejects.toMatchObject({ kind, message: expect.stringMatching(said) as string });
    expect(calls).toBe(2);
  });
});

describe('reading the API', () => {
  it('takes what the contract allows', async () => {
    const fetching = responding(200, answer());
    expect(await createApiReader('http://api', { fetch: fetching }).deletion('tenant~t~1')).toEqual(answer());
    expect(fetching).toHaveBeenCalledWith('http://api/api/v1/deletions/tenant~t~1', expect.anything());
  });

  it.each([
    [404, { type: '/problems/unknown-request', title: 't', status: 404, detail: 'no request' }, 'not-found', /no request/],
    [404, { type: '/problems/unknown-path', title: 't', status: 404, detail: 'no route' }, 'unreachable', /EXPUNGE_API_URL/],
    [503, { type: '/problems/unavailable', title: 't', status: 503, detail: 'The ledger cannot be read.' }, 'unreachable', /The ledger cannot be read/],
    [401, { type: '/problems/unauthenticated', title: 't', status: 401, detail: 'The token has expired.' }, 'refused', /has expired.*EXPUNGE_API_TOKEN/],
    [500, { type: '/problems/internal', title: 't', status: 500, detail: 'it failed' }, 'unreachable', /it failed/],
    [404, '<html>', 'unreachable', /not Expunge's API.*EXPUNGE_API_URL/],
    [200, '<html>', 'unreachable', /not Expunge's API/],
    [200, { requestId: 'r' }, 'unreachable', /same version/],
  ] as const)('answers %i %j as %s', async (status, body, kind, said) => {
    await expect(createApiReader('http://api', { fetch: responding(status, body) }).deletion('r')).rejects.toMatchObject({ kind, message: expect.stringMatching(said) as string });
  });

  it('names the address and the variable when nothing answers', async () => {
    await expect(createApiReader('http://127.0.0.1:1').deletion('r')).rejects.toMatchObject({ kind: 'unreachable', message: expect.stringMatching(/http:\/\/127\.0\.0\.1:1 .*EXPUNGE_API_URL/) as string });
  });

  it('sends nothing for what is no id', async () => {
    const fetching = responding(200, answer());
    for (const id of ['..', 'a/b', '', 'x'.repeat(161)]) await expect(createApiReader('http://api', { fetch: fetching }).deletion(id)).rejects.toMatchObject({ kind: 'usage' });
    expect(fetching).not.toHaveBeenCalled();
  });
});

describe('a subject', () => {
  const found = { subjectRefs: ['v1.00000000'], total: 3, stored: [{ kind: 'post', owner: 'content-service', count: 3, hidden: 1, since: '2025-01-15T10:30:00Z' }], erased: null };

  it('is asked for by user id or by reference, and never by what is neither', async () => {
    const fetching = vi.fn(() => Promise.resolve(new Response(JSON.stringify(found))));
    const api = createApiReader('http://api', { fetch: fetching });
    await api.subjectOfUser('ann+1@example.org');
    await api.subject('v1.00000000');
    expect(fetching.mock.calls.map(([url]: readonly unknown[]) => url)).toEqual(['http://api/api/v1/subjects/by-user/ann%2B1%40example.org', 'http://api/api/v1/subjects/v1.00000000']);
    await expect(api.subject('ann')).rejects.toMatchObject({ kind: 'usage' });
    await expect(api.subjectOfUser('../x')).rejects.toMatchObject({ kind: 'usage' });
  });

  it('is shown by kind, with who keeps it', async () => {
    const shown = async (answered: object, ...args: string[]): Promise<string> => {
      vi.stubGlobal('fetch', responding(200, answered));
      try {
        const { code, out, err } = await runRecorded(['subject', 'show', ...args], {});
        expect({ code, err }).toEqual({ code: 0, err: '' });
        return out;
      } finally {
        vi.unstubAllGlobals();
      }
    };
    const text = await shown(found, 'ann');
    for (const part of ['v1.00000000', 'content-service', '2025-01-15 10:30:00Z', 'of which hidden']) expect(text).toContain(part);
    expect(await shown({ ...found, total: 0, stored: [], erased: { at: '2025-02-01T00:00:00Z', requestId: 'req-1' } }, '--ref', 'v1.00000000')).toMatch(/nothing that the bus told of\nerased +2025-02-01 00:00:00Z, by req-1/);
    expect(JSON.parse(await shown(found, 'ann', '--json'))).toEqual(found);
  });
});

describe('an act', () => {
  const deps = (deletion: DeletionAnswer) => ({ api: createApiReader('http://api', { fetch: responding(200, deletion) }), temporal: noTemporal, answerTimeoutMs: 1 });

  it.each([
    [answer({ status: 'COMPLETED' }), /ended as COMPLETED/],
    [answer({ status: 'CANCELLED' }), /ended as CANCELLED/],
    [answer({ status: 'DUPLICATE', duplicateOf: 'first', outcome: 'COMPLETED' }), /joined first, which has ended as COMPLETED/],
  ])('on what has ended is refused without asking Temporal', async (deletion, said) => {
    await expect(actOnDeletion(deps(deletion), 'cancel', 'r', { by: 'ann' })).rejects.toMatchObject({ kind: 'refused', message: expect.stringMatching(said) as string });
  });

  it('on what is live goes to Temporal', async () => {
    await expect(actOnDeletion(deps(answer({ status: 'DUPLICATE', duplicateOf: 'first' })), 'cancel', 'r', { by: 'ann' })).rejects.toThrow('Temporal was asked');
  });

  it('on a tenant that nobody knows starts no workflow', async () => {
    const unknown = createApiReader('http://api', { fetch: responding(404, { type: '/problems/unknown-tenant', title: 't', status: 404, detail: 'no tenant' }) });
    await expect(eraseTenant({ api: unknown, temporal: noTemporal, answerTimeoutMs: 1 }, 't-typo', { by: 'ann' })).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('watching', () => {
  const notFound = new ClientFault('not-found', 'none');
  const outage = new ClientFault('unreachable', 'down');
  const watch = async (reads: (DeletionAnswer | ClientFault)[], more: Partial<Parameters<typeof watchDeletion>[0]> = {}) => {
    let now = 0;
    const seen: string[] = [];
    const outages: string[] = [];
    let at = 0;
    const result = await watchDeletion({
      read: () => {
        const one = reads[Math.min(at++, reads.length - 1)]!;
        return one instanceof ClientFault ? Promise.reject(one) : Promise.resolve(one);
      },
      until: 'final', everyMs: 1_000, arrivesWithinMs: 3_000, onSeen: ({ status }) => seen.push(status), onOutage: ({ message }) => outages.push(message),
      sleep: (ms) => { now += ms; return Promise.resolve(); }, now: () => now, ...more,
    });
    return { result, seen, outages, now };
  };

  it('goes on until it has ended', async () => {
    const { seen, result } = await watch([answer(), answer({ status: 'FAILED' }), answer({ status: 'PENDING' }), answer({ status: 'COMPLETED' })]);
    expect(seen).toEqual(['PENDING', 'FAILED', 'PENDING', 'COMPLETED']);
    expect(result.status).toBe('COMPLETED');
  });

  it('stops at a parked one when asked to', async () => {
    expect((await watch([answer(), answer({ status: 'TIMEOUT' })], { until: 'parked' })).result.status).toBe('TIMEOUT');
  });

  it('of a duplicate ends when what it joined has ended', async () => {
    const joined = { status: 'DUPLICATE', duplicateOf: 'first' } as const;
    expect((await watch([answer(joined), answer({ ...joined, outcome: 'CANCELLED' })])).seen).toHaveLength(2);
  });

  it('waits for a request that has not arrived, but not for ever', async () => {
    expect((await watch([notFound, notFound, answer({ status: 'COMPLETED' })])).seen).toEqual(['COMPLETED']);
    await expect(watch([notFound])).rejects.toBe(notFound);
    await expect(watch([answer(), notFound])).rejects.toBe(notFound);
  });

  it('goes on through an outage, unless there was never an answer', async () => {
    expect((await watch([answer(), outage, outage, answer({ status: 'COMPLETED' })])).outages).toEqual(['down', 'down']);
    await expect(watch([outage])).rejects.toBe(outage);
  });

  it('ends when time is up, and says how it was', async () => {
    await expect(watch([answer({ status: 'ON_HOLD' })], { timeoutMs: 5_000 })).rejects.toMatchObject({ kind: 'failed', message: 'Not over after 5 s: it is ON_HOLD.' });
  });
});

describe('the command', () => {
  const run = async (...args: string[]) => {
    return runRecorded(args, { EXPUNGE_API_URL: 'http://127.0.0.1:1', KAFKA_BROKERS: '127.0.0.1:1' });
  };

  it('needs no configuration to explain itself, and documents its exit codes', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    expect(out).toMatch(/Exit codes:\n {3}0 .*\n {3}1 .*\n {3}2 .*\n {3}3 .*\n {3}4 .*\n {3}5 .*\n {2}70 /);
    expect((await run('cancel', '--help')).out).toContain('--reason <text>');
  });

  it.each([[['nope']], [['status']], [['cancel', 'r']], [['watch', 'r', '--every', '5']], [['watch', 'r', '--until', 'never']], [['request', 'user', 'a b', '--reason', 'x']], [['setup', '--partitions', '0']], [['services', 'import', '/no/such/file']], [['services', 'import', 'x', '--as-of', 'yesterday']]])('ends with 2 when it is used wrongly: %j', async (args) => {
    const { code, err, out } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
    expect(err).not.toContain('    at ');
  });

  it('ends with 2 when the configuration is wrong, naming every fault', async () => {
    expect(await runRecorded(['setup'], {})).toMatchObject({ code: 2, err: expect.stringMatching(/DATABASE_URL.*KAFKA_BROKERS/s) as string });
  });

  it('ends with 5 when the API is not there', async () => {
    expect(await run('status', 'r')).toMatchObject({ code: 5, err: expect.stringMatching(/127\.0\.0\.1:1 .*EXPUNGE_API_URL/) as string });
  });
});

describe('what is shown', () => {
  it('cannot move the cursor or turn the text around', () => {
    expect(printable('a\u001b[2Jb\u0007c\u202ed\ne')).toBe('a [2Jb c d\ne');
  });

  it.each([[850, '850 ms'], [4_200, '4.2 s'], [303_000, '5 min 3 s'], [7_500_000, '2 h 5 min'], [86_400_000, '1 d'], [273_600_000, '3 d 4 h']])('shows %i ms as %s', (ms, shown) => {
    expect(shownSpan(ms)).toBe(shown);
  });
});
