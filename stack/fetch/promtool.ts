import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingToolError } from '../errors.js';
import type { Environment } from '../settings.js';
import { cached, defaultCacheDir } from './cache.js';
import { onPath, runCommand } from './commands.js';

/** Prometheus 3.7.3, by the number of its Go module. */
export const PROMETHEUS_MODULE = 'github.com/prometheus/prometheus@v0.307.3';
const REMEDY = 'install promtool (it comes with Prometheus, https://prometheus.io/download) or Go 1.24 or newer (https://go.dev/dl).';

export interface PromtoolOptions {
  readonly env: Environment;
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
  /** Called when it has to be built, which takes a minute or two. */
  readonly onFetching?: () => void;
}

/**
 * promtool, which checks alert rules and runs their tests: the one on this machine, or built with Go.
 * @throws MissingToolError when there is neither
 */
export async function promtool({ env, cacheDir = defaultCacheDir(env), signal, onFetching }: PromtoolOptions): Promise<string> {
  const installed = await onPath(['promtool'], env);
  if (installed !== undefined) return installed;
  const folder = await cached(
    cacheDir,
    `promtool-${PROMETHEUS_MODULE.split('@')[1]}`,
    async (building) => {
      const go = await onPath(['go'], env);
      if (go === undefined) throw new MissingToolError(`promtool was not found, nor Go to build it: ${REMEDY}`);
      const run = { env, cwd: building, signal };
      // Its go.mod excludes versions, which `go install` refuses: it is built as the main module that it is.
      const downloaded = await runCommand(go, ['mod', 'download', '-json', PROMETHEUS_MODULE], { ...run, env: { ...env, GOFLAGS: '' } });
      const { Dir: source } = JSON.parse(downloaded.slice(downloaded.indexOf('{'), downloaded.lastIndexOf('}') + 1)) as { Dir: string };
      const own = join(building, 'source');
      // Without the clients of every cloud, which find what to scrape: no rule needs them, and they are most of what there is to build.
      await cp(source, own, { recursive: true, filter: (from) => from !== join(source, 'plugins', 'plugins.go') });
      await runCommand('chmod', ['-R', 'u+w', own], run);
      await runCommand(go, ['build', '-buildvcs=false', '-ldflags', '-s -w', '-o', join(building, 'bin', 'promtool'), './cmd/promtool'], { ...run, cwd: own, env: { ...env, CGO_ENABLED: '0' } });
      await rm(own, { recursive: true });
    },
    { signal, ...(onFetching ? { onMissing: onFetching } : {}) },
  );
  return join(folder, 'bin', 'promtool');
}
