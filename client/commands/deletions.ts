import { Option, type Command } from 'commander';
import type { DeletionAct } from '../acts.js';
import { durationOf } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { answered, deletionView, historyLine, statusInWords, subjectOf } from '../deletion-view.rules.js';
import { ClientFault } from '../faults.js';
import { toneOf } from '../paint.rules.js';
import { printable, shownSpan } from '../table.rules.js';
import { hasSucceeded, watchDeletion, type WatchUntil } from '../watch.js';

interface WatchOptions extends JsonOption {
  readonly until: WatchUntil;
  readonly every: number;
  readonly arrivesWithin: number;
  readonly timeout?: number;
}

interface ActOptions extends JsonOption {
  readonly by?: string;
  readonly reason?: string;
}

const ACTS: Readonly<Record<DeletionAct, { readonly description: string; readonly example: string }>> = {
  retry: { description: 'try a parked deletion again, now', example: 'expunge retry uuid-1234 --reason "bucket policy fixed"' },
  cancel: { description: 'withdraw a request, before its trigger was sent or while it is parked; the deletion stops when no other request is left', example: 'expunge cancel uuid-1234 --reason "asked for by mistake, ticket 4711"' },
  hold: { description: 'stop a deletion before its next trigger', example: 'expunge hold uuid-1234 --reason "audit until Friday"' },
  release: { description: 'let a held deletion go on', example: 'expunge release uuid-1234' },
};

export function addDeletionCommands(program: Command, cli: Cli): void {
  documented(program.command('status').argument('<requestId>'), {
    description: 'where a request is: what was done, when, by whom, and what is left',
    json: 'a Deletion',
    examples: ['expunge status uuid-1234', 'expunge status uuid-1234 --json | jq .timeline'],
  }).action(async (requestId: string, options: JsonOption) => {
    const deletion = await cli.client().deletion(requestId);
    print(cli, options, deletion, () => deletionView(deletion, cli.screen));
  });

  documented(program.command('watch').argument('<requestId>'), {
    description: 'follow a request until it has ended; exit code 0 when it was completed, 1 when not',
    json: 'a Deletion on one line whenever it has changed',
    examples: ['expunge watch uuid-1234', 'expunge watch uuid-1234 --until parked --timeout 1h'],
  })
    .addOption(new Option('--until <end>', 'final: until it has ended. parked: also stop when it failed and waits for someone').choices(['final', 'parked']).default('final'))
    .option('--timeout <duration>', 'stop after this long, with exit code 1 (default: never)', durationOf)
    .addOption(new Option('--every <duration>', 'how often to look').argParser(durationOf).default(1_000, '1s'))
    .addOption(new Option('--arrives-within <duration>', 'how long it may be unknown at first').argParser(durationOf).default(30_000, '30s'))
    .action(async (requestId: string, options: WatchOptions) => {
      await watch(cli, requestId, options);
    });

  for (const act of ['retry', 'cancel', 'hold', 'release'] as const) {
    const { description, example } = ACTS[act];
    const command = documented(program.command(act).argument('<requestId>'), { description, json: 'a Done, {requestId, status, message}', examples: [example] }).option('--by <name>', 'who does it (default: your login)');
    const reason = 'why; kept in the history, so no personal data';
    if (act === 'cancel') command.requiredOption('--reason <text>', reason);
    else command.option('--reason <text>', reason);
    command.action(async (requestId: string, { by, reason: why, json }: ActOptions) => {
      const answer = await cli.client().act(act, requestId, { by: by ?? cli.login(), reason: why });
      print(cli, { json: json ?? false }, answer, () => printable(answered(answer)));
    });
  }
}

async function watch(cli: Cli, requestId: string, { until, every, arrivesWithin, timeout, json }: WatchOptions): Promise<void> {
  const { terminal, screen } = cli;
  const client = cli.client();
  const startedAt = Date.now();
  let shown = 0;
  let lastJson = '';
  let outage = false;
  const statusLine = (text: string): void => {
    if (terminal.interactive && !json) terminal.redraw(text);
  };
  const notice = (message: string): void => {
    terminal.err(json ? JSON.stringify({ kind: 'notice', message }) : message);
  };
  const deletion = await watchDeletion({
    read: () => client.deletion(requestId),
    until, everyMs: every, arrivesWithinMs: arrivesWithin, timeoutMs: timeout, sleep: cli.sleep,
    onOutage: (fault) => {
      if (!outage) notice(`${fault.message} Still watching.`);
      outage = true;
    },
    onSeen: (seen) => {
      if (outage) notice('The API answers again.');
      outage = false;
      if (json) {
        const line = JSON.stringify(seen);
        if (line !== lastJson) terminal.out(line);
        lastJson = line;
        return;
      }
      statusLine('');
      if (shown === 0) terminal.out(printable(`${seen.requestId}: ${subjectOf(seen)}${seen.dryRun ? ' (dry run)' : ''}`));
      for (const entry of seen.history.slice(shown)) terminal.out(historyLine(entry, screen));
      shown = seen.history.length;
      statusLine(printable(`${statusInWords(seen)}, attempt ${seen.attempt}, watched for ${shownSpan(Date.now() - startedAt)}`));
    },
  }).finally(() => {
    statusLine('');
  });
  const took = deletion.timeline.duration_ms;
  if (!json) terminal.out(screen.paint(toneOf(deletion.status), printable(`${statusInWords(deletion)}${took === null ? '' : `, after ${shownSpan(took)}`}${deletion.parked && deletion.failure ? `: ${deletion.failure.message}` : ''}`)));
  if (!hasSucceeded(deletion)) throw new ClientFault('failed', `${requestId} was not completed.`);
}
