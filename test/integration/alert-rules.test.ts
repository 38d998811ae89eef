import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MissingToolError } from '../../stack/errors.js';
import { runCommand, succeeds } from '../../stack/fetch/commands.js';
import { promtool } from '../../stack/fetch/promtool.js';

const folder = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url));
const files = readdirSync(folder);
const rules = files.filter((file) => file.endsWith('.rules.yml'));
const tests = files.filter((file) => file.endsWith('.rules.test.yml'));

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
  test.for(rules)('%s is what Prometheus takes', async (file, { skip }) => {
    if (tool === undefined) skip(missing);
    expect(await run('check', 'rules', '--lint=all', '--lint-fatal', file)).toContain('SUCCESS');
  });

  test.for(tests)('%s holds', async (file, { skip }) => {
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
