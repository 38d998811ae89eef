import { Command } from 'commander';
import { productVersion } from '../platform/product-version.js';
import { exemplified, examplesOf, type Cli } from './cli.js';
import { addCompletionCommand } from './commands/completion.js';
import { addDeadLetterCommands } from './commands/dead-letters.js';
import { addDeletionCommands } from './commands/deletions.js';
import { addListCommand } from './commands/list.js';
import { addMakeCurrentCommand } from './commands/make-current.js';
import { addOutboxCommands } from './commands/outbox.js';
import { addRequestCommands } from './commands/request.js';
import { addServiceCommands } from './commands/services.js';
import { addSetupCommand } from './commands/setup.js';
import { addSubjectCommands } from './commands/subjects.js';
import { addTenantCommands } from './commands/tenants.js';
import { EXIT_CODE_MEANINGS, EXIT_CODES } from './faults.js';

/** The program: every command with its description, its options and its examples. Help, documentation and completion are made from it. */
export function programOf(cli: Cli): Command {
  const program = exemplified(new Command('expunge'), ['expunge request user user_888 --reason gdpr_request', 'expunge watch uuid-1234', 'expunge list --parked', 'expunge retry uuid-1234 --reason "bucket policy fixed"'])
    .description('Ask Expunge for deletions, see where they are, and decide about those that wait for a person.')
    .version(productVersion(), '--version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    .showHelpAfterError('Add --help for what can be said.')
    .configureOutput({
      writeOut: (written) => cli.terminal.out(written.trimEnd()),
      writeErr: (written) => cli.terminal.err(written.trimEnd()),
      getOutHelpWidth: () => cli.terminal.columns ?? 100,
    });
  addRequestCommands(program, cli);
  addListCommand(program, cli);
  addDeletionCommands(program, cli);
  addTenantCommands(program, cli);
  addServiceCommands(program, cli);
  addSubjectCommands(program, cli);
  addDeadLetterCommands(program, cli);
  addOutboxCommands(program, cli);
  addSetupCommand(program, cli);
  addMakeCurrentCommand(program, cli);
  addCompletionCommand(program, cli);
  for (const command of everyCommand(program)) {
    command.helpOption('-h, --help', 'explain this command').addHelpText('after', helpAfter(command, command === program));
  }
  return program;
}

/** A command and all that are under it. */
export const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

/** The words that a command is called by: `expunge dlq list`. */
export const calledBy = (command: Command): string => (command.parent ? `${calledBy(command.parent)} ${command.name()}` : command.name());

/** What reads and writes go to. */
export const WHERE_TO = `Reads and dead letters go to the API at EXPUNGE_API_URL (with EXPUNGE_API_TOKEN), requests to Kafka at KAFKA_BROKERS,
acts to Temporal at TEMPORAL_ADDRESS, the outbox commands to PostgreSQL at DATABASE_URL. The README lists all variables.`;

/** `0  done`, one a line. */
export const exitCodeLines = (): string[] => (Object.entries(EXIT_CODES) as [keyof typeof EXIT_CODES, number][]).map(([kind, code]) => `${String(code).padStart(2)}  ${EXIT_CODE_MEANINGS[kind]}`);

function helpAfter(command: Command, isProgram: boolean): string {
  const parts = [`Examples:\n${examplesOf(command).map((line) => `  ${line}`).join('\n')}`];
  if (isProgram) parts.push(`Exit codes:\n${exitCodeLines().map((line) => `  ${line}`).join('\n')}`, WHERE_TO);
  else if (command.commands.length === 0) parts.push('Exit codes, and where it goes: expunge --help');
  return `\n${parts.join('\n\n')}`;
}
