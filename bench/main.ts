import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Setting } from './measure/machine.js';
import { messageOf } from '../stack/errors.js';
import { CONTESTANTS, type Contestant, type Split } from './contestants.js';
import { KINDS, type Kind } from './load/requests.js';
import { openRig, type Rig, type RigAirflow } from './rig.js';
import { sectionText, settingText, type SectionReport } from './report/report.js';
import { runBulkhead } from './sections/bulkhead.js';
import { runCost } from './sections/cost.js';
import { runIngress } from './sections/ingress.js';
import { runPipeline } from './sections/pipeline.js';
import { runScale, SCALE_PARTS, type ScalePart } from './sections/scale.js';

const SECTIONS = ['pipeline', 'cost', 'ingress', 'bulkhead', 'scale'] as const;
type Section = (typeof SECTIONS)[number];

interface BenchOptions {
  readonly quick: boolean;
  readonly json?: string;
  readonly repetitions?: number;
  readonly kinds: readonly Kind[];
  readonly contestants: readonly Contestant[];
  readonly processes: Split;
  readonly burst?: number;
  readonly seconds?: number;
  readonly realAirflow: boolean;
  readonly scale: readonly ScalePart[];
  readonly set: readonly string[];
  readonly cpuProfiles?: string;
}

const started = performance.now();
const say = (text: string): void => void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);

function whole(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.');
  return Number(text);
}

function listOf<T extends string>(known: Readonly<Record<string, T>>): (text: string) => T[] {
  return (text) => text.split(',').map((word) => {
    const found = known[word.trim()];
    if (found === undefined) throw new InvalidArgumentError(`Choose from ${Object.keys(known).join(', ')}.`);
    return found;
  });
}

const collected = (text: string, before: readonly string[]): string[] => {
  if (!/^[A-Z_]+=/.test(text)) throw new InvalidArgumentError('Write NAME=value.');
  return [...before, text];
};

