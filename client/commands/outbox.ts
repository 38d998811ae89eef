import type { Command } from 'commander';
import { openDatabase, type Database } from '../../store/database.js';
import { checkSchema, SchemaTooNew, SchemaTooOld } from '../../store/migrate.js';
import { listDead, outboxStats, requeueDead, type DeadRow, type OutboxStats } from '../../store/outbox.js';
import { wholeOf } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { causeOf, ClientFault } from '../faults.js';
import { shownSpan, shownTime, tableOf, type Screen } from '../table.rules.js';

interface ListOptions extends JsonOption {
  readonly limit: number;
}

interface RequeueOptions extends JsonOption {
  readonly all?: boolean;
}

export function addOutboxCommands(program: Command, cli: Cli): void {
  const outbox = program.command('outbox').description('what could not be sent, and how to have it sent again');

  documented(outbox.command('list'), {
    description: 'the rows that were refused too often and are dead, oldest first, and how many wait behind them or to be sent',
    json: '{unsent, oldestSeconds, dead, rows}: how many, and the dead rows without their bodies',
    examples: ['expunge outbox list', 'expunge outbox list --limit 500 --json'],
  })
    .option('--limit <n>', 'show no more than this', wholeOf, 100)
    .action(async ({ limit, json }: ListOptions) => {
      const found = await onLedger(cli, async (database) => ({ ...(await outboxStats(database)), rows: await listDead(database, limit) }));
      print(cli, { json: json ?? false }, found, () => deadView(found, cli.screen));
    });

  documented(outbox.command('requeue').argument('[ids...]', 'as in outbox list'), {
    description: 'have dead rows sent again, once the cause in their last error is mended; what waits behind them follows',
    json: '{requeued}: the ids of those that go out again',
    examples: ['expunge outbox requeue 4711', 'expunge outbox requeue --all'],
  })
    .option('--all', 'every dead row')
    .action(async (ids: readonly string[], { all, json }: RequeueOptions) => {
      const named = ids.map(idOf);
      if ((named.length > 0) === (all ?? false)) throw new ClientFault('usage', 'Name the rows by their ids (expunge outbox list), or say --all.');
      const requeued = await onLedger(cli, (database) => requeueDead(database, all ? 'all' : named));
      print(cli, { json: json ?? false }, { requeued }, () => `${requeued.length} ${requeued.length === 1 ? 'row goes' : 'rows go'} out again.`);
      const unknown = named.filter((id) => !requeued.includes(id));
      if (unknown.length > 0) throw new ClientFault('not-found', `Not dead, or not there: ${unknown.join(', ')}.`);
    });
}

function idOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ClientFault('usage', `${text} is no id of a row: write one as in expunge outbox list.`);
  return Number(text);
}

function deadView({ rows, unsent, oldestSeconds, dead }: OutboxStats & { readonly rows: readonly DeadRow[] }, screen: Screen): string {
  const summary = `${unsent} to be sent${unsent === 0 ? '' : `, the oldest for ${shownSpan(oldestSeconds * 1_000)}`}; ${dead} dead.`;
  if (rows.length === 0) return summary;
  const table = tableOf(
    ['id', 'request', 'last error', { name: 'to', mayGo: true }, { name: 'dead since', mayGo: true }, { name: 'refused', mayGo: true }, { name: 'event', mayGo: true }],
    rows.map(({ id, requestId, eventId, target, destination, deadAt, refusals, lastError }) => [String(id), requestId, lastError ?? '', `${target} ${destination}`, shownTime(deadAt.toISOString()), String(refusals), eventId]),
    screen,
  );
  return `${table}\n${summary}${dead > rows.length ? ` The first ${rows.length} are shown: --limit shows more.` : ''}`;
}

/** @throws ClientFault unreachable, or refused on another schema than this version's */
async function onLedger<T>(cli: Cli, work: (database: Database) => Promise<T>): Promise<T> {
  const { url } = cli.config().database;
  const database = openDatabase({ url, poolSize: 1, applicationName: 'expunge outbox', onError: (error) => cli.log.warn({ err: error }, 'a connection to PostgreSQL broke') });
  try {
    await checkSchema(database);
    return await work(database);
  } catch (error) {
    if (error instanceof SchemaTooOld || error instanceof SchemaTooNew) throw new ClientFault('refused', error.message, { cause: error });
    const { hostname, port, pathname } = new URL(url);
    throw new ClientFault('unreachable', `PostgreSQL at ${hostname}:${port || '5432'}${pathname} (DATABASE_URL) could not be asked: ${causeOf(error)}`, { cause: error });
  } finally {
    await database.close();
  }
}
