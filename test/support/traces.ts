import { expect } from 'vitest';
import type { ReceivedSpan } from './otlp-protobuf.js';
import { receivedSpans } from './otlp-receiver.js';
import { waitFor } from './wait-for.js';

/** Several times as long as processes wait before they send. */
const QUIET_MS = 1_000;

export const namesOf = (spans: readonly ReceivedSpan[]): string[] => spans.map(({ name }) => name);

/** Waits until a trace has spans of these names, as many of each as there are, and until no more come. @returns all its spans, the earliest first */
export async function whenTrace(collector: string, traceId: string, names: readonly string[], timeoutMs = 20_000): Promise<ReceivedSpan[]> {
  let last: readonly ReceivedSpan[] = [];
  let changedAt = Date.now();
  return waitFor(`the trace ${traceId} has ${names.join(', ')}`, async () => {
    const spans = await receivedSpans(collector, traceId);
    if (spans.length !== last.length) changedAt = Date.now();
    last = spans;
    const left = namesOf(spans);
    const hasAll = names.every((name) => left.includes(name) && left.splice(left.indexOf(name), 1).length === 1);
    return hasAll && Date.now() - changedAt > QUIET_MS && strangers(spans).size === 0 ? spans : undefined;
  }, timeoutMs, () => namesOf(last));
}

/** Parents that are no spans of the trace, but for that of the earliest. */
function strangers(spans: readonly ReceivedSpan[]): Set<string> {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return new Set(spans.slice(1).map(({ parentId }) => parentId).filter((parentId) => !ids.has(parentId)));
}

/** Expects spans of one trace to form one tree. @param rootParent the span of somebody else that its only root stands under; empty when there is none */
export function treeOf(spans: readonly ReceivedSpan[], rootParent: string): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size, 'every span has an id of its own').toBe(spans.length);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const roots = spans.filter(({ parentId }) => !byId.has(parentId));
  expect(roots.map(({ name, parentId }) => ({ name, parentId }))).toEqual([{ name: spans[0]?.name, parentId: rootParent }]);
  for (const span of spans) {
    const path = new Set<string>();
    for (let at: ReceivedSpan | undefined = span; at; at = byId.get(at.parentId)) {
      expect(path.has(at.spanId), 'no span is its own ancestor').toBe(false);
      path.add(at.spanId);
    }
    // Clocks of two processes on one machine: a child does not begin before its parent.
    const parent = byId.get(span.parentId);
    if (parent) expect(span.startedAtMs, `${span.name} begins before ${parent.name}`).toBeGreaterThanOrEqual(parent.startedAtMs - 5);
    expect(span.endedAtMs).toBeGreaterThanOrEqual(span.startedAtMs);
  }
}
