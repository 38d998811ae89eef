import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MissingToolError } from '../../stack/errors.js';
import { runCommand, succeeds } from '../../stack/fetch/commands.js';
import { promtool } from '../../stack/fetch/promtool.js';
import { dashboardQueries, readDashboard, ruleTestFiles, rulesFiles, rulesFolder } from '../support/alert-rules.js';

const folder = rulesFolder;

let tool: string | undefined;
let missing = '';
beforeAll(async () => {
  try {
    tool = await promtool({ env: process.env, onFetching: () => console.log('building promtool (once, a minute or two)') });
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    missing = error.message;
  }
}, 900_000);

const run = (...args: string[]): Promise<string> => runCommand(tool ?? '', args, { env: process.env, cwd: folder });

describe('the alert rules', () => {
  test.for(rulesFiles)('%s is what Prometheus takes', async (file, { skip }) => {
    if (tool === undefined) skip(missing);
    expect(await run('check', 'rules', '--lint=all', '--lint-fatal', file)).toContain('SUCCESS');
  });

  test.for(ruleTestFiles)('%s holds', async (file, { skip }) => {
    if (tool === undefined) skip(missing);
    expect(await run('test', 'rules', file)).toContain('SUCCESS');
  });

  test('can fail: promtool refuses a test that expects another alert', async ({ skip }) => {
    if (tool === undefined) skip(missing);
    const scratch = await mkdtemp(join(tmpdir(), 'expunge-rules-'));
    onTestFinished(() => rm(scratch, { recursive: true }));
    const holds = async (text: string): Promise<boolean> => {
      await writeFile(join(scratch, 'one.rules.test.yml'), text);
      return succeeds(tool ?? '', ['test', 'rules', 'one.rules.test.yml'], { env: process.env, cwd: scratch });
    };
    const high = `rule_files: [${join(folder, 'kafka.rules.yml')}]
tests: [{ interval: 1m, input_series: [{ series: 'kafka_consumer_lag{group="g"}', values: '5000x9' }], alert_rule_test: [{ eval_time: 9m, alertname: KafkaConsumerLagHigh, exp_alerts: [] }] }]`;
    expect(await holds(high)).toBe(false);
    expect(await holds(high.replace('5000x9', '5x9'))).toBe(true);
  });
});

describe('the queries of the dashboard', () => {
  const asRules = (queries: readonly string[]): string => JSON.stringify({ groups: [{ name: 'queries', rules: queries.map((expr, n) => ({ record: `panel:${n}`, expr })) }] });
  const parses = async (scratch: string, queries: readonly string[]): Promise<boolean> => {
    await writeFile(join(scratch, 'queries.yml'), asRules(queries));
    return succeeds(tool ?? '', ['check', 'rules', 'queries.yml'], { env: process.env, cwd: scratch });
  };

  test('are what Prometheus takes, and one that is not would be seen', async ({ skip }) => {
    if (tool === undefined) skip(missing);
    const scratch = await mkdtemp(join(tmpdir(), 'expunge-queries-'));
    onTestFinished(() => rm(scratch, { recursive: true }));
    const queries = dashboardQueries(readDashboard()).map(({ query }) => query);
    expect(queries.length).toBeGreaterThan(40);
    expect(queries.filter((query) => query.includes('$'))).toEqual([]);
    expect(await parses(scratch, queries)).toBe(true);
    expect(await parses(scratch, [...queries, 'sum by (x (y)'])).toBe(false);
  });
});
