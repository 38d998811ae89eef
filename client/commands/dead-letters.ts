import type { Command } from 'commander';
import type { DeadLetterAnswer, DeadLetterList, ReplayedAnswer, ReplayRequest } from '../../contracts/api/dead-letters.js';
import { MESSAGE_FAULT_CODES, type MessageFaultCode } from '../../contracts/topics/index.js';
import type { DeadLetters } from '../api-dead-letters.js';
import { countOf, wholeOf, wordOption } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { ClientFault } from '../faults.js';
import { listOf, printable, shownTime, tableOf, type Screen } from '../table.rules.js';

interface FilterOptions extends JsonOption {
  readonly topic?: string;
  readonly errorClass?: MessageFaultCode;
  readonly limit?: number;
}

interface ReplayOptions extends FilterOptions {
  readonly maxReplays?: number;
  readonly dryRun?: boolean;
  readonly expect?: number;
}

const withFilter = (command: Command): Command => command
  .option('--topic <topic>', 'those that came on a topic, such as users.deletion.request')
  .addOption(wordOption('--error-class <class>', 'those with this fault', MESSAGE_FAULT_CODES));

export function addDeadLetterCommands(program: Command, cli: Cli): void {
  const dlq = program.command('dlq').description('dead letters: messages that could not be handled, and how to have them handled again; takes a token of role operator');

  withFilter(documented(dlq.command('list'), {
    description: 'the newest dead letters, what was wrong with each, and how often it was replayed',
    json: 'a DeadLetterList, {items}',
    examples: ['expunge dlq list', 'expunge dlq list --topic users.deletion.request --error-class MISSING_FIELD'],
  }))
    .option('--limit <n>', 'no more than this, 1 to 200 (default: 50)', wholeOf)
    .action(async ({ topic, errorClass, limit, json }: FilterOptions) => {
      const found = await cli.client().deadLetters.list({ topic, errorClass, limit });
      print(cli, { json: json ?? false }, found, () => (found.items.length === 0 ? 'No dead letters.' : letterTable(found.items, cli.screen)));
    });

  documented(dlq.command('show').argument('<id>', '<topic>:<partition>:<offset>, as in dlq list'), {
    description: 'one dead letter, with whatever may be personal masked',
    json: 'a DeadLetter',
    examples: ['expunge dlq show users.deletion.request:0:17'],
  }).action(async (id: string, options: JsonOption) => {
    const letter = await cli.client().deadLetters.show(id);
    print(cli, options, letter, () => letterView(letter, cli.screen));
  });

  withFilter(documented(dlq.command('replay').argument('[ids...]', 'as in dlq list; or choose by --topic'), {
    description: 'hand dead letters to their topic again, once the cause is mended; one that dies again comes back with one replay more',
    json: '{replayed, letters}: ids of those that were handed over, and what was chosen',
    examples: [
      'expunge dlq replay users.deletion.request:0:17',
      'expunge dlq replay --topic users.deletion.request --error-class REFUSED_BY_DATABASE --dry-run',
      'expunge dlq replay --topic users.deletion.request --max-replays 2 --expect 12',
    ],
  }))
    .option('--max-replays <n>', 'leave those alone that were replayed more often', countOf)
    .option('--limit <n>', 'no more than this, the oldest first, 1 to 500 (default: 100)', wholeOf)
    .option('--dry-run', 'say which it would be, replay none')
    .option('--expect <n>', 'replay without asking, if it is exactly so many; as --dry-run counted them', countOf)
    .action(async (ids: readonly string[], { json, ...options }: ReplayOptions) => {
      const replayed = await replay(cli, ids, options, json ?? false);
      print(cli, { json: json ?? false }, replayed, () => replayedView(replayed, options.dryRun ?? false, cli.screen));
    });
}

