import proto from '@temporalio/proto';
import type { History } from '@temporalio/common/lib/proto-utils.js';

// Not the SDK's own historyToJSON and historyFromJSON: they fail ("type must be a Type") wherever npm installs protobufjs more than once.
const { History: HistoryType } = proto.temporal.api.history.v1;

type Json = Record<string, unknown>;

/** What the server counts for itself, and which build the worker was: no replay looks at it. */
const LEFT_OUT = new Set(['taskId', 'version', 'workerVersion', 'inheritedBuildId', 'buildId', 'historySizeBytes']);

/** A history as JSON, one event a line. */
export function historyToJson(history: History): string {
  const { events } = HistoryType.toObject(HistoryType.fromObject(history), { longs: String, enums: String, bytes: String }) as { events: Json[] };
  const lines = events.map((event) => JSON.stringify(event, (key, value: unknown) => (LEFT_OUT.has(key) ? undefined : value)));
  return `{"events":[\n${lines.join(',\n')}\n]}\n`;
}

/** Reads what `historyToJson` wrote. */
export const historyFromJson = (json: string): History => HistoryType.fromObject(JSON.parse(json) as Json);

/** Every text that a saved history holds: its strings, and what its payloads say. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const { data, metadata } = value as Json;
  if (typeof data === 'string' && metadata !== undefined) return [Buffer.from(data, 'base64').toString()];
  return Object.values(value).flatMap(textsIn);
}
