import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { ConfigFault, loadConfig, type Environment } from '../platform/config.js';
import { createLog } from '../platform/log.js';
import type { Cli } from './cli.js';
import { addDeletionCommands } from './commands/deletions.js';
import { addMakeCurrentCommand } from './commands/make-current.js';
import { addOutboxCommands } from './commands/outbox.js';
import { addRequestCommands } from './commands/request.js';
import { addSetupCommand } from './commands/setup.js';
import { addSubjectCommands } from './commands/subjects.js';
import { addTenantCommands } from './commands/tenants.js';
import { createConnections } from './connections.js';
import { createExpungeClient } from './expunge-client.js';
import { ClientFault, EXIT_CODES } from './faults.js';
import type { Terminal } from './terminal.js';

export interface CliSetting {
  readonly terminal: Terminal;
  /** The process's own when left out. */
  readonly env?: Environment;
  readonly stdin?: NodeJS.ReadableStream;
}

const EXIT_CODE_HELP = `
Exit codes:
  0  done
  1  watched, and it failed, was cancelled, or was not over in time
  2  the command, its input or the configuration is wrong
  3  not found
  4  refused: the answer says why
  5  a part cannot be reached: the answer names it and its variable

Reads go to the API at EXPUNGE_API_URL, requests to Kafka at KAFKA_BROKERS, acts to Temporal at TEMPORAL_ADDRESS,
the outbox commands to PostgreSQL at DATABASE_URL.
The README lists all variables.`;

/** Runs one command. @returns its exit code */
export async function runCli(args: readonly string[], { terminal, env, stdin = process.stdin }: CliSetting): Promise<number> {
  const log = createLog({ level: 'silent' });
  let loaded: ReturnType<typeof loadConfig> | undefined;
  const config = () => (loaded ??= loadConfig(env));
  const connections = createConnections(config, log);
  const cli: Cli = {
    terminal, config, log,
    client: () => createExpungeClient({ ...config().client, temporal: () => connections.temporal(), kafka: () => connections.kafka() }),
    login: () => userInfo().username,
    readText: (file) => (file === '-' ? text(stdin) : readFile(file, 'utf8').catch((error: unknown) => {
      throw new ClientFault('usage', `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`, { cause: error });
    })),
    sleep: (ms) => sleep(ms),
  };
  try {
    await programOf(cli).parseAsync([...args], { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    return explain(error, terminal);
  } finally {
    await connections.close();
  }
}

function programOf(cli: Cli): Command {
  const program = new Command('expunge')
    .description('Ask Expunge for deletions, see where they are, and decide about those that wait for a person.')
    .exitOverride()
    .showHelpAfterError('Add --help for what can be said.')
    .configureOutput({
      writeOut: (written) => cli.terminal.out(written.trimEnd()),
      writeErr: (written) => cli.terminal.err(written.trimEnd()),
    })
    .addHelpText('after', EXIT_CODE_HELP);
  addRequestCommands(program, cli);
  addDeletionCommands(program, cli);
  addTenantCommands(program, cli);
  addSubjectCommands(program, cli);
  addOutboxCommands(program, cli);
  addSetupCommand(program, cli);
  addMakeCurrentCommand(program, cli);
  return program;
}

/** Tells the person what went wrong; what nobody foresaw is shown whole. */
function explain(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  if (error instanceof ClientFault) {
    if (error.message !== '') terminal.err(error.message);
    return EXIT_CODES[error.kind];
  }
  if (error instanceof ConfigFault) {
    terminal.err(`${error.message}\nEvery variable is listed in the README.`);
    return EXIT_CODES.usage;
  }
  terminal.err(inspect(error));
  return EXIT_CODES.failed;
}
