// `npm run build`: the product as plain JavaScript under build/, where it starts in half the time that its sources take.
// Types are blanked out and nothing else is changed, so lines and columns in stack traces are those of the sources.
import { chmod, copyFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Where the product is once it is built, laid out as its sources. */
export const BUILD_FOLDER = join(root, 'build');

const FOLDERS = ['activities', 'api', 'bridges', 'bus', 'client', 'contracts', 'platform', 'store', 'workflows'];
const FILES = ['package.json', 'start.ts', 'worker.ts', 'deploy/policies.yaml'];
const COPIED = new Set(['.sql', '.js', '.css', '.html', '.svg', '.json', '.yaml']);
const PROGRAMS = ['client/main.js'];

/** Of what every file is made. */
const MAKERS = ['build.mjs', 'package-lock.json'];

/**
 * Builds what has changed since it was built last. Every file is put in its place whole, so that many may build at once.
 * @param {readonly string[]} others folders that are built beside the product
 * @returns {Promise<number>} how many files were made
 * @throws {Error} when a source is no TypeScript whose types can just be blanked out
 */
export async function build(others = []) {
  const folders = [...FOLDERS, ...others];
  const sources = [...FILES, ...(await Promise.all(folders.map(sourcesIn))).flat()];
  const madeAt = Math.max(...(await Promise.all(MAKERS.map((file) => changedAt(join(root, file))))));
  const stale = (await Promise.all(sources.map(async (source) => ((await isStale(source, madeAt)) ? [source] : [])))).flat();
  const built = new Set(sources.map(builtAs));
  await Promise.all(folders.map((folder) => removeLeftOvers(folder, built)));
  if (stale.length === 0) return 0;
  const { default: blankTypes } = await import('ts-blank-space');
  for (const source of stale) await make(source, blankTypes);
  return stale.length;
}

/** @param {string} source */
const builtAs = (source) => source.replace(/\.ts$/, '.js');

/** @param {string} base @param {string} folder @returns {Promise<string[]>} by their paths from the base */
async function filesIn(base, folder) {
  const entries = await readdir(join(base, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(base, join(entry.parentPath ?? entry.path, entry.name)));
}

/** @param {string} folder */
const sourcesIn = async (folder) =>
  (await filesIn(root, folder)).filter((file) => (file.endsWith('.ts') && !file.endsWith('.d.ts')) || (COPIED.has(extname(file)) && !file.endsWith('tsconfig.json')));

/** @param {string} file */
const changedAt = (file) => stat(file).then(({ mtimeMs }) => mtimeMs, () => 0);

/** @param {string} source @param {number} madeAt */
async function isStale(source, madeAt) {
  const builtAt = await changedAt(join(BUILD_FOLDER, builtAs(source)));
  return builtAt <= madeAt || builtAt <= (await changedAt(join(root, source)));
}

/** @param {string} folder @param {ReadonlySet<string>} built */
async function removeLeftOvers(folder, built) {
  const files = await filesIn(BUILD_FOLDER, folder).catch(() => []); // not built yet
  await Promise.all(files.filter((file) => !built.has(file) && !file.endsWith('.unfinished')).map((file) => rm(join(BUILD_FOLDER, file), { force: true })));
}

/** @param {string} source @param {(text: string, onError: (node: { getText(): string }) => void) => string} blankTypes */
async function make(source, blankTypes) {
  const file = join(BUILD_FOLDER, builtAs(source));
  const unfinished = `${file}.${process.pid}.unfinished`;
  await mkdir(dirname(file), { recursive: true });
  if (source.endsWith('.ts')) {
    const text = blankTypes(await readFile(join(root, source), 'utf8'), (node) => {
      throw new Error(`${source}: this is more than a type, and cannot be blanked out: ${node.getText()}`);
    });
    await writeFile(unfinished, text);
  } else await copyFile(join(root, source), unfinished);
  if (PROGRAMS.includes(builtAs(source))) await chmod(unfinished, 0o755);
  await rename(unfinished, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const startedAt = Date.now();
  const made = await build();
  if (made > 0) console.error(`Built ${made} files in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}
