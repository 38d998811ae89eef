import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../platform/metrics.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface RulesFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}
interface TestFile {
  readonly tests: readonly { readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[] }[];
}

const folder = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url));
const read = (file: string): unknown => parse(readFileSync(`${folder}${file}`, 'utf8'));
const files = readdirSync(folder).filter((file) => file.endsWith('.rules.yml'));
const rulesOf = (file: string): readonly Rule[] => (read(file) as RulesFile).groups.flatMap(({ rules }) => rules);
const alerts = files.flatMap((file) => rulesOf(file).flatMap((rule) => (rule.alert === undefined ? [] : [[rule.alert, rule] as const])));
const runbook = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

test('the lag alert is as the document on the Nova bus has it', () => {
  expect(rulesOf('kafka.rules.yml').find(({ alert }) => alert === 'KafkaConsumerLagHigh')).toEqual({
    alert: 'KafkaConsumerLagHigh',
    expr: 'kafka_consumer_lag > 1000',
    for: '5m',
    labels: { severity: 'warning' },
    annotations: { summary: 'Kafka consumer {{ $labels.group }} lag is {{ $value }}' },
  });
});

describe.each(alerts)('%s', (name, { expr, annotations }) => {
  test('has an entry in the runbook, under its own name', () => {
    expect(runbook.split('\n')).toContain(`### ${name}`);
    const url = annotations?.['runbook_url'];
    if (url !== undefined) expect(url).toBe(`docs/operations.md#${name.toLowerCase()}`);
  });

  test('asks for metrics that there are', async () => {
    const ours = new Set((await createMetrics().registry.getMetricsAsJSON()).map((metric) => metric.name));
    const asked = expr.match(/\b(expunge|kafka)_[a-z_]+/g) ?? [];
    expect(asked.length).toBeGreaterThan(0);
    for (const metric of asked) expect(ours).toContain(metric.replace(/_(bucket|sum|count)$/, ''));
  });
});

test.each(files)('%s: each alert is seen to be raised, and not to be raised, in the test beside it', (file) => {
  const tested = (read(file.replace('.rules.yml', '.rules.test.yml')) as TestFile).tests.flatMap(({ alert_rule_test: cases = [] }) => cases);
  for (const { alert } of rulesOf(file)) {
    if (alert === undefined) continue;
    const cases = tested.filter(({ alertname }) => alertname === alert);
    expect(cases.some(({ exp_alerts: expected }) => expected.length > 0), `${alert} raised`).toBe(true);
    expect(cases.some(({ exp_alerts: expected }) => expected.length === 0), `${alert} not raised`).toBe(true);
  }
});