async function replay(cli: Cli, ids: readonly string[], { topic, errorClass, maxReplays, limit, dryRun, expect }: Omit<ReplayOptions, 'json'>, json: boolean): Promise<ReplayedAnswer> {
  const { deadLetters } = cli.client();
  if ((ids.length > 0) === (topic !== undefined)) throw new ClientFault('usage', 'Name dead letters by their ids (expunge dlq list), or choose those of a topic with --topic.');
  if (ids.length > 0) {
    if (errorClass !== undefined || maxReplays !== undefined || limit !== undefined || expect !== undefined) throw new ClientFault('usage', '--error-class, --max-replays, --limit and --expect choose among those of a --topic, not among ids.');
    return replayOnes(deadLetters, ids, dryRun ?? false);
  }
  const request: ReplayRequest = { topic: topic ?? '', ...(errorClass === undefined ? {} : { errorClass }), ...(maxReplays === undefined ? {} : { maxReplays }), ...(limit === undefined ? {} : { limit }) };
  if (expect !== undefined && !dryRun) return deadLetters.replayAll({ ...request, expect });
  const chosen = await deadLetters.replayAll({ ...request, dryRun: true });
  if (dryRun || chosen.letters.length === 0) return chosen;
  const count = chosen.letters.length;
  const { terminal, screen } = cli;
  if (!terminal.ask || json) throw new ClientFault('usage', `${count} would be replayed: look at them with --dry-run, then say --expect ${count}.`);
  terminal.err(letterTable(chosen.letters, screen));
  const said = await terminal.ask(`Type ${count} to replay ${count === 1 ? 'it' : 'them'}: `);
  if (said.trim() !== String(count)) throw new ClientFault('refused', 'Nothing was replayed.');
  return deadLetters.replayAll({ ...request, expect: count });
}

async function replayOnes(deadLetters: DeadLetters, ids: readonly string[], dryRun: boolean): Promise<ReplayedAnswer> {
  const letters: DeadLetterList['items'] = [];
  // All must be there before the first is sent.
  for (const id of new Set(ids)) letters.push(summaryOf(await deadLetters.show(id)));
  const replayed: string[] = [];
  if (!dryRun) for (const { id } of letters) replayed.push(...(await deadLetters.replay(id)).replayed);
  return { replayed, letters };
}

const summaryOf = ({ id, topic, at, errorClass, errorMessage, firstSeen, replays, replayedBy }: DeadLetterAnswer): DeadLetterList['items'][number] => ({ id, topic, at, errorClass, errorMessage, firstSeen, replays, replayedBy });

function replayedView({ replayed, letters }: ReplayedAnswer, dryRun: boolean, screen: Screen): string {
  if (letters.length === 0) return 'None match; nothing was replayed.';
  const said = dryRun ? `${letters.length} would be replayed; nothing was.` : `${replayed.length} replayed.`;
  return `${letterTable(letters, screen)}\n${said}`;
}

const letterTable = (letters: DeadLetterList['items'], screen: Screen): string => tableOf(
  ['id', 'fault', { name: 'replays', mayGo: true }, { name: 'what is wrong', mayGo: true }, { name: 'since', mayGo: true }],
  letters.map(({ id, errorClass, replays, errorMessage, at, firstSeen }) => [id, { text: errorClass ?? 'unknown', tone: 'bad' }, String(replays), errorMessage ?? '', shownTime(firstSeen ?? at)]),
  screen,
);

function letterView(letter: DeadLetterAnswer, screen: Screen): string {
  const summary = listOf([
    ['id', letter.id],
    ['topic', letter.topic],
    ['fault', letter.errorClass === null ? null : { text: letter.errorClass, tone: 'bad' }],
    ['what is wrong', letter.errorMessage],
    ['died', `${shownTime(letter.at)}${letter.firstSeen === null ? '' : `; for the first time ${shownTime(letter.firstSeen)}`}`],
    ['replays', `${letter.replays}${letter.replayedBy === null ? '' : `, the last by ${letter.replayedBy}`}`],
    ['key', letter.key],
    ['headers', Object.entries(letter.headers).map(([name, value]) => `${name}: ${value}`).join(', ')],
    ['bytes', String(letter.bytes)],
  ], screen);
  return `${summary}\n\n${typeof letter.value === 'string' ? printable(letter.value) : JSON.stringify(letter.value, null, 2)}`;
}
