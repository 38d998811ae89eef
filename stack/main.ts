import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import Table from 'cli-table3';
import { writeEnvFile } from './env-file.js';
import { environment } from './environment.js';
import { messageOf } from './errors.js';
import { holderOf, markHolder, stopHolder } from './holder.js';
import { lastLines } from './processes.js';
import { showProgress } from './progress.js';
import { startStack, type RunningStack } from './start.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = resolve(root, '.stack');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function summary(stack: RunningStack): string {
  const table = new Table({ head: ['part', 'address', 'from', 'ready in', 'log'], style: { head: [], border: [] } });
  for (const part of stack.parts) {
    table.push([part.title, part.address, part.source, `${part.seconds.toFixed(1)} s`, part.logFile === undefined ? '–' : relative(root, part.logFile)]);
  }
  const ui = stack.env['TEMPORAL_UI_URL'];
  return `${table.toString()}${ui === undefined ? '' : `\nTemporal Web UI: ${ui}`}`;
}

async function hold(): Promise<void> {
  const holder = await holderOf(dir);
  if (holder !== undefined) throw new Error(`The stack is up already (process ${holder}). Take it down first: npm run stack -- down`);
  const abort = new AbortController();
  let stack: RunningStack | undefined;
  let ending: Promise<void> | undefined;
  const end = (why: string, exitCode: number): void => {
    ending ??= (async () => {
      say(why);
      abort.abort();
      await stack?.stop();
      await rm(join(dir, 'env'), { force: true });
      await rm(join(dir, 'holder'), { force: true });
      if (stack !== undefined) process.exit(exitCode);
    })();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      end('\nStopping the stack …', 0);
    });
  }
  await markHolder(dir);
  try {
    stack = await startStack({
      environment,
      dir,
      ports: 'usual',
      onProgress: showProgress(process.stdout),
      signal: abort.signal,
      onPartEnded: (part, how, logFile) => {
        end(`${part} ended by itself (${how}), so the stack is stopped. The end of ${logFile}:\n${lastLines(logFile, 8)}`, 1);
      },
    });
  } catch (error) {
    await rm(join(dir, 'holder'), { force: true });
    if (ending === undefined) throw error;
    return;
  }
  await writeEnvFile(join(dir, 'env'), stack.env);
  say(`${summary(stack)}\nAddresses and passwords: .stack/env`);
  if (process.send === undefined) {
    say('The stack is up until Ctrl-C. In another terminal: set -a; . .stack/env; set +a; npm start');
  } else {
    process.send('up');
    process.disconnect();
  }
  const alive = setInterval(() => undefined, 60_000);
  await new Promise(() => alive);
}

/** Copies what is added to a file to the standard output, until it is told to stop. */
function follow(path: string): () => void {
  let shown = 0;
  const show = (): void => {
    const content = readFileSync(path);
    process.stdout.write(content.subarray(shown));
    shown = content.length;
  };
  const timer = setInterval(show, 200);
  return () => {
    clearInterval(timer);
    show();
  };
}

/** Starts a process of its own that holds the stack up, shows its progress, and leaves when all parts are ready. */
async function detach(): Promise<void> {
  const logs = join(dir, 'logs');
  mkdirSync(logs, { recursive: true });
  const logFile = join(logs, 'stack.log');
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url)], {
    cwd: root,
    env: environment,
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.once('SIGINT', forward);
  process.once('SIGTERM', forward);
  say('Starting the stack …');
  const stopFollowing = follow(logFile);
  const up = await new Promise<boolean>((settle) => {
    child.once('message', () => {
      settle(true);
    });
    child.once('exit', () => {
      settle(false);
    });
    child.once('error', () => {
      settle(false);
    });
  });
  stopFollowing();
  if (!up) throw new Error(`The stack did not come up. Log: ${logFile}`);
  say('The stack stays up. Take it down with: npm run stack -- down');
  child.disconnect();
  child.unref();
  process.exit(0);
}

async function down(): Promise<void> {
  const stopped = await stopHolder(dir);
  say(stopped ? 'The stack is down.' : 'No stack is up.');
}

const program = new Command('npm run stack --')
  .description('Holds Temporal, Kafka, PostgreSQL and Airflow up on this machine and writes their addresses to .stack/env.')
  .option('--detach', 'leave it running and return when all parts are ready')
  .action(async (options: { detach?: boolean }) => {
    if (options.detach === true) await detach();
    else await hold();
  });
program.command('down').description('stop what --detach left running').action(down);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
