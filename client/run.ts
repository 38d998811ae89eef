import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { ConfigFault, loadConfig, type Environment } from '../platform/config.js';
import { createLog } from '../platform/log.js';
import type { Cli } from './cli.js';
import { createConnections } from './connections.js';
import { createExpungeClient } from './expunge-client.js';
import { ClientFault, EXIT_CODES } from './faults.js';
import { createPaint } from './paint.rules.js';
import { everyCommand, programOf } from './program.js';
import type { Terminal } from './terminal.js';

export interface CliSetting {
  readonly terminal: Terminal;
  /** The process's own when left out. */
  readonly env?: Environment;
  readonly stdin?: NodeJS.ReadableStream;
}

/** Runs one command. @returns its exit code */
export async function runCli(args: readonly string[], { terminal, env, stdin = process.stdin }: CliSetting): Promise<number> {
  const log = createLog({ level: 'silent' });
  let loaded: ReturnType<typeof loadConfig> | undefined;
  const config = () => (loaded ??= loadConfig(env));
  const connections = createConnections(config, log);
  const json = asks(args, '--json');
  const cli: Cli = {
    terminal, config, log,
    screen: { columns: terminal.columns, paint: createPaint(terminal.coloured === true && !json && !asks(args, '--no-color')) },
    client: () => createExpungeClient({ ...config().client, temporal: () => connections.temporal(), kafka: () => connections.kafka() }),
    login: () => userInfo().username,
    readText: (file) => (file === '-' ? text(stdin) : readFile(file, 'utf8').catch((error: unknown) => {
      throw new ClientFault('usage', `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`, { cause: error });
    })),
    sleep: (ms) => sleep(ms),
  };
  try {
    const program = programOf(cli);
    // What was not understood is told as JSON below.
    if (json) for (const command of everyCommand(program)) command.showHelpAfterError(false).configureOutput({ outputError: () => undefined });
    await program.parseAsync([...args], { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    return explain(error, terminal, json);
  } finally {
    await connections.close();
  }
}

/** Whether an option that every command has is among the arguments; asked before they are understood, for they may not be. */
function asks(args: readonly string[], option: string): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes(option);
}

interface Told {
  readonly kind: keyof typeof EXIT_CODES;
  /** Empty: all was said already. */
  readonly message: string;
  readonly faults?: readonly object[] | undefined;
  /** For people, where that is not the message. */
  readonly text?: string;
}

/** Tells the person, or the script, what went wrong. */
function explain(error: unknown, terminal: Terminal, json: boolean): number {
  const { kind, message, faults, text = message } = toldOf(error);
  const exitCode = EXIT_CODES[kind];
  if (json && kind !== 'ok') terminal.err(JSON.stringify({ kind, message, exitCode, ...(faults === undefined ? {} : { faults }) }));
  else if (!json && text !== '') terminal.err(text);
  return exitCode;
}

function toldOf(error: unknown): Told {
  if (error instanceof CommanderError) {
    // Help counts as an error when it was not asked for; commander has told people already.
    return error.exitCode === 0 ? { kind: 'ok', message: '' } : { kind: 'usage', message: error.code === 'commander.help' ? 'A command is missing; --help names them.' : error.message.replace(/^error: /, ''), text: '' };
  }
  if (error instanceof ClientFault) return error;
  if (error instanceof ConfigFault) return { kind: 'usage', message: error.message, faults: error.faults, text: `${error.message}\nEvery variable is listed in the README.` };
  // What nobody foresaw is shown whole.
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error), text: inspect(error) };
}
