import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestMessage } from '../../client/request-messages.rules.js';
import { latenciesOf, type Latencies } from '../measure/statistics.rules.js';
import type { Driver } from './driver.js';

/** What one load gave. */
export interface LoadFigures {
  readonly deletions: number;
  /** From the first request to the last notification. */
  readonly seconds: number;
  readonly perSecond: number;
  /** From the moment that a request was due to the one that its notification was seen. */
  readonly latencyMs: Latencies;
}

/** Nothing that goes well keeps the driver waiting for longer. */
export const PATIENCE_MS = 60_000;
/** Outgoing at once in a burst; more in one call would only wait in the producer. */
const CHUNK = 500;

function figures(driver: Driver, requests: readonly RequestMessage[], startedAtMs: number, dueAtMs: (n: number) => number): LoadFigures {
  const seen = requests.map(({ requestId }) => driver.seenAt(requestId) ?? Number.NaN);
  const seconds = (seen.reduce((latest, at) => Math.max(latest, at)) - startedAtMs) / 1000;
  return { deletions: requests.length, seconds, perSecond: requests.length / seconds, latencyMs: latenciesOf(seen.map((at, n) => at - dueAtMs(n))) };
}

/** All requests at once. */
export async function burst(driver: Driver, requests: readonly RequestMessage[]): Promise<LoadFigures> {
  const startedAtMs = performance.now();
  const sent = (async () => {
    for (let n = 0; n < requests.length; n += CHUNK) await driver.send(requests.slice(n, n + CHUNK).map(({ record }) => record));
  })();
  await Promise.all([sent, driver.allSeen(requests.map(({ requestId }) => requestId), PATIENCE_MS)]);
  return figures(driver, requests, startedAtMs, () => startedAtMs);
}

/**
 * Requests at fixed times, whatever becomes of those before; a request that could not be sent in time counts from when it was due.
 * @param perSecond rate of arrival
 */
export async function steady(driver: Driver, requests: readonly RequestMessage[], perSecond: number): Promise<LoadFigures> {
  const startedAtMs = performance.now() + 200;
  const dueAtMs = (n: number): number => startedAtMs + (n * 1000) / perSecond;
  const sends: Promise<void>[] = [];
  for (const [n, { record }] of requests.entries()) {
    await sleep(Math.max(0, dueAtMs(n) - performance.now()));
    sends.push(driver.send([record]));
  }
  await Promise.all([...sends, driver.allSeen(requests.map(({ requestId }) => requestId), PATIENCE_MS)]);
  return figures(driver, requests, startedAtMs, dueAtMs);
}
