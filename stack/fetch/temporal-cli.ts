import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GivenUpError, MissingToolError, messageOf } from '../errors.js';
import type { FetchContext, Program } from '../parts.js';
import { cached } from './cache.js';
import { onPath, runCommand } from './commands.js';

/** Later versions have a replace directive in their go.mod, which `go install` refuses. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

const REMEDY =
  'install Go 1.24 or newer (https://go.dev/dl) or the Temporal CLI (https://docs.temporal.io/cli), or set TEMPORAL_ADDRESS to a Temporal that runs.';

/** The release archive of Temporal's own site, for machines without Go. */
export function archiveUrl(platform: NodeJS.Platform, arch: string): string {
  const cpu = arch === 'x64' ? 'amd64' : arch;
  return `https://temporal.download/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${platform}&arch=${cpu}`;
}

async function download(folder: string, context: FetchContext): Promise<void> {
  const response = await fetch(archiveUrl(process.platform, process.arch), { signal: AbortSignal.any([context.signal, AbortSignal.timeout(120_000)]) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const archive = join(folder, 'temporal.tar.gz');
  await writeFile(archive, Buffer.from(await response.arrayBuffer()));
  await runCommand('tar', ['-xzf', archive, '-C', folder, 'temporal'], { env: context.environment, signal: context.signal });
}

/**
 * The Temporal CLI, which has the server and the Web UI in it: built with Go, else its release archive.
 * @throws MissingToolError when neither can be had.
 */
export async function fetchTemporalCli(context: FetchContext): Promise<Program> {
  const folder = await cached(
    context.cacheDir,
    `temporal-cli-${TEMPORAL_CLI_VERSION}`,
    async (building) => {
      const bin = join(building, 'bin');
      await mkdir(bin);
      const go = await onPath(['go'], context.environment);
      if (go !== undefined) {
        await runCommand(go, ['install', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`], {
          env: { ...context.environment, GOBIN: bin },
          cwd: building,
          signal: context.signal,
        });
        return;
      }
      await download(bin, context).catch((error: unknown) => {
        if (context.signal.aborted) throw new GivenUpError();
        throw new MissingToolError(`Temporal cannot be started: Go was not found and the download failed (${messageOf(error)}): ${REMEDY}`);
      });
    },
    { signal: context.signal, onMissing: context.onFetching },
  );
  return { label: `Temporal CLI ${TEMPORAL_CLI_VERSION}`, command: join(folder, 'bin', 'temporal') };
}
