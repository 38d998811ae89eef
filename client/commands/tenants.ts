import { InvalidArgumentError, type Command } from 'commander';
import { normaliseTime } from '../../contracts/topics/index.js';
import type { TenantAnswer } from '../../contracts/api/tenants.js';
import { print, withJson, type Cli, type JsonOption } from '../cli.js';
import { answered } from '../deletion-view.rules.js';
import { ClientFault } from '../faults.js';
import { provisionedEvents } from '../service-events.rules.js';
import { readServiceList } from '../services-file.rules.js';
import { listOf, printable, shownTime, tableOf } from '../terminal.js';

const MOST_FAULTS_SHOWN = 50;

export function addTenantCommands(program: Command, cli: Cli): void {
  const tenant = program.command('tenant').description('look at a tenant, and have what is left of it erased');
  withJson(tenant.command('show').argument('<tenantId>'))
    .description('a tenant: its status, its services and its clean-ups')
    .action(async (tenantId: string, options: JsonOption) => {
      const found = await cli.client().tenant(tenantId);
      print(cli, options, found, () => tenantView(found));
    });
  withJson(tenant.command('erase').argument('<tenantId>'))
    .description('have what is left of an empty tenant erased; refused while it has services')
    .requiredOption('--reason <text>', 'why; kept in the history, so no personal data')
    .option('--by <name>', 'who does it (default: your login)')
    .action(async (tenantId: string, { by, reason, json }: JsonOption & { readonly by?: string; readonly reason: string }) => {
      const answer = await cli.client().eraseTenant(tenantId, { by: by ?? cli.login(), reason });
      print(cli, { json: json ?? false }, answer, () => printable(answered(answer)));
    });

  const services = program.command('services').description('the inventory of services');
  withJson(services.command('list').argument('<tenantId>'))
    .description('the services of a tenant, and what depends on what')
    .option('--active', 'only those that are active')
    .action(async (tenantId: string, options: JsonOption & { readonly active?: boolean }) => {
      const found = (await cli.client().tenant(tenantId)).services.filter(({ status }) => !options.active || status === 'ACTIVE');
      print(cli, options, found, () => (found.length === 0 ? 'No services.' : serviceTable(found)));
    });
  withJson(services.command('import').argument('<file>', 'a JSON array, JSON objects one a line, or CSV with a header line; - for standard input'))
    .description('tell the inventory of services that exist: publishes service.provisioned for each')
    .option('--dry-run', 'check the list, send nothing')
    .option('--as-of <time>', 'when the list was true, for services without a timestamp; give it so that importing the list again changes nothing (default: now)', timeOf)
    .addHelpText('after', `
Fields: tenantId, serviceType, serviceInstanceId, dependsOn (instance ids; [] for none; in CSV with ; between), timestamp (optional).
When anything in the list is wrong, all of it is named and nothing is sent.`)
    .action(async (file: string, { dryRun, asOf, json }: JsonOption & { readonly dryRun?: boolean; readonly asOf?: string }) => {
      await importServices(cli, file, { dryRun: dryRun ?? false, asOf: asOf ?? new Date().toISOString(), json: json ?? false });
    });
}

async function importServices(cli: Cli, file: string, { dryRun, asOf, json }: { readonly dryRun: boolean; readonly asOf: string; readonly json: boolean }): Promise<void> {
  const { terminal } = cli;
  const { services, faults } = readServiceList(await cli.readText(file));
  if (faults.length > 0) {
    for (const { line, text } of faults.slice(0, MOST_FAULTS_SHOWN)) terminal.err(printable(`${file}:${line}: ${text}`));
    if (faults.length > MOST_FAULTS_SHOWN) terminal.err(`… and ${faults.length - MOST_FAULTS_SHOWN} more`);
    throw new ClientFault('usage', `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in ${file}; nothing was sent.`);
  }
  const events = provisionedEvents(services, asOf);
  const tenants = new Set(services.map(({ tenantId }) => tenantId)).size;
  if (!dryRun) {
    await cli.client().publish(events, (sent) => {
      if (terminal.interactive) terminal.redraw(`sent ${sent} of ${events.length}`);
    });
    if (terminal.interactive) terminal.redraw('');
  }
  print(cli, { json }, { services: events.length, tenants, sent: dryRun ? 0 : events.length }, () =>
    (dryRun ? `${events.length} services of ${tenants} tenants are in order; nothing was sent.` : `Sent ${events.length} services of ${tenants} tenants. The inventory has them once the ingress has read them.`));
}

function timeOf(text: string): string {
  const time = normaliseTime(text);
  if (time === undefined) throw new InvalidArgumentError('Write an ISO 8601 time with a zone, like 2026-02-11T10:00:00Z.');
  return time;
}

const serviceTable = (services: TenantAnswer['services']): string =>
  tableOf(
    ['instance', 'type', 'status', 'depends on', 'since', 'deletion'],
    services.map(({ serviceInstanceId, serviceType, status, dependsOn, provisionedAt, deletion }) => [serviceInstanceId, serviceType, status, dependsOn.join(', '), shownTime(provisionedAt), deletion ? `${deletion.status} ${deletion.requestId}` : '']),
  );

function tenantView(tenant: TenantAnswer): string {
  const { status, cleanUps, services } = tenant;
  const summary = listOf([
    ['tenant', tenant.tenantId],
    ['status', status === 'UNKNOWN' ? 'UNKNOWN: named by a request, but never provisioned with a service' : status],
    ['emptied', tenant.emptyings === 0 ? 'never' : `${tenant.emptyings} times${tenant.emptiedAt === null ? '' : `, last at ${shownTime(tenant.emptiedAt)}`}`],
    ['erased', tenant.erasedAt && shownTime(tenant.erasedAt)],
    ['deletions', `${tenant.gdprDeletions} in GDPR mode, ${tenant.otherDeletions} not, since it last became active`],
    ['workflow', tenant.links.temporal ?? tenant.workflowId],
  ]);
  const cleaned = tableOf(['clean-up', 'emptying', 'status', 'received', 'completed'], cleanUps.map((one) => [one.requestId, String(one.emptying ?? ''), one.status, shownTime(one.receivedAt), one.completedAt === null ? '' : shownTime(one.completedAt)]));
  return [summary, services.length === 0 ? 'No services.' : serviceTable(services), ...(cleanUps.length === 0 ? [] : [cleaned])].join('\n\n');
}
