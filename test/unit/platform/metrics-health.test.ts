import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { createHealth, startHealthServer } from '../../../platform/health.js';
import type { HealthServer } from '../../../platform/health.js';
import { createMetrics } from '../../../platform/metrics.js';

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
  expect(labels).not.toHaveLength(0);
  expect(labels.filter((label) => /id$|user|tenant|subject/i.test(label))).toEqual([]);
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
