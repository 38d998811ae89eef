import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// `npm test`: the product and its workflows as they run, and beside them everything else. Each has a stack of its own and mostly waits, so
// side by side they take little more than half the time. Arguments go to both; with TEST_REPORTS=<folder> each writes a report.

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const RUNS = { parts: ['unit', 'replay', 'integration'], whole: ['e2e', 'workflows'] } as const;

interface Run {
  readonly name: keyof typeof RUNS;
  readonly code: number;
  /** What it printed, unless that was seen while it ran. */
  readonly output: string;
}

async function run(name: keyof typeof RUNS, live: boolean): Promise<Run> {
  const reports = process.env['TEST_REPORTS'];
  const args = [
    ...RUNS[name].flatMap((project) => ['--project', project]),
    ...(process.argv.length > 2 ? ['--passWithNoTests'] : []),
    ...(reports ? ['--reporter=default', '--reporter=json', `--outputFile.json=${reports}/${name}.json`] : []),
    ...process.argv.slice(2),
  ];
  const child = spawn(process.execPath, [vitest, 'run', ...args], { stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'] });
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
  // Ctrl-C reaches the children by itself; a SIGTERM is passed on, so that their stacks stop.
  const passOn = () => child.kill('SIGTERM');
  process.once('SIGTERM', passOn);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGTERM', passOn);
  return { name, code: code ?? 1, output: Buffer.concat(output).toString() };
}

process.on('SIGINT', () => undefined);
console.log('The end-to-end and workflow tests run beside the others; what they print follows at the end.');
const runs = await Promise.all([run('parts', true), run('whole', false)]);
for (const { output } of runs) process.stdout.write(output);
const failed = runs.filter(({ code }) => code !== 0).map(({ name }) => RUNS[name].join(', '));
console.log(failed.length === 0 ? '\nAll tests passed.' : `\nFailed: ${failed.join('; ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
