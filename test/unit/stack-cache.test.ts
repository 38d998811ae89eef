import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cached } from '../../stack/fetch/cache.js';

const folders: string[] = [];
async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'expunge-cache-'));
  folders.push(made);
  return made;
}
afterAll(() => Promise.all(folders.map((made) => rm(made, { recursive: true }))));

const fill = (text: string) => (building: string): Promise<void> => writeFile(join(building, 'program'), text);

test.each([false, true])('two that ask at the same time build once (in place: %s)', async (inPlace) => {
  const dir = await folder();
  let builds = 0;
  const build = async (building: string): Promise<void> => {
    builds++;
    await fill('x')(building);
  };
  const paths = await Promise.all([cached(dir, 'k', build, { inPlace }), cached(dir, 'k', build, { inPlace }), cached(dir, 'k', build, { inPlace })]);
  expect(new Set(paths)).toEqual(new Set([join(dir, 'k')]));
  expect(builds).toBe(1);
  expect(await readdir(dir)).toEqual(['k']);
});

test.each([false, true])('a build that fails leaves nothing behind, and the next one starts afresh (in place: %s)', async (inPlace) => {
  const dir = await folder();
  const fail = async (building: string): Promise<void> => {
    await fill('half')(building);
    throw new Error('no network');
  };
  await expect(cached(dir, 'k', fail, { inPlace })).rejects.toThrow('no network');
  expect(await readdir(dir)).toEqual([]);
  await cached(dir, 'k', fill('whole'), { inPlace });
  expect(await readFile(join(dir, 'k', 'program'), 'utf8')).toBe('whole');
});

test('the lock of a process that is gone is taken over', async () => {
  const dir = await folder();
  await writeFile(join(dir, 'k.lock'), `999999999 ${hostname()}`);
  await cached(dir, 'k', fill('x'));
  expect(await readdir(dir)).toEqual(['k']);
});

test('the lock of a process that lives is waited for, until the wait is given up', async () => {
  const dir = await folder();
  await writeFile(join(dir, 'k.lock'), `${process.pid} ${hostname()}`);
  await expect(cached(dir, 'k', fill('x'), { signal: AbortSignal.timeout(600) })).rejects.toThrow();
  expect(await readdir(dir)).toEqual(['k.lock']);
});

test('tells when it is not there yet, and does not when it is', async () => {
  const dir = await folder();
  const told: string[] = [];
  await cached(dir, 'k', fill('x'), { onMissing: () => told.push('first') });
  await cached(dir, 'k', fill('x'), { onMissing: () => told.push('second') });
  expect(told).toEqual(['first']);
});
