import { mkdir, rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { build } from '../build.mjs';
import type { Setting } from './measure/machine.js';
import { messageOf } from '../stack/errors.js';
import { holderOf, markHolder } from '../stack/holder.js';
import { CONTESTANTS, type Contestant } from './contestants.js';
import { KINDS } from './load/requests.js';
import { openRig, STACK_DIR, type RigAirflow, type TemporalKeeps } from './rig.js';
import { sectionText, settingText, type SectionReport } from './report/report.js';
import { airflowFor, needsCommitTimes, runSection, SECTIONS, type Section, type SectionOptions } from './sections/run-section.js';
import { SCALE_PARTS, type ScalePart } from './sections/scale.js';

interface BenchOptions extends SectionOptions {
  readonly json?: string;
  readonly waitForQuiet: number;
  readonly temporal: TemporalKeeps;
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

/** Sections that can run on the same stack. */
function byStack(sections: readonly Section[], options: BenchOptions): { airflow: RigAirflow; commitTimes: boolean; sections: readonly Section[] }[] {
  const groups = (['stand-in', 'simulated', 'real'] as const).flatMap((airflow) =>
    [false, true].map((commitTimes) => ({ airflow, commitTimes, sections: sections.filter((section) => airflowFor(section, options) === airflow && needsCommitTimes(section) === commitTimes) })));
  return groups.filter((group) => group.sections.length > 0);
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
  const other = await holderOf(STACK_DIR);
  if (other !== undefined) throw new Error(`A bench is running already (process ${other}): end it first.`);
  await mkdir(STACK_DIR, { recursive: true });
  await markHolder(STACK_DIR);
  // The bare workflow is compared with the product: it runs as that does.
  await build(['bench/bare']);
  const reports: SectionReport[] = [];
  let setting: Setting | undefined;
  try {
    for (const { airflow, commitTimes, sections: together } of byStack(sections, options)) {
      const rig = await openRig({ airflow, temporal: options.temporal, commitTimes, quietWithinMs: options.waitForQuiet * 1000, say, signal: interrupted.signal });
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
    await rm(join(STACK_DIR, 'holder'), { force: true });
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
  .addOption(new Option('--temporal <where>', 'where Temporal keeps its data: on disk, as PostgreSQL does, or in memory only').choices(['disk', 'memory']).default('disk'))
  .option('--burst <n>', 'deletions in the burst; with nova, records in each load', whole)
  .option('--seconds <n>', 'length of the steady load', whole)
  .addOption(new Option('--wait-for-quiet <seconds>', 'how long each load may be put off while others keep the machine busy').argParser(whole).default(0, 'not at all'))
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
