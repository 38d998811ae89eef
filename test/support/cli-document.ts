import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Argument, Command, Option } from 'commander';
import type { Cli } from '../../client/cli.js';
import { examplesOf } from '../../client/cli.js';
import { EXIT_CODE_MEANINGS, EXIT_CODES } from '../../client/faults.js';
import { createPaint } from '../../client/paint.rules.js';
import { calledBy, programOf, WHERE_TO } from '../../client/program.js';
import { createLog } from '../../platform/log.js';
import { recordedTerminal } from './cli-run.js';

const FILE = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

/** The program, to be looked at: nothing in it can be run. */
export function programToRead(): Command {
  const never = () => {
    throw new Error('No command is run here');
  };
  const cli: Cli = { terminal: recordedTerminal().terminal, screen: { paint: createPaint(false) }, config: never, client: never, log: createLog({ level: 'silent' }), login: never, readText: never, sleep: never };
  return programOf(cli);
}

const INTRO = `# The command line

<!-- Written from the program by \`npm run write-cli\`: change the commands in client/, not this file. -->

\`npm run -s expunge -- <command>\` in the project, or \`expunge <command>\` once it is installed (\`npm link\` does it, and completion works
then). \`--help\` explains every command, with examples.

${WHERE_TO}

## For scripts

Every command takes \`--json\`. What it prints is stable: a Deletion, DeletionList, Tenant and so on are the schemas of these names in the
API's \`/openapi.json\` ([the API](api.md)); fields may be added, and none is taken away or changes its meaning within a major version. Lists
print one document, \`{items, next}\`, where \`next\` is what \`--cursor\` takes; with \`--all\` they print every item on a line of its own.

With \`--json\` an error is one JSON object on standard error, on one line, the last that is written there:

\`\`\`json
{"kind": "not-found", "message": "The ledger has no request \\"uuid-1\\".", "exitCode": 3}
\`\`\`

\`faults\`, where it is there, lists each thing that is wrong (variables of the configuration, lines of a file, fields). While \`watch\`
waits through an outage it writes \`{"kind": "notice", "message": …}\` there.

`;

const EXITS = `## Exit codes

| code | \`kind\` | |
|---|---|---|
${(Object.entries(EXIT_CODES) as [keyof typeof EXIT_CODES, number][]).map(([kind, code]) => `| ${code} | ${kind === 'ok' ? '' : `\`${kind}\``} | ${EXIT_CODE_MEANINGS[kind]} |`).join('\n')}

## On a terminal

Tables are as wide as the terminal: columns that matter less are left out of a narrow one (\`--json\` has all), and ids are never broken.
Where there is no room even for those, each row is a list. Statuses are coloured on a terminal only, and the text says all that the colour does:
\`--no-color\` or \`NO_COLOR\` turn colours off, \`FORCE_COLOR\` turns them on elsewhere. \`--json\` is never coloured.

## Completion

\`\`\`sh
source <(expunge completion bash)     # in ~/.bashrc
source <(expunge completion zsh)      # in ~/.zshrc, behind compinit
expunge completion fish > ~/.config/fish/completions/expunge.fish
\`\`\`

The scripts complete commands, options, and the values of those that have a fixed set. They start no program, so print them again after an
upgrade.

## Commands
`;

const escaped = (text: string): string => text.replaceAll('|', '\\|');
const usageOf = (command: Command): string => `${calledBy(command)}${command.registeredArguments.map((one) => ` ${argumentOf(one)}`).join('')}`;
function argumentOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function aboutOption({ flags, description, mandatory, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const more = [
    mandatory ? 'required' : '',
    argChoices ? `one of ${argChoices.map((word) => `\`${word}\``).join(', ')}` : '',
    defaultValueDescription !== undefined ? `default: ${defaultValueDescription}` : typeof defaultValue === 'string' || typeof defaultValue === 'number' ? `default: ${defaultValue}` : '',
  ].filter((part) => part !== '');
  return `| \`${escaped(flags)}\` | ${escaped(description)}${more.length > 0 ? ` (${more.join('; ')})` : ''} |`;
}

/** Options that all commands have in the same words. */
const EVERYWHERE = new Set(['--help', '--no-color']);

function commandText(command: Command): string {
  if (command.commands.length > 0) return [`### ${calledBy(command)}`, '', sentence(command.description()), ...command.commands.map((inner) => `\n${commandText(inner)}`)].join('\n');
  const args = command.registeredArguments.filter(({ description, argChoices }) => description !== '' || argChoices !== undefined)
    .map((one) => `- \`${argumentOf(one)}\`: ${[one.description, one.argChoices ? `one of ${one.argChoices.map((word) => `\`${word}\``).join(', ')}` : ''].filter((part) => part !== '').join('; ')}`);
  const options = command.createHelp().visibleOptions(command).filter(({ long }) => !EVERYWHERE.has(long ?? ''));
  return [
    `${command.parent?.parent ? '####' : '###'} \`${usageOf(command)}\``, '', sentence(command.description()), ...(args.length > 0 ? ['', ...args] : []),
    '', '| option | |', '|---|---|', ...options.map(aboutOption),
    '', '```sh', ...examplesOf(command), '```',
  ].join('\n');
}

const sentence = (description: string): string => `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;

/** docs/cli.md, as the program has it. */
export const cliDocument = (): string => `${INTRO}${EXITS}\n${programToRead().commands.map(commandText).join('\n\n')}\n`;

export const writtenCliDocument = (): string => readFileSync(FILE, 'utf8');
export const writeCliDocument = (): void => { writeFileSync(FILE, cliDocument()); };
