import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { createPaint } from './demo/colours.js';
import { runDemo } from './demo/run.js';
import { environment } from './environment.js';
import { messageOf } from './errors.js';
import { holderOf } from './holder.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Of its own, so that a stack that is held up keeps its data. */
const dir = resolve(root, '.stack', 'demo');

const program = new Command('npm run demo --')
  .description('Starts the stack and all roles of Expunge, fills small tables and folders, sends a few telling deletions, shows them on their way, and reports what became of each.')
  .option('--exit', 'end when all is over: with 0 only if every outcome was the expected one')
  .addHelpText('after', `
Nothing is left running and no data of yours is touched: the demo has tables and folders of its own under .stack/demo.
STACK_AIRFLOW=real npm run demo takes the real Airflow in place of the simulated one (a few minutes).`)
  .action(async ({ exit = false }: { exit?: boolean }) => {
    const other = await holderOf(dir);
    if (other !== undefined) throw new Error(`A demo is running already (process ${other}): end it with Ctrl-C first.`);
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (interrupted.signal.aborted) process.exit(130); // the stack's watchdog ends what is left
        interrupted.abort(new Error('interrupted'));
      });
    }
    process.exitCode = await runDemo({
      environment, dir, logs: join(dir, 'logs'), exitWhenOver: exit, output: process.stdout,
      paint: createPaint(process.stdout.isTTY, environment['NO_COLOR']), interrupted: interrupted.signal,
    });
  });

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  },
);
