import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the entry point as a person would, with nothing in the environment but what is given. */
async function start(args: string[], env: Record<string, string> = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  const done = promisify(execFile)(process.execPath, ['build/start.js', ...args], { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '', ...env } });
  return done.then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), (error: unknown) => error as { code: number; stdout: string; stderr: string });
}

test('--help names every role', { timeout: 20_000 }, async () => {
  const { code, stdout } = await start(['--help']);
  expect(code).toBe(0);
  for (const role of ['worker', 'ingress', 'nova', 'trigger', 'result', 'relay', 'api']) expect(stdout).toContain(`  ${role} `);
});

test('a misspelt role is refused, with the one that was meant', { timeout: 20_000 }, async () => {
  const { code, stderr } = await start(['--roles', 'wroker']);
  expect(code).not.toBe(0);
  expect(stderr).toContain('did you mean worker?');
});

test('what the asked roles lack is named at once, and nothing of the others', { timeout: 20_000 }, async () => {
  const { code, stderr } = await start(['--roles', 'worker,relay'], { RESULT_TIMEOUT: 'soon' });
  expect(code).toBe(2);
  for (const variable of ['DATABASE_URL', 'SUBJECT_PEPPER', 'KAFKA_BROKERS', 'RESULT_TIMEOUT is "soon"']) expect(stderr).toContain(variable);
  expect(stderr).not.toContain('AIRFLOW_API_URL');
});
