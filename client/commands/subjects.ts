import type { Command } from 'commander';
import type { SubjectAnswer } from '../../contracts/api/subjects.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { listOf, shownTime, tableOf, type Screen } from '../table.rules.js';

export function addSubjectCommands(program: Command, cli: Cli): void {
  const subject = program.command('subject').description('what is stored about a user, by the events of the Nova bus');
  documented(subject.command('show').argument('<userId>', 'a user id; with --ref, a subjectRef'), {
    description: 'how much of each kind is stored about a user, since when, and whether the user was erased',
    json: 'a Subject',
    examples: ['expunge subject show user_888', 'expunge subject show --ref v1.Xh2…'],
  })
    .option('--ref', 'what is given is a subjectRef, as in logs and alerts')
    .action(async (id: string, { ref, json }: JsonOption & { readonly ref?: boolean }) => {
      const found = await (ref ? cli.client().subject(id) : cli.client().subjectOfUser(id));
      print(cli, { json: json ?? false }, found, () => subjectView(found, cli.screen));
    });
}

function subjectView({ subjectRefs, total, stored, erased }: SubjectAnswer, screen: Screen): string {
  const summary = listOf([
    ['subject', subjectRefs.join(', ')],
    ['stored', total === 0 ? 'nothing that the bus told of' : String(total)],
    ['erased', erased && `${shownTime(erased.at)}, by ${erased.requestId}`],
  ], screen);
  if (stored.length === 0) return summary;
  const rows = stored.map(({ kind, owner, count, hidden, since }) => [kind, owner, String(count), hidden === 0 ? '' : String(hidden), shownTime(since)]);
  return `${summary}\n\n${tableOf(['kind', 'kept by', 'count', 'of which hidden', 'since'], rows, screen)}`;
}
