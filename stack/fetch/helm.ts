import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingToolError } from '../errors.js';
import type { FetchContext, Program } from '../parts.js';
import { cached } from './cache.js';
import { onPath, runCommand } from './commands.js';

/** The Helm that the chart is linted and rendered with. */
export const HELM_VERSION = '3.17.3';

/**
 * Helm: one on PATH of the third major version, else built with Go.
 * @throws MissingToolError when neither can be had.
 */
export async function findHelm(context: FetchContext): Promise<Program> {
  const onMachine = await onPath(['helm'], context.environment);
  if (onMachine !== undefined && /^v3\./.test(await runCommand(onMachine, ['version', '--short'], { env: context.environment }).catch(() => ''))) {
    return { label: onMachine, command: onMachine };
  }
  const go = await onPath(['go'], context.environment);
  const folder = await cached(
    context.cacheDir,
    `helm-${HELM_VERSION}`,
    async (building) => {
      if (go === undefined) throw new MissingToolError('The chart cannot be checked: install Helm 3 (https://helm.sh/docs/intro/install) or Go 1.23 or newer (https://go.dev/dl).');
      const bin = join(building, 'bin');
      await mkdir(bin);
      await runCommand(go, ['install', `helm.sh/helm/v3/cmd/helm@v${HELM_VERSION}`], { env: { ...context.environment, GOBIN: bin }, cwd: building, signal: context.signal });
    },
    { signal: context.signal, onMissing: context.onFetching },
  );
  return { label: `Helm ${HELM_VERSION}`, command: join(folder, 'bin', 'helm') };
}
