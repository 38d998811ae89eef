import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { GivenUpError, MissingToolError } from '../errors.js';
import type { Environment } from '../settings.js';
import { cached } from './cache.js';
import { onPath, runCommand } from './commands.js';

/** What a Python environment is made of. */
export interface PythonRequirements {
  /** Shown in the cache folder's name. */
  readonly name: string;
  /** Oldest Python that will do, as [major, minor]. */
  readonly minimum: readonly [number, number];
  /** Arguments of `pip install`, in one call per list. */
  readonly installs: readonly (readonly string[])[];
  /** All that decides what is installed; the cache is keyed by its hash. */
  readonly fingerprint: string;
}

/** [major, minor] in the output of `python3 --version`. */
export function pythonVersion(output: string): readonly [number, number] | undefined {
  const [, major, minor] = /Python (\d+)\.(\d+)/.exec(output) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

const isAtLeast = (found: readonly [number, number], minimum: readonly [number, number]): boolean =>
  found[0] > minimum[0] || (found[0] === minimum[0] && found[1] >= minimum[1]);

const venvKey = (requirements: PythonRequirements, version: string): string =>
  `${requirements.name}-${createHash('sha256').update(`${version}\n${requirements.fingerprint}`).digest('hex').slice(0, 16)}`;

/** The newest Python on PATH that is new enough, or undefined. */
export async function findPython(minimum: readonly [number, number], env: Environment): Promise<{ command: string; version: string } | undefined> {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']) {
    const command = await onPath([name], env);
    if (command === undefined) continue;
    const output = await runCommand(command, ['--version'], { env, timeoutMs: 20_000 }).catch(() => '');
    const version = pythonVersion(output);
    if (version !== undefined && isAtLeast(version, minimum)) return { command, version: output.trim() };
  }
  return undefined;
}

/**
 * A Python environment with the requirements in it, made once.
 * @returns its `bin` folder.
 * @throws MissingToolError when there is no Python that will do.
 */
export async function pythonEnvironment(
  requirements: PythonRequirements,
  options: { readonly cacheDir: string; readonly env: Environment; readonly remedy: string; readonly signal?: AbortSignal; readonly onFetching?: () => void },
): Promise<string> {
  const python = await findPython(requirements.minimum, options.env);
  if (python === undefined) throw new MissingToolError(`Airflow cannot be started: Python ${requirements.minimum.join('.')} or newer was not found: ${options.remedy}`);
  const folder = await cached(
    options.cacheDir,
    venvKey(requirements, python.version),
    async (building) => {
      const run = { env: options.env, cwd: building, signal: options.signal };
      await runCommand(python.command, ['-m', 'venv', join(building, 'venv')], run).catch((error: unknown) => {
        if (error instanceof GivenUpError) throw error;
        throw new MissingToolError(`Airflow cannot be started: Python's venv module does not work here (Debian: install python3-venv): ${options.remedy}`, { cause: error });
      });
      for (const install of requirements.installs) {
        await runCommand(join(building, 'venv', 'bin', 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...install], run);
      }
    },
    { signal: options.signal, inPlace: true, ...(options.onFetching ? { onMissing: options.onFetching } : {}) },
  );
  return join(folder, 'venv', 'bin');
}
