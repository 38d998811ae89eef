import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleWorkflows, BundleOfOtherSources, writeBundle } from '../../../platform/workflow-bundle.js';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'expunge-bundle-'));
  file = join(folder, 'build', 'workflows.js');
  await writeBundle(file);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const codeOf = (bundle: Awaited<ReturnType<typeof bundleWorkflows>>): string => bundle.code;

describe('a bundle that was made before', () => {
  test('is read as it was made, and takes no stack traces unless they are asked for', async () => {
    const asMade = await readFile(file, 'utf8');
    expect(asMade).toContain('userDeletion');
    expect(codeOf(await bundleWorkflows({ bundleFile: file }))).toBe(asMade);
    expect(codeOf(await bundleWorkflows({ bundleFile: file, stackTraces: false }))).toBe(`Error.stackTraceLimit = 0;${asMade}`);
  });

  test('of other sources is refused, with the remedy', async () => {
    const other = join(folder, 'other.js');
    await writeFile(other, (await readFile(file, 'utf8')).replace(/workflows [\da-f]{8}/, 'workflows 00000000'));
    await expect(bundleWorkflows({ bundleFile: other })).rejects.toThrow(BundleOfOtherSources);
    await expect(bundleWorkflows({ bundleFile: other })).rejects.toThrow('npm run bundle');
  });
});
