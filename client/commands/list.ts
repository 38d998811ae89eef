import type { Command } from 'commander';
import type { DeletionList } from '../../contracts/api/lists.js';
import { wholeOf } from '../arguments.rules.js';
import { documented, type Cli } from '../cli.js';
import { deletionFilters, deletionQuery } from '../deletion-filters.js';
import { statusCell, subjectOf } from '../deletion-view.rules.js';
import { showPages, type PageOptions } from '../pages.js';
import { shownTime, tableOf, type Screen } from '../table.rules.js';

export function addListCommand(program: Command, cli: Cli): void {
  const list = documented(program.command('list'), {
    description: 'find deletions, the newest first; filters that are given together must all hold',
    json: 'a DeletionList, {items, next}; with --all each item on a line of its own',
    examples: [
      'expunge list --parked',
      'expunge list --overdue --tenant tenant-1',
      'expunge list --status FAILED TIMEOUT --kind service --since 7d',
      'expunge list --since 2026-02-01 --until 2026-03-01 --all --json > february.jsonl',
    ],
  });
  for (const { option } of deletionFilters()) list.addOption(option);
  withPages(list).action(async (options: PageOptions & Readonly<Record<string, unknown>>) => {
    const client = cli.client();
    await showPages(cli, options, {
      read: (page) => client.deletions({ ...deletionQuery(options), ...page }),
      table: (items) => listTable(items, cli.screen),
      none: 'No deletions.',
    });
  });
}

/** The options of a command that lists page by page. */
export const withPages = (command: Command): Command => command
  .option('--limit <n>', 'rows to a page, 1 to 200 (default: 50; with --all 200)', wholeOf)
  .option('--cursor <cursor>', 'the page behind another: the `next` of that one, with the same filters')
  .option('--all', 'page after page, to the end');

type Listed = DeletionList['items'][number];

function listTable(items: readonly Listed[], screen: Screen): string {
  return tableOf(
    ['request', 'status', 'of', { name: 'received', mayGo: true }, { name: 'due', mayGo: true }],
    items.map((one) => [one.requestId, statusCell(one), `${subjectOf(one)}${one.dryRun ? ' (dry run)' : ''}`, shownTime(one.timeline.received), dueOf(one)]),
    screen,
  );
}

const dueOf = ({ final, overdue, dueAt }: Listed): string => (final ? '' : `${shownTime(dueAt)}${overdue ? ' OVERDUE' : ''}`);
