import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Entry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Where a package that `path` asks for would be found: beside it, or in a folder above. */
function* places(path: string, name: string): Generator<string> {
  for (let folder = path; ; folder = folder.slice(0, folder.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    yield `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (folder === '') return;
  }
}

test('package-lock.json has every package of every platform, without which `npm ci` refuses a fresh clone', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, Entry> };
  const wanted = Object.entries(packages).flatMap(([path, entry]) => Object.keys(entry.optionalDependencies ?? {}).map((name) => ({ path, name })));
  expect(wanted.length).toBeGreaterThan(10);
  const missing = wanted.filter(({ path, name }) => ![...places(path, name)].some((place) => place in packages));
  expect(missing).toEqual([]);
});
