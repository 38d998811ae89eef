import type { Command } from 'commander';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import type { Requested } from '../expunge-client.js';

interface UserOptions extends JsonOption {
  readonly reason: string;
  readonly source: string;
  readonly dryRun?: boolean;
  readonly eventId?: string;
  readonly traceId?: string;
}

interface ServiceOptions extends JsonOption {
  readonly gdpr?: boolean;
  readonly by?: string;
  readonly dryRun?: boolean;
  readonly traceId?: string;
}

const DRY_RUN = 'count what would be erased, erase nothing';

export function addRequestCommands(program: Command, cli: Cli): void {
  const request = program.command('request').description('ask for a deletion: the request is published to Kafka, as any other service would');

  documented(request.command('user').argument('<userId>'), {
    description: 'ask for a user to be deleted; prints the requestId',
    json: '{requestId, traceId}',
    examples: ['expunge request user user_888 --reason gdpr_request', 'expunge request user user_888 --reason gdpr_request --event-id ticket-4711 --dry-run'],
  })
    .requiredOption('--reason <text>', 'why, such as gdpr_request')
    .option('--source <name>', 'who asks, as a service', 'expunge-cli')
    .option('--dry-run', DRY_RUN)
    .option('--event-id <id>', 'becomes the requestId: asking again with the same one does nothing (default: a new one)')
    .option('--trace-id <id>', 'the trace that this belongs to (default: a new one)')
    .action(async (userId: string, { reason, source, dryRun, eventId, traceId, json }: UserOptions) => {
      show(cli, { json: json ?? false }, await cli.client().requestUserDeletion({ userId, reason, source, dryRun, eventId, traceId }));
    });

  documented(request.command('service').argument('<tenantId>').argument('<serviceType>').argument('<instanceId>'), {
    description: 'ask for one service of a tenant to be deleted; prints the requestId',
    json: '{requestId, traceId}',
    examples: ['expunge request service tenant-1 database srv-db-1 --gdpr'],
  })
    .option('--gdpr', 'in GDPR mode: when every deletion of the tenant’s services was, what is left of the tenant is erased too')
    .option('--by <name>', 'who asks (default: your login)')
    .option('--dry-run', DRY_RUN)
    .option('--trace-id <id>', 'the trace that this belongs to; with the instance it makes the requestId (default: a new one)')
    .action(async (tenantId: string, serviceType: string, serviceInstanceId: string, { gdpr, by, dryRun, traceId, json }: ServiceOptions) => {
      const ask = { tenantId, serviceType, serviceInstanceId, requestedBy: by ?? cli.login(), gdprMode: gdpr ?? false, dryRun, traceId };
      show(cli, { json: json ?? false }, await cli.client().requestServiceDeletion(ask));
    });
}

function show(cli: Cli, options: JsonOption, requested: Requested): void {
  print(cli, options, requested, () => requested.requestId);
  if (!options.json && cli.terminal.interactive) cli.terminal.err(`Requested. Follow it with: expunge watch ${requested.requestId}`);
}