async function runSection(rig: Rig, section: Section, options: BenchOptions): Promise<SectionReport> {
  const { quick, kinds, contestants, processes: split } = options;
  const env = Object.fromEntries(options.set.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  switch (section) {
    case 'pipeline':
      return runPipeline(rig, {
        repetitions: options.repetitions ?? (quick ? 1 : 3), burst: options.burst ?? (quick ? 300 : 2_000), steadySeconds: options.seconds ?? (quick ? 20 : 60), steadyPerSecond: 5,
        warmUp: quick ? 150 : 400, kinds, contestants, split, env, profileDir: options.cpuProfiles,
      });
    case 'cost':
      return runCost(rig, { kinds, contestants, burst: options.burst ?? (quick ? 300 : 1_000), steadySeconds: options.seconds ?? (quick ? 10 : 30), crashBurst: 300, warmUp: quick ? 50 : 200, env });
    case 'ingress':
      return runIngress(rig, { repetitions: options.repetitions ?? (quick ? 1 : 3), requests: quick ? 1_000 : 2_000, repeats: 10, env });
    case 'bulkhead':
      return options.realAirflow
        ? runBulkhead(rig, { airflow: 'real', repetitions: 1, emails: 10, emailsPerSecond: 1 / 8, hadoops: 4, hadoopMs: 90_000, env })
        : runBulkhead(rig, { airflow: 'simulated', repetitions: options.repetitions ?? (quick ? 1 : 3), emails: quick ? 100 : 200, emailsPerSecond: 5, hadoops: 60, hadoopMs: 8_000, env });
    case 'scale':
      return runScale(rig, {
        parts: options.scale, repetitions: options.repetitions ?? (quick ? 1 : 3), burst: options.burst ?? (quick ? 300 : 1_000), warmUp: quick ? 150 : 400, tenantSizes: [1, quick ? 300 : 1_000],
        live: quick ? [1, 1_000] : [1, 1_000, 20_000], pastDeletions: quick ? 100_000 : 1_000_000, parked: quick ? 500 : 2_000, env,
      });
  }
}

/** Sections that can run on the same stack. */
function byAirflow(sections: readonly Section[], { realAirflow }: BenchOptions): { airflow: RigAirflow; sections: readonly Section[] }[] {
  const airflowOf = (section: Section): RigAirflow => (section !== 'bulkhead' ? 'stand-in' : realAirflow ? 'real' : 'simulated');
  return (['stand-in', 'simulated', 'real'] as const).map((airflow) => ({ airflow, sections: sections.filter((section) => airflowOf(section) === airflow) })).filter((group) => group.sections.length > 0);
}

async function bench(sections: readonly Section[], options: BenchOptions): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(130); // the keeper's watchdog ends what is left
      interrupted.abort(new Error('interrupted'));
      process.exit(130);
    });
  }
  const reports: SectionReport[] = [];
  let setting: Setting | undefined;
  try {
    for (const { airflow, sections: together } of byAirflow(sections, options)) {
      const rig = await openRig(airflow, say, interrupted.signal);
      try {
        if (setting === undefined) process.stdout.write(`${settingText(rig.setting)}\n\n`);
        setting ??= rig.setting;
        for (const section of together) {
          const report = await runSection(rig, section, options);
          reports.push(report);
          process.stdout.write(`${sectionText(report)}\n\n`);
        }
      } finally {
        say('stopping');
        await rig.close();
      }
    }
  } finally {
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ setting: { ...setting, loadAfter: loadavg()[0] }, reports }, null, 2)}\n`);
  }
  if (reports.some(({ goals }) => goals.some(({ met }) => !met))) process.exitCode = 3;
}

const program = new Command('npm run bench --')
  .description('Measures Expunge on this machine, beside the least that Temporal itself needs for the same.')
  .argument('[sections...]', `${SECTIONS.join(', ')} or all`, ['all'])
  .option('--quick', 'small loads, one repetition: minutes, for use while something is being changed', false)
  .option('--json <file>', 'writes all figures to a file as well')
  .option('--repetitions <n>', 'interleaved repetitions (default: 3, with --quick 1)', whole)
  .addOption(new Option('--kinds <list>', 'user, service').argParser(listOf({ user: 'user', service: 'service' })).default([...KINDS], 'both'))
  .addOption(new Option('--contestants <list>', 'expunge, normal, local').argParser(listOf<Contestant>({ expunge: CONTESTANTS[0], normal: CONTESTANTS[1], local: CONTESTANTS[2] })).default([...CONTESTANTS], 'all three'))
  .addOption(new Option('--processes <split>', 'a process for each role, or one for all').choices(['apart', 'together']).default('apart'))
  .option('--burst <n>', 'deletions in the burst', whole)
  .option('--seconds <n>', 'length of the steady load', whole)
  .option('--set <NAME=value>', 'a configuration variable of the roles, of all contestants; may be repeated', collected, [])
  .option('--real-airflow', 'bulkhead: on the real Airflow in place of the simulated one (several minutes)', false)
  .addOption(new Option('--scale <list>', `scale: ${SCALE_PARTS.join(', ')}`).argParser(listOf<ScalePart>({ processes: 'processes', tenants: 'tenants', live: 'live', memory: 'memory' })).default([...SCALE_PARTS], 'all'))
  .option('--cpu-profiles <folder>', 'lets every role write a CPU profile (node --cpu-prof) for Chrome’s developer tools')
  .addHelpText('after', `
The stack is started and stopped by the bench; data goes to .stack/bench and is thrown away. Progress is on standard error,
tables are on standard output. Exit code 3: a goal was missed. docs/performance.md tells what is measured and how.`)
  .action(async (names: readonly string[], options: BenchOptions) => {
    const unknown = names.find((name) => name !== 'all' && !SECTIONS.some((section) => section === name));
    if (unknown !== undefined) program.error(`There is no section "${unknown}"; sections are ${SECTIONS.join(', ')} and all.`);
    await bench(names.includes('all') ? SECTIONS : SECTIONS.filter((section) => names.includes(section)), options);
  });

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  },
);
