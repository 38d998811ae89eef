import { describe, expect, it, vi } from 'vitest';
import { createDeadLetterGauges } from '../../api/dead-letter-gauges.js';
import { createLedgerGauges } from '../../api/ledger-gauges.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import type { LedgerStats } from '../../store/ledger/stats.js';
import { openApi } from '../support/api.js';

const silent = createLog({ level: 'silent' });

describe('the gauges', () => {
  const some: LedgerStats = { inFlight: [], parked: [], overdue: 2, dueSoon: 1, noProgressSeconds: 0, tenantsUnknown: 0, verdicts: {}, resurrected: {} };
  const gauges = (readStats: () => Promise<LedgerStats>) => {
    let now = 0;
    const metrics = createMetrics();
    const refresh = createLedgerGauges({ metrics, readStats, maxAgeMs: 3_000, timeoutMs: 50, log: silent, now: () => now });
    const value = async (name: string) => (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name)).map((line) => line.split(' ').at(-1));
    return { refresh, value, pass: (ms: number) => void (now += ms) };
  };

  it('are counted anew no more often than they may be', async () => {
    const readStats = vi.fn(() => Promise.resolve<LedgerStats>({ ...some, inFlight: [{ kind: 'user', status: 'PENDING', count: 3 }], parked: [{ kind: 'service', code: 'NO_ERASER', count: 4 }], noProgressSeconds: 7, verdicts: { RESIDUAL: 5 }, resurrected: { post: 6 } }));
    const { refresh, value, pass } = gauges(readStats);
    await Promise.all([refresh(), refresh()]);
    pass(2_999);
    await refresh();
    expect(readStats).toHaveBeenCalledTimes(1);
    pass(1);
    await refresh();
    expect(readStats).toHaveBeenCalledTimes(2);
    expect(await value('expunge_overdue')).toEqual(['2']);
    expect(await value('expunge_in_flight{kind="user",status="PENDING"}')).toEqual(['3']);
    expect(await value('expunge_in_flight{kind="service",status="FAILED"}')).toEqual(['0']);
    expect(await value('expunge_parked{kind="service",code="NO_ERASER"}')).toEqual(['4']);
    expect(await value('expunge_parked{kind="user",code="DAG_FAILED"}')).toEqual(['0']);
    expect(await value('expunge_no_progress_seconds')).toEqual(['7']);
    expect(await value('expunge_verdicts_last_day')).toEqual(['5', '0']);
    expect(await value('expunge_resurrected_last_day{kind="post"}')).toEqual(['6']);
    expect(await value('expunge_resurrected_last_day{kind="media"}')).toEqual(['0']);
  });

  it.each([['is down', () => Promise.reject(new Error('down'))], ['hangs', () => new Promise<never>(() => undefined)]])('are absent while the ledger %s', async (_how, outage) => {
    const readStats = vi.fn<() => Promise<LedgerStats>>(() => Promise.resolve(some));
    const { refresh, value, pass } = gauges(readStats);
    await refresh();
    pass(5_000);
    readStats.mockImplementation(outage);
    await refresh();
    for (const name of ['expunge_overdue', 'expunge_due_soon', 'expunge_in_flight', 'expunge_parked{', 'expunge_no_progress', 'expunge_tenants_unknown', 'expunge_verdicts', 'expunge_resurrected_last_day']) expect(await value(name)).toEqual([]);
  });
});

describe('the gauges of dead letters', () => {
  it('tell of each topic how many it holds and was ever given, and nothing while Kafka cannot be asked', async () => {
    const metrics = createMetrics();
    const sizes = vi.fn((topics: readonly string[]) => Promise.resolve(new Map(topics.filter((topic) => topic === 'a.dlq').map((topic) => [topic, { kept: 2, end: 5 }]))));
    const count = createDeadLetterGauges({ metrics, topics: ['a', 'not-there'], sizes });
    const lines = async () => (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('expunge_dead_letters_') && !line.startsWith('expunge_dead_letters_total'));
    await count();
    expect(sizes).toHaveBeenCalledWith(['a.dlq', 'not-there.dlq']);
    expect(await lines()).toEqual(['expunge_dead_letters_kept{topic="a"} 2', 'expunge_dead_letters_end_offset{topic="a"} 5']);
    sizes.mockRejectedValueOnce(new Error('down'));
    await expect(count()).rejects.toThrow('down');
    expect(await lines()).toEqual([]);
  });
});

it('counts answers by the form of their route, so that no id is told', async () => {
  const metrics = createMetrics();
  const api = openApi({ metrics });
  await api.inject('/api/v1/deletions/some-id');
  await api.inject('/some/where/else-id');
  const text = await metrics.registry.getSingleMetricAsString('expunge_api_request_duration_seconds');
  expect(text).toContain('expunge_api_request_duration_seconds_count{route="/api/v1/deletions/:requestId",method="GET",status="404"} 1');
  expect(text).toContain('expunge_api_request_duration_seconds_count{route="none",method="any",status="404"} 1');
  expect(text).not.toContain('some-id');
  expect(text).not.toContain('else-id');
});
