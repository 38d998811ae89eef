import { readdirSync, readFileSync } from 'node:fs';

/** A message of the Nova bus as the seed document has it. */
export interface NovaSample {
  readonly file: string;
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Readonly<Record<string, unknown>>;
}

const folder = new URL('../data/nova/', import.meta.url);

/** The payloads of the seed document, verbatim; those of the legacy topics as well. */
export const novaSamples: readonly NovaSample[] = readdirSync(folder).map((file) => ({ file, ...(JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Omit<NovaSample, 'file'>) }));

/** The sample of a file, without its ending. */
export function novaSample(name: string): NovaSample {
  const found = novaSamples.find(({ file }) => file === `${name}.json`);
  if (!found) throw new Error(`no sample ${name}`);
  return found;
}
