import { describe, expect, test } from 'vitest';
import { createReconcileActivities, RunRefused, type ReconcileDeps, type Runs } from '../../activities/reconcile.js';
import type { RunSeen } from '../../activities/reconcile.rules.js';
import type { Database } from '../../store/database.js';

interface Row { readonly requestId: string; readonly kind: string; readonly workflowId: string; readonly claimedRun: string | null; readonly due: string }
const row = (n: number, claimedRun: string | null = 'run'): Row => ({ requestId: `r-${n}`, kind: 'user', workflowId: `w-${n}`, claimedRun, due: `2026-01-01 00:00:00.${String(n).padStart(6, '0')}+00` });

/** A reconciler over rows and runs that a test says; `changed` are rows that have ended or changed hands since they were read. */
function reconcilerOf(rows: readonly Row[], runs: Partial<Runs> & { readonly seen?: (workflowId: string) => RunSeen | undefined }, changed: ReadonlySet<string> = new Set(), more: Partial<ReconcileDeps> = {}) {
  const did: string[] = [];
  const told: string[] = [];
  const answer = (sql: string, params: readonly unknown[]): unknown[] => {
    if (sql.includes('ORDER BY due_at')) return rows.filter(({ due, requestId }) => `${due}|${requestId}` > `${String(params[0])}|${String(params[1])}`).slice(0, Number(params[3]));
    return changed.has(String(params[0])) ? [] : [{}];
  };
  const database = { rows: (sql: string, params: readonly unknown[] = []) => Promise.resolve(answer(sql, params)) } as unknown as Database;
  const doing = (what: string) => ({ workflowId }: { workflowId: string }) => Promise.resolve(void did.push(`${what} ${workflowId}`));
  const deps: ReconcileDeps = {
    database, quietMs: 60_000, pace: () => Promise.resolve(), alive: () => undefined, mustSee: () => Promise.resolve(),
    runs: {
      latest: (workflowId) => Promise.resolve(runs.seen?.(workflowId)),
      startOrJoin: doing('start or join'),
      takeOver: (of, lost) => doing(`take over from ${lost.run}`)(of).then(() => true),
      reclaim: (workflowId) => doing('reclaim')({ workflowId }).then(() => true),
      ...runs,
    },
    events: {
      looked: (count) => void told.push(`looked ${count}`),
      mended: (_kind, mend, requestId) => void told.push(`${mend} ${requestId}`),
      failed: (requestId, error) => void told.push(`failed ${requestId}: ${error.message}`),
      gaveUp: () => void told.push('gave up'),
    },
    ...more,
  };
  return { ...createReconcileActivities(deps), did, told };
}

describe('a page of the reconciler', () => {
  test('follows the one before it, until there is none', async () => {
    const looked: string[] = [];
    const reconciler = reconcilerOf(Array.from({ length: 450 }, (_, n) => row(n)), { seen: (workflowId) => {
      looked.push(workflowId);
      return { startedMsAgo: 1e9, busy: false, firstRunId: 'run' };
    } });
    let page = await reconciler.reconcilePage({ reclaim: false });
    const sizes = [page.report.looked];
    while (page.next !== undefined) {
      page = await reconciler.reconcilePage({ reclaim: false, after: page.next });
      sizes.push(page.report.looked);
    }
    expect(sizes).toEqual([200, 200, 50]);
    expect(new Set(looked).size).toBe(450);
    expect(looked).toHaveLength(450);
  });

  test('mends what is as it was when it was read, and nothing that has ended or changed hands since', async () => {
    const rows = [row(1), row(2, null), row(3), row(4, null)];
    const { did, told, ...reconciler } = reconcilerOf(rows, {}, new Set(['r-3', 'r-4']));
    const { report } = await reconciler.reconcilePage({ reclaim: false });
    expect(report).toEqual({ looked: 4, mended: { start: 1, join: 0, 'take-over': 1, reclaim: 0 }, requestIds: expect.arrayContaining(['r-1', 'r-2']) as unknown, failed: 0 });
    expect(did.sort()).toEqual(['start or join w-2', 'take over from run w-1']);
    expect(told).toEqual(expect.arrayContaining(['take-over r-1', 'start r-2', 'looked 4']));
  });

  test('counts no mend that came too late', async () => {
    const reconciler = reconcilerOf([row(1)], { takeOver: () => Promise.resolve(false) });
    expect((await reconciler.reconcilePage({ reclaim: false })).report).toMatchObject({ mended: { 'take-over': 0 }, requestIds: [] });
  });

  test('goes on behind a row that Temporal refuses for what it is', async () => {
    const refusing: Runs['takeOver'] = ({ requestId }) => (requestId === 'r-1' ? Promise.reject(new RunRefused('too long')) : Promise.resolve(true));
    const { told, ...reconciler } = reconcilerOf([row(1), row(2)], { takeOver: refusing });
    expect((await reconciler.reconcilePage({ reclaim: false })).report).toMatchObject({ failed: 1, requestIds: ['r-2'] });
    expect(told).toContain('failed r-1: too long');
  });

  test('is given up, to be tried again, while Temporal is out; no row is taken for lost', async () => {
    let asked = 0;
    const { did, told, ...reconciler } = reconcilerOf(Array.from({ length: 100 }, (_, n) => row(n)), { latest: () => Promise.reject(Object.assign(new Error('14 UNAVAILABLE'), { asked: ++asked })) });
    await expect(reconciler.reconcilePage({ reclaim: false })).rejects.toMatchObject({ nonRetryable: false });
    expect(did).toEqual([]);
    expect(told).toEqual(['gave up']);
    expect(asked).toBeLessThan(20);
  });

  test('looks at nothing when it cannot tell whether Temporal is the right one', async () => {
    const { did, ...reconciler } = reconcilerOf([row(1)], {}, new Set(), { mustSee: () => Promise.reject(new Error('another namespace')) });
    await expect(reconciler.reconcilePage({ reclaim: false })).rejects.toThrow();
    expect(did).toEqual([]);
  });
});
