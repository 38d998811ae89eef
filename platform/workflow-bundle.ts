import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { isEntryPoint } from './entry-point.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Of sources, or of what was built of them. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const inWorkflows = (module: string): string => join(root, 'workflows', `${module}${EXTENSION}`);

export interface BundleOptions {
  /** Other workflows than the product's; for tests of one release beside another. */
  readonly workflowsPath?: string | undefined;
  /** Keep where promises and errors were made; default true. */
  readonly stackTraces?: boolean;
  /** A file that `npm run bundle` has made of the product's workflows, instead of making it now. */
  readonly bundleFile?: string | undefined;
}

/** A worker must not run other workflows than those of its own release. */
export class BundleOfOtherSources extends Error {
  override readonly name = 'BundleOfOtherSources';
  constructor(file: string) {
    super(`WORKFLOW_BUNDLE: ${file} was not made of the workflows of this release; make it anew with \`npm run bundle -- ${file}\`, or leave the variable out`);
  }
}

/**
 * The workflows as workers run them, with the converter that reads their inputs. Made now, it takes some seconds: once per process.
 * @throws BundleOfOtherSources
 */
export async function bundleWorkflows({ workflowsPath, stackTraces = true, bundleFile }: BundleOptions = {}): Promise<WorkflowBundle> {
  const code = bundleFile === undefined || workflowsPath !== undefined ? await make(workflowsPath ?? inWorkflows('index')) : await read(bundleFile);
  // The SDK takes a stack trace for every promise of a workflow (temporalio/sdk-typescript#1587); this is the one way to have it take none.
  return { code: stackTraces ? code : `Error.stackTraceLimit = 0;${code}` };
}

async function make(workflowsPath: string): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath, payloadConverterPath: inWorkflows('payload-converter'), logger: new DefaultLogger('ERROR') });
  return code;
}

async function read(file: string): Promise<string> {
  const code = await readFile(file, 'utf8');
  if (!code.startsWith(await headOf())) throw new BundleOfOtherSources(file);
  return code;
}

/** The first line of a bundle file: what it was made of. */
async function headOf(): Promise<string> {
  const files = await Promise.all(['workflows', 'contracts/names'].map(async (folder) => (await readdir(join(root, folder), { recursive: true })).map((file) => join(root, folder, file))));
  const hash = createHash('sha256').update((createRequire(import.meta.url)('@temporalio/workflow/package.json') as { version: string }).version);
  for (const file of files.flat().filter((name) => name.endsWith(EXTENSION)).sort()) hash.update(await readFile(file));
  return `/* workflows ${hash.digest('hex')} */`;
}

/** Makes the bundle and writes it to a file, for WORKFLOW_BUNDLE: in an image, or for many processes that start on one machine. */
export async function writeBundle(file: string): Promise<void> {
  const code = `${await headOf()}${await make(inWorkflows('index'))}`;
  await mkdir(dirname(file), { recursive: true });
  // Whole or not at all: a worker may be reading.
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, code);
  await rename(unfinished, file);
}

if (isEntryPoint(import.meta.url)) {
  const file = resolve(process.argv[2] ?? 'build/workflows.js');
  await writeBundle(file);
  console.log(`WORKFLOW_BUNDLE=${file}`);
}
