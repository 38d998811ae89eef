import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A chart can hold only what lies in its own folder: the alert rules and the dashboard are copied into it. */
const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const copies = join(deploy, 'helm/expunge/files');

/** What has to lie in the chart, by its name there. */
async function originals(): Promise<ReadonlyMap<string, string>> {
  const rules = (await readdir(join(deploy, 'prometheus'))).filter((file) => file.endsWith('.rules.yml'));
  return new Map([...rules.map((file) => [file, join(deploy, 'prometheus', file)] as const), ['expunge.json', join(deploy, 'grafana/expunge.json')]]);
}

/** The files of the chart that are not as their originals, or have none. */
export async function staleChartFiles(): Promise<string[]> {
  const wanted = await originals();
  const there = await readdir(copies);
  const stale = await Promise.all([...wanted].map(async ([name, original]) => (there.includes(name) && (await readFile(join(copies, name))).equals(await readFile(original)) ? [] : [name])));
  return [...stale.flat(), ...there.filter((name) => !wanted.has(name))];
}

/** Makes the copies anew. @returns their names */
export async function writeChartFiles(): Promise<string[]> {
  const wanted = await originals();
  await rm(copies, { recursive: true, force: true });
  await mkdir(copies, { recursive: true });
  for (const [name, original] of wanted) await copyFile(original, join(copies, name));
  return [...wanted.keys()];
}
