import type { Command } from 'commander';
import { SERVICE_STATUSES } from '../../contracts/names/index.js';
import { timeOption, wordOption } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { ClientFault } from '../faults.js';
import { showPages, type PageOptions } from '../pages.js';
import { provisionedEvents } from '../service-events.rules.js';
import { readServiceList } from '../services-file.rules.js';
import { serviceTable } from '../services-table.rules.js';
import { printable } from '../table.rules.js';
import { withPages } from './list.js';

const MOST_FAULTS_SHOWN = 50;

export function addServiceCommands(program: Command, cli: Cli): void {
  const services = program.command('services').description('the inventory of services');
  const list = documented(services.command('list').argument('<tenantId>'), {
    description: 'the services of a tenant, and what depends on what',
    json: 'a ServiceList, {items, next}; with --all each item on a line of its own',
    examples: ['expunge services list tenant-1 --active', 'expunge services list tenant-1 --all --json'],
  })
    .addOption(wordOption('--status <status...>', 'in any of these statuses', SERVICE_STATUSES))
    .option('--active', 'as --status ACTIVE');
  withPages(list).action(async (tenantId: string, { status = [], active, ...options }: PageOptions & { readonly status?: readonly string[]; readonly active?: boolean }) => {
    const client = cli.client();
    const wanted = [...new Set([...status, ...(active ? ['ACTIVE'] : [])])];
    await showPages(cli, options, {
      read: (page) => client.services(tenantId, { status: wanted, ...page }),
      table: (items) => serviceTable(items, cli.screen),
      none: 'No services.',
    });
  });

  documented(services.command('import').argument('<file>', 'a JSON array, JSON objects one a line, or CSV with a header line; - for standard input'), {
    description: 'tell the inventory of services that exist: publishes service.provisioned for each',
    json: '{services, tenants, sent}: how many',
    examples: ['expunge services import services.csv --as-of 2026-02-11T10:00:00Z', 'expunge services import services.json --dry-run'],
  })
    .option('--dry-run', 'check the list, send nothing')
    .addOption(timeOption('--as-of <time>', 'when the list was true, for services without a timestamp (default: now); give a fixed time so that importing the list again changes nothing'))
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
    if (!json) for (const { line, text } of faults.slice(0, MOST_FAULTS_SHOWN)) terminal.err(printable(`${file}:${line}: ${text}`));
    if (!json && faults.length > MOST_FAULTS_SHOWN) terminal.err(`… and ${faults.length - MOST_FAULTS_SHOWN} more`);
    throw new ClientFault('usage', `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in ${file}; nothing was sent.`, { faults });
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
