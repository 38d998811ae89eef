import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startStack, type RunningStack } from '../../stack/start.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The stack's environment variables: KAFKA_BROKERS, TEMPORAL_ADDRESS, DATABASE_URL and so on. */
    stack: Readonly<Record<string, string>>;
  }
}

/** Folders of earlier runs whose logs are kept. */
const RUNS_KEPT = 5;
const runs = fileURLToPath(new URL('../../.stack/tests/', import.meta.url));

interface Shared {
  readonly starting: Promise<RunningStack>;
  users: number;
}

/** One stack for all projects of a vitest process; each project loads this module anew, so the module cannot hold it. */
const holder = globalThis as { expungeTestStack?: Shared };

async function forgetOldRuns(): Promise<void> {
  await mkdir(runs, { recursive: true });
  const old = (await readdir(runs)).sort().slice(0, -RUNS_KEPT);
  await Promise.all(old.map((run) => rm(join(runs, run), { recursive: true, force: true })));
}

async function startOnce(): Promise<RunningStack> {
  await forgetOldRuns();
  return startStack({
    environment: process.env,
    parts: ['temporal', 'kafka', 'postgres'],
    durability: 'throwaway',
    dir: join(runs, `${new Date().toISOString().replaceAll(':', '-')}-${process.pid}`),
    onProgress: ({ state, title, detail, seconds }) => {
      if (state === 'fetching' && seconds > 2) console.log(`${title}: ${detail}`);
    },
    onPartEnded: (part, how, logFile) => {
      console.error(`${part} ended by itself (${how}). Log: ${logFile}`);
    },
  });
}

/** Temporal (in memory), Kafka and PostgreSQL for the tests: started once, stopped at the end, gone even after kill -9. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (holder.expungeTestStack ??= { starting: startOnce(), users: 0 });
  shared.users++;
  const stack = await shared.starting;
  project.provide('stack', stack.env);
  return async () => {
    shared.users--;
    if (shared.users > 0) return;
    delete holder.expungeTestStack;
    await stack.stop();
  };
}
