import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startStack, type RunningStack } from '../../stack/start.js';
import { startOtlpReceiver, type OtlpReceiver } from './otlp-receiver.js';
import { expunge } from './run-program.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The stack's environment variables: KAFKA_BROKERS, TEMPORAL_ADDRESS, DATABASE_URL and so on. */
    stack: Readonly<Record<string, string>>;
    /** Where its logs are, and those of what tests start beside it: kept for a few runs. */
    stackDir: string;
    /** Where spans may be sent: an OTLP endpoint of the tests' own, which Airflow and its simulator send theirs to. */
    collector: string;
  }
}

/** Folders of earlier runs whose logs are kept, and how young a folder may be one of a run that goes on beside this one. */
const RUNS_KEPT = 5;
const MAY_BE_RUNNING_MS = 2 * 3_600_000;
const runs = fileURLToPath(new URL('../../.stack/tests/', import.meta.url));

interface Shared {
  readonly dir: string;
  readonly collector: Promise<OtlpReceiver>;
  readonly starting: Promise<RunningStack>;
  users: number;
}

/**
 * Which stack a project gets: `parts`, shared, or `whole`, with a simulated Airflow, whose topics and workflows only whole roles
 * touch, or `real`, the same with the real Airflow.
 */
type Kind = 'parts' | 'whole' | 'real';
const KINDS: Readonly<Record<string, Kind>> = { e2e: 'whole', page: 'whole', 'real-airflow': 'real' };
const kindFor = (project: string): Kind => KINDS[project] ?? 'parts';

/** One stack of a kind for all projects of a vitest process; each project loads this module anew, so the module cannot hold it. */
const holder = globalThis as { expungeTestStacks?: Map<Kind, Shared> };

const nameOf = (time: Date): string => time.toISOString().replaceAll(':', '-');

async function forgetOldRuns(): Promise<void> {
  await mkdir(runs, { recursive: true });
  const running = nameOf(new Date(Date.now() - MAY_BE_RUNNING_MS));
  const old = (await readdir(runs)).sort().slice(0, -RUNS_KEPT).filter((name) => name < running);
  await Promise.all(old.map((run) => rm(join(runs, run), { recursive: true, force: true })));
}

async function startOnce(kind: Kind, dir: string, collector: Promise<OtlpReceiver>): Promise<RunningStack> {
  await forgetOldRuns();
  const whole = kind !== 'parts';
  const stack = await startStack({
    environment: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: (await collector).url, OTEL_BSP_SCHEDULE_DELAY: '200', ...(whole && { ERASERS_FILE: fileURLToPath(new URL('./erasers.yaml', import.meta.url)) }) },
    parts: ['temporal', 'kafka', 'postgres', ...(whole ? (['airflow'] as const) : [])],
    ...(whole && { airflow: kind === 'real' ? ('real' as const) : ('simulated' as const) }),
    durability: 'throwaway',
    dir,
    onProgress: ({ state, title, detail, seconds }) => {
      if (state === 'fetching' && seconds > 2) console.log(`${title}: ${detail}`);
    },
    onPartEnded: (part, how, logFile) => {
      console.error(`${part} ended by itself (${how}). Log: ${logFile}`);
    },
  });
  if (whole) await setUp(stack);
  return stack;
}

/** As a person makes ready what Expunge runs on. */
async function setUp(stack: RunningStack): Promise<void> {
  const { code, stdout, stderr } = await expunge({ ...process.env, ...stack.env }, 'setup');
  if (code === 0) return;
  await stack.stop();
  throw new Error(`expunge setup ended with ${code}: ${stderr}${stdout}`);
}

/** Temporal (in memory), Kafka and PostgreSQL for the tests, and Airflow for those of the whole: started once, stopped at the end, gone even after kill -9. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kind = kindFor(project.name);
  const stacks = (holder.expungeTestStacks ??= new Map<Kind, Shared>());
  const dir = join(runs, `${nameOf(new Date())}-${process.pid}-${kind}`);
  const begin = (): Shared => {
    const collector = startOtlpReceiver();
    return { dir, collector, starting: startOnce(kind, dir, collector), users: 0 };
  };
  const shared = stacks.get(kind) ?? begin();
  stacks.set(kind, shared);
  shared.users++;
  const stack = await shared.starting;
  project.provide('stack', stack.env);
  project.provide('stackDir', shared.dir);
  project.provide('collector', (await shared.collector).url);
  return async () => {
    shared.users--;
    if (shared.users > 0) return;
    stacks.delete(kind);
    await stack.stop();
    await (await shared.collector).close();
  };
}
