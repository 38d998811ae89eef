import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ROLES } from '../../platform/roles.js';
import { createMetrics } from '../../platform/metrics.js';
import { dashboardQueries, readDashboard, readRulesFile, rulesFiles, rulesOf } from '../support/alert-rules.js';
import { staleChartFiles } from '../support/chart-files.js';
import { metricOf, metricsIn } from '../support/promql.js';

interface TestFile {
  readonly tests: readonly { readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[] }[];
}

/** Of kafka-lag-exporter 0.8.2 (its Metrics.scala), which no test runs. */
const OF_THE_EXPORTER = ['kafka_consumergroup_group_lag'];
const alerts = rulesFiles.flatMap((file) => rulesOf(file).flatMap((rule) => (rule.alert === undefined ? [] : [[rule.alert, rule] as const])));
const names = [...new Set(alerts.map(([name]) => name))];
const runbook = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8').split('\n');
const ours = async (): Promise<Set<string>> => new Set((await createMetrics({ processMetrics: true }).registry.getMetricsAsJSON()).map((metric) => metric.name));

test('the lag alert is as the document on the Nova bus has it', () => {
  expect(rulesOf('kafka.rules.yml').find(({ alert }) => alert === 'KafkaConsumerLagHigh')).toEqual({
    alert: 'KafkaConsumerLagHigh',
    expr: 'kafka_consumer_lag > 1000',
    for: '5m',
    labels: { severity: 'warning' },
    annotations: { summary: 'Kafka consumer {{ $labels.group }} lag is {{ $value }}' },
  });
});

describe.each(alerts)('%s', (name, { expr, labels, annotations }) => {
  test('says how urgent it is, what is the matter, and where to read on', () => {
    expect(['critical', 'warning', 'info']).toContain(labels?.['severity']);
    expect(annotations?.['summary']).toBeTruthy();
    // The document's own alert is left as it is; its entry in the runbook bears its name like all others.
    if (name !== 'KafkaConsumerLagHigh') expect(annotations?.['runbook_url']).toBe(`docs/operations.md#${name.toLowerCase()}`);
  });

  test('asks for metrics of ours that there are, or of Temporal’s', async () => {
    const known = await ours();
    const asked = metricsIn(expr);
    expect(asked.length).toBeGreaterThan(0);
    for (const metric of asked) if (!metric.startsWith('temporal_')) expect(known).toContain(metricOf(metric));
  });
});

describe('the runbook', () => {
  const entryOf = (name: string): string[] => {
    const start = runbook.indexOf(`### ${name}`);
    expect(start, name).toBeGreaterThan(0);
    return runbook.slice(start + 1, runbook.findIndex((line, at) => at > start && /^##/.test(line)));
  };

  test.each(names)('has an entry for %s that says what is seen, why, and what to do', (name) => {
    const entry = entryOf(name).join('\n');
    for (const part of ['**Seen:**', '**Why:**', '**Do:**']) expect(entry).toContain(part);
  });

  test('has no entry for an alert that is not raised', () => {
    const entries = runbook.flatMap((line) => /^### (Expunge\w+|Kafka\w+)$/.exec(line)?.[1] ?? []);
    expect(entries.filter((entry) => !names.includes(entry))).toEqual([]);
    expect(entries.length).toBe(names.length);
  });
});

test('what the lag recorded from outside asks for is the exporter’s or ours', async () => {
  const known = await ours();
  for (const { record, expr } of rulesFiles.flatMap(rulesOf)) if (record !== undefined) expect(metricsIn(expr).filter((metric) => !known.has(metric) && !OF_THE_EXPORTER.includes(metric))).toEqual([]);
});

test('each role has a rule that says when nobody does its work', () => {
  expect(alerts.flatMap(([name, { labels }]) => (name === 'ExpungeRoleDown' ? [labels?.['role']] : [])).sort()).toEqual([...ROLES].sort());
});

test.each(rulesFiles)('%s: each alert is seen to be raised, and not to be raised, in the test beside it', (file) => {
  const tested = (readRulesFile(file.replace('.rules.yml', '.rules.test.yml')) as TestFile).tests.flatMap(({ alert_rule_test: cases = [] }) => cases);
  for (const { alert } of rulesOf(file)) {
    if (alert === undefined) continue;
    const cases = tested.filter(({ alertname }) => alertname === alert);
    expect(cases.some(({ exp_alerts: expected }) => expected.length > 0), `${alert} raised`).toBe(true);
    expect(cases.some(({ exp_alerts: expected }) => expected.length === 0), `${alert} not raised`).toBe(true);
  }
});

test('the chart holds the rules and the dashboard as they are (npm run write-chart-files)', async () => {
  expect(await staleChartFiles()).toEqual([]);
});

describe('the dashboard', () => {
  const dashboard = readDashboard();
  const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  test('has a row for each part', () => {
    expect(rows).toEqual(['Overview', 'Deletions', 'Lanes and Airflow', 'Kafka', 'Outbox', 'Temporal workers', 'Inventory and Nova bus', 'API and processes']);
  });

  test.each(panels.map((panel) => [panel.title, panel] as const))('%s has a unit, a description and a query to the data source that was chosen', (_title, panel) => {
    expect(panel.fieldConfig?.defaults?.unit).toBeTruthy();
    expect(panel.description?.length).toBeGreaterThan(20);
    expect(panel.targets?.length).toBeGreaterThan(0);
    for (const { datasource } of panel.targets ?? []) expect(datasource?.uid).toBe('${datasource}');
    expect(dashboard.templating.list).toContainEqual(expect.objectContaining({ name: 'datasource', type: 'datasource' }));
  });

  test('has no two panels of an id, of a title in its row, or on one place', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, n) => `${x + (n % w)}/${y + Math.floor(n / w)}`));
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  });

  test('asks for metrics of ours that there are, or of Temporal’s', async () => {
    const known = await ours();
    for (const { panel, query } of dashboardQueries(dashboard)) {
      const asked = metricsIn(query);
      expect(asked.length, panel).toBeGreaterThan(0);
      expect(asked.filter((metric) => !metric.startsWith('temporal_') && !known.has(metricOf(metric))), panel).toEqual([]);
    }
  });
});
