import { hostname, userInfo } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleWorkflows } from '../../platform/workflow-bundle.js';
import { historyFromJson, textsIn } from '../support/history-json.js';
import { scenes, USER_ID } from '../support/history-scenes.js';

const folder = fileURLToPath(new URL('./histories/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

interface SavedEvent {
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}
const eventsOf = (json: string): SavedEvent[] => (JSON.parse(json) as { events: SavedEvent[] }).events;
function startedAs(json: string): { readonly workflowId: string; readonly workflowType: { readonly name: string } } {
  const [started] = eventsOf(json);
  return started?.['workflowExecutionStartedEventAttributes'] as ReturnType<typeof startedAs>;
}

let bundle: WorkflowBundle;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  bundle = await bundleWorkflows();
}, 120_000);

const replay = (json: string, workflowBundle: WorkflowBundle = bundle): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle }, historyFromJson(json), startedAs(json).workflowId);

/** What a history says that it must not, because Temporal keeps it; and what would tell of the machine that it was made on. */
function unwantedIn(json: string): string[] {
  const unwanted = [/person-\d/, /[\w.]+@[\w.]+/, /user_?id/i, /error_?text/i, /(^|[\s(])\/(home|root|work|tmp|Users)\//, new RegExp(`\\b(${hostname()}|${userInfo().username})\\b`)];
  return textsIn(JSON.parse(json)).filter((text) => unwanted.some((pattern) => pattern.test(text)));
}

const REMEDY =
  'Workflows that run now could not go on with this code. Keep their way beside the new one with patched(); before the first release, or when none can run any more, save the histories anew: node --import tsx test/support/save-histories.ts';

describe('the saved histories', () => {
  test('are there, one at least for every scene and every type of workflow', () => {
    expect(Object.keys(scenes).filter((scene) => !files.some((file) => file === `${scene}.json` || file.startsWith(`${scene}-`)))).toEqual([]);
    expect(new Set(files.map((file) => startedAs(read(file)).workflowType.name))).toEqual(new Set(['userDeletion', 'serviceDeletion', 'tenant', 'verification', 'reconcile']));
  });

  test.each(files)('%s can be replayed', async (file) => {
    await replay(read(file)).catch((error: unknown) => {
      throw new Error(REMEDY, { cause: error });
    });
  });

  test.each(files)('%s is whole: it ends, and as its workflow does', (file) => {
    expect(eventsOf(read(file)).at(-1)?.eventType).toMatch(/^EVENT_TYPE_WORKFLOW_EXECUTION_(COMPLETED|CONTINUED_AS_NEW)$/);
  });

  test.each(files)('%s holds no user, no error text and no machine', (file) => {
    expect(textsIn(JSON.parse(read(file))).length).toBeGreaterThan(20);
    expect(unwantedIn(read(file))).toEqual([]);
  });

  test('would not pass with a user id in them, in plain or within a payload', () => {
    const payload = (data: string) => ({ metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: Buffer.from(data).toString('base64') });
    expect(unwantedIn(JSON.stringify({ events: [{ identity: USER_ID }] }))).toHaveLength(1);
    expect(unwantedIn(JSON.stringify({ events: [{ input: { payloads: [payload('{"userId":"u-1"}'), payload('{"requestId":"r-1"}')] } }] }))).toHaveLength(1);
  });
});

/** The history with its events as `change` leaves them. */
function altered(file: string, change: (events: SavedEvent[]) => SavedEvent[]): string {
  const before = eventsOf(read(file));
  const after = change(structuredClone(before));
  expect(after).not.toEqual(before);
  return JSON.stringify({ events: after });
}

/** The events but those, counted anew. */
const without = (events: readonly SavedEvent[], isGone: (event: SavedEvent) => boolean): SavedEvent[] =>
  events.filter((event) => !isGone(event)).map((event, index) => ({ ...event, eventId: String(index + 1) }));

/** The value with `from` replaced by `to` in what its payloads say. */
function renamedInPayloads(value: unknown, from: string, to: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => renamedInPayloads(one, from, to));
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => {
    if (key !== 'data' || typeof inner !== 'string') return [key, renamedInPayloads(inner, from, to)];
    const text = Buffer.from(inner, 'base64').toString();
    return [key, Buffer.from(text.replaceAll(from, to)).toString('base64')];
  });
  return Object.fromEntries(entries);
}

describe('the next release, with one step more under patched()', () => {
  test('carries on every deletion that this one has begun', async () => {
    const next = await bundleWorkflows({ workflowsPath: fileURLToPath(new URL('../next-release/workflows.ts', import.meta.url)) });
    for (const file of files) await replay(read(file), next);
  });
});

describe('a workflow whose shape was changed', () => {
  test('is caught when it calls another activity than it did', async () => {
    const history = altered('happy-service.json', (events) =>
      events.map((event) => (event.eventType === 'EVENT_TYPE_MARKER_RECORDED' ? (renamedInPayloads(event, '"activity_type":"trigger"', '"activity_type":"fire"') as SavedEvent) : event)));
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });

  test('is caught when it does one thing more than it did', async () => {
    const history = altered('happy-service.json', (events) => {
      const marker = events.find(({ eventType }) => eventType === 'EVENT_TYPE_MARKER_RECORDED');
      return without(events, (event) => event === marker);
    });
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });

  test('is caught when it waits by a timer where it had none', async () => {
    const history = altered('happy-service.json', (events) => without(events, ({ eventType }) => eventType.startsWith('EVENT_TYPE_TIMER_')));
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });

  test('is caught when its code is another: one that takes a pause before it begins', async () => {
    const changed = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./changed-workflows.ts', import.meta.url)),
      payloadConverterPath: fileURLToPath(new URL('../../workflows/payload-converter.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    });
    await expect(replay(read('happy-service.json'), changed)).rejects.toThrow(DeterminismViolationError);
  });
});
