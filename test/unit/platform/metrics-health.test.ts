import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, expect, test, vi } from 'vitest';
import { createHealth, startHealthServer } from '../../../platform/health.js';
import type { HealthServer } from '../../../platform/health.js';
import { createMetrics } from '../../../platform/metrics.js';

/** What labels may be: each has few values, and none of them is an id. */
const METRIC_LABELS = ['class', 'code', 'group', 'kind', 'lane', 'mend', 'method', 'operation', 'outcome', 'owner', 'partition', 'role', 'route', 'status', 'target', 'topic', 'type', 'verdict'];

const open: HealthServer[] = [];
afterEach(async () => { await Promise.all(open.splice(0).map((server) => server.close())); });

async function serve(health: ReturnType<typeof createHealth>): Promise<string> {
  const server = await startHealthServer(health, { host: '127.0.0.1', port: 0 });
  open.push(server);
  return `http://127.0.0.1:${server.port}`;
}

test('metrics of two processes in one do not meet, and no label holds an id', async () => {
  const [one, other] = [createMetrics(), createMetrics({ processMetrics: true })];
  one.deletionsEnded.inc({ kind: 'service', lane: 'default', status: 'COMPLETED' });
  expect(await one.registry.metrics()).toContain('expunge_deletions_ended_total{kind="service",lane="default",status="COMPLETED"} 1');
  const text = await other.registry.metrics();
  expect(text).not.toContain('status="COMPLETED"');
  expect(text).toContain('process_cpu_seconds_total');
  const labels = Object.values(one).flatMap((metric) => metric instanceof Registry ? [] : (metric as unknown as { labelNames: string[] }).labelNames);
  expect([...new Set(labels)].filter((label) => !METRIC_LABELS.includes(label))).toEqual([]);
  expect(labels.length).toBeGreaterThan(30);
});

test('a process is alive at once, and ready when every check holds', async () => {
  const health = createHealth({ registry: createMetrics().registry });
  const base = await serve(health);
  const ready = async () => { const response = await fetch(`${base}/readyz`); return { status: response.status, body: await response.json() }; };
  expect((await fetch(`${base}/livez`)).status).toBe(200);
  expect((await ready()).status).toBe(503);

  let database = false;
  health.addReadiness('worker', () => true);
  health.addReadiness('relay', () => Promise.resolve(database));
  expect(await ready()).toEqual({ status: 503, body: { ready: false, checks: { worker: true, relay: false } } });
  database = true;
  expect(await ready()).toEqual({ status: 200, body: { ready: true, checks: { worker: true, relay: true } } });
});

test('a check that throws or hangs is a no', async () => {
  const health = createHealth({ registry: createMetrics().registry });
  health.addReadiness('throws', () => { throw new Error('down'); });
  health.addReadiness('hangs', () => new Promise<boolean>(() => undefined));
  const answer = await health.answer('/readyz');
  expect(answer?.status).toBe(503);
  expect(JSON.parse(answer?.body ?? '')).toEqual({ ready: false, checks: { throws: false, hangs: false } });
});

test('serves metrics, ignores the query, and says where things are', async () => {
  const metrics = createMetrics();
  const base = await serve(createHealth({ registry: metrics.registry }));
  const response = await fetch(`${base}/metrics?x=1`);
  expect(response.headers.get('content-type')).toBe(metrics.registry.contentType);
  expect(await response.text()).toContain('expunge_outbox_unsent');
  expect((await fetch(`${base}/elsewhere`)).status).toBe(404);
});

test('an address in use is a clear error', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  const { port } = blocker.address() as AddressInfo;
  await expect(startHealthServer(createHealth({ registry: createMetrics().registry }), { host: '127.0.0.1', port })).rejects.toThrow(/EADDRINUSE.*HEALTH_PORT/);
  blocker.close();
});

test('one answer holds what is counted elsewhere in the process; what cannot be read is left out, and logged', async () => {
  const warn = vi.fn();
  const { registry, overdue, roleReady } = createMetrics();
  const health = createHealth({ registry, log: { warn } });
  health.addMetrics('another', () => Promise.resolve('# TYPE another_total counter\nanother_total 1\n'));
  health.addMetrics('broken', () => Promise.reject(new Error('down')));
  health.addReadiness('relay', () => false);
  health.beforeScrape(async () => { for (const [role, ready] of Object.entries(await health.readiness())) roleReady.set({ role }, Number(ready)); });
  overdue.set(3);
  const { status, body = '' } = (await health.answer('/metrics')) ?? {};
  expect(status).toBe(200);
  expect(body.split('\n')).toEqual(expect.arrayContaining(['expunge_overdue 3', 'another_total 1', 'expunge_role_ready{role="relay"} 0']));
  expect(body.endsWith('\n')).toBe(true);
  expect(warn).toHaveBeenCalledWith(expect.objectContaining({ metrics: 'broken' }), expect.any(String));
});

test('a gauge of which a process knows nothing is not told by it: a 0 would say that all is well', async () => {
  const lines = (await createMetrics().registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines.filter((line) => /^expunge_(overdue|due_soon|outbox_(unsent|oldest_seconds|dead)|no_progress_seconds|tenants_unknown) /.test(line))).toEqual([]);
});
