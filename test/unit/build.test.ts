import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { build, BUILD_FOLDER } from '../../build.mjs';

const built = (file: string): string => join(BUILD_FOLDER, file);

test('what is built already is not built again', async () => {
  await build();
  expect(await build()).toBe(0);
});

test('a file that is older than its source is built again', async () => {
  const file = built('platform/duration.js');
  await utimes(file, new Date(0), new Date(0));
  expect(await build()).toBe(1);
  expect((await stat(file)).mtimeMs).toBeGreaterThan((await stat('platform/duration.ts')).mtimeMs);
});

test('what has lost its source is removed', async () => {
  const file = built('platform/left-over.js');
  await writeFile(file, '');
  await build();
  expect(existsSync(file)).toBe(false);
});

test('a line is where it is in the source, so that stack traces tell where to look', async () => {
  const source = (await readFile('platform/duration.ts', 'utf8')).split('\n');
  const lines = (await readFile(built('platform/duration.js'), 'utf8')).split('\n');
  const throws = source.flatMap((line, i) => (line.includes('throw new') ? [i] : []));
  expect(throws.length).toBeGreaterThan(0);
  for (const i of throws) expect(lines[i]).toContain('throw new');
});

test('the command line can be run by its path', async () => {
  const { stdout } = await promisify(execFile)(built('client/main.js'), ['--version'], { env: { PATH: process.env['PATH'] } });
  expect(stdout.trim()).toBe((JSON.parse(await readFile('package.json', 'utf8')) as { version: string }).version);
});
