import { afterAll, beforeAll, expect, test } from 'vitest';
import { RECONCILER, taskQueueFor } from '../../contracts/names/index.js';
import { ROLES } from '../../platform/roles.js';
import { dashboardQueries, readDashboard, rulesFiles, rulesOf } from '../support/alert-rules.js';
import { fresh, userRequest, whenStatus } from '../support/house-scenes.js';
import { openHouse, type House } from '../support/house.js';
import { metricOf, metricsIn } from '../support/promql.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
let text: string;
const user = fresh('user');
const request = userRequest(user);

beforeAll(async () => {
  house = await openHouse();
  await house.data.addUser(user);
  await house.send(request, { topic: request.topic, key: user, value: { eventId: `bad-${request.requestId}` } });
  await whenStatus(house, request.requestId, 'COMPLETED');
  // The only workflow that always needs an activity of its own.
  const passed = await house.temporalCli('workflow', 'execute', '--type', RECONCILER.workflowType, '--task-queue', taskQueueFor('default'), '--workflow-id', fresh('reconcile'));
  expect(passed.code, passed.stderr).toBe(0);
  const awaited = ['temporal_activity_schedule_to_start_latency_seconds_count{', 'expunge_dead_letters_end_offset{', 'expunge_dead_letters_total{', 'expunge_deletions_ended_total{', 'kafka_consumer_lag{'];
  text = await waitFor('the metrics tell of the deletion, of its tasks, of the lag and of dead letters', async () => {
    const [page] = await house.roles.pages();
    return page !== undefined && awaited.every((name) => page.includes(`\n${name}`)) && page;
  }, 60_000);
}, 180_000);
afterAll(() => house.close());

/** The metrics that have samples or are announced, and the labels of all samples. */
function read(page: string): { readonly metrics: Set<string>; readonly labels: Map<string, Set<string>> } {
  const metrics = new Set([...page.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? ''));
  const labels = new Map<string, Set<string>>();
  for (const [, of = ''] of page.matchAll(/^[a-zA-Z_:][\w:]*\{(.*)\} /gm)) {
    for (const [, name = '', value = ''] of of.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels.set(name, (labels.get(name) ?? new Set()).add(value));
  }
  return { metrics, labels };
}

test('one page of a process holds its own metrics and those of Temporal’s SDK, each once', () => {
  const announced = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  expect(new Set(announced).size).toBe(announced.length);
  expect(announced).toEqual(expect.arrayContaining(['expunge_in_flight', 'temporal_worker_task_slots_available', 'temporal_workflow_task_schedule_to_start_latency_seconds', 'process_cpu_seconds_total']));
  for (const role of ROLES) expect(text).toContain(`expunge_role_ready{role="${role}"} 1\n`);
});

test('every metric that a rule or the dashboard asks for is there', () => {
  const { metrics } = read(text);
  const asked = [
    ...rulesFiles.flatMap(rulesOf).filter(({ alert }) => alert !== undefined).map(({ expr }) => expr),
    ...dashboardQueries(readDashboard()).map(({ query }) => query),
  ].flatMap(metricsIn);
  expect(asked.length).toBeGreaterThan(50);
  expect([...new Set(asked)].filter((metric) => !metrics.has(metric) && !metrics.has(metricOf(metric)))).toEqual([]);
});

test('every label that a rule or the dashboard groups or selects by is there', () => {
  const { labels } = read(text);
  const queries = [...rulesFiles.flatMap(rulesOf).map(({ expr }) => expr), ...dashboardQueries(readDashboard()).map(({ query }) => query)];
  const asked = queries.flatMap((query) => [
    ...[...query.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(',').map((name) => name.trim())),
    ...[...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = '']) => [...inside.matchAll(/(\w+)\s*[=!]~?/g)].map(([, name = '']) => name)),
  ]);
  // `view` is set by the rule that records what is seen from outside.
  expect([...new Set(asked)].filter((label) => label !== '' && label !== 'view' && !labels.has(label))).toEqual([]);
});

test('no label holds an id', () => {
  const { labels } = read(text);
  const known = ['activity_type', 'class', 'code', 'eager', 'failure_reason', 'group', 'kind', 'lane', 'le', 'major', 'mend', 'method', 'minor', 'namespace', 'operation', 'outcome', 'owner', 'partition', 'patch', 'poller_type', 'quantile', 'role', 'route', 'space', 'status', 'status_code', 'target', 'task_queue', 'topic', 'type', 'verdict', 'version', 'worker_type', 'workflow_type'];
  expect([...labels.keys()].filter((label) => !known.includes(label))).toEqual([]);
  const values = [...labels.values()].flatMap((of) => [...of]);
  expect(values.filter((value) => /[0-9a-f]{8}-[0-9a-f]{4}|user-|req-|del_req|v\d+\.[A-Za-z0-9_-]{8}/.test(value))).toEqual([]);
  expect(text).not.toContain(user);
  expect(text).not.toContain(request.requestId);
});

test('answers of the API are counted by the form of their route', () => {
  expect(text).toMatch(/expunge_api_request_duration_seconds_count\{route="\/api\/v1\/deletions\/:requestId",method="GET",status="\d+"\} \d+/);
});
