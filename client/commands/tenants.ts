import type { Command } from 'commander';
import type { TenantList } from '../../contracts/api/lists.js';
import type { TenantAnswer } from '../../contracts/api/tenants.js';
import { TENANT_STATUSES } from '../../contracts/names/index.js';
import { wordOption } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { answered, statusCell } from '../deletion-view.rules.js';
import { showPages, type PageOptions } from '../pages.js';
import type { Tone } from '../paint.rules.js';
import { serviceTable } from '../services-table.rules.js';
import { listOf, printable, shownTime, tableOf, type Screen } from '../table.rules.js';
import { withPages } from './list.js';

const TONES: Readonly<Record<TenantAnswer['status'], Tone>> = { UNKNOWN: 'busy', ACTIVE: 'good', EMPTY: 'busy', ERASED: 'quiet' };

export function addTenantCommands(program: Command, cli: Cli): void {
  const tenant = program.command('tenant').description('look at tenants, and have what is left of one erased');
  const list = documented(tenant.command('list'), {
    description: 'the tenants, by id',
    json: 'a TenantList, {items, next}; with --all each item on a line of its own',
    examples: ['expunge tenant list --status EMPTY', 'expunge tenant list --all --json'],
  }).addOption(wordOption('--status <status...>', 'in any of these statuses', TENANT_STATUSES));
  withPages(list).action(async ({ status, ...options }: PageOptions & { readonly status?: readonly string[] }) => {
    const client = cli.client();
    await showPages(cli, options, { read: (page) => client.tenants({ status, ...page }), table: (items) => tenantTable(items, cli.screen), none: 'No tenants.' });
  });

  documented(tenant.command('show').argument('<tenantId>'), {
    description: 'a tenant: its status, its services and its clean-ups',
    json: 'a Tenant',
    examples: ['expunge tenant show tenant-1'],
  }).action(async (tenantId: string, options: JsonOption) => {
    const found = await cli.client().tenant(tenantId);
    print(cli, options, found, () => tenantView(found, cli.screen));
  });

  documented(tenant.command('erase').argument('<tenantId>'), {
    description: 'have what is left of an empty tenant erased; refused while it has services',
    json: 'a Done, {requestId, status, message}',
    examples: ['expunge tenant erase tenant-1 --reason "contract ended"'],
  })
    .requiredOption('--reason <text>', 'why; kept in the history, so no personal data')
    .option('--by <name>', 'who does it (default: your login)')
    .action(async (tenantId: string, { by, reason, json }: JsonOption & { readonly by?: string; readonly reason: string }) => {
      const answer = await cli.client().eraseTenant(tenantId, { by: by ?? cli.login(), reason });
      print(cli, { json: json ?? false }, answer, () => printable(answered(answer)));
    });
}

const tenantTable = (tenants: readonly TenantList['items'][number][], screen: Screen): string => tableOf(
  ['tenant', 'status', 'active services', { name: 'emptied', mayGo: true }, { name: 'last at', mayGo: true }, { name: 'erased', mayGo: true }],
  tenants.map(({ tenantId, status, activeServices, emptyings, emptiedAt, erasedAt }) => [tenantId, { text: status, tone: TONES[status] }, String(activeServices), emptyings === 0 ? 'never' : `${emptyings} times`, emptiedAt === null ? '' : shownTime(emptiedAt), erasedAt === null ? '' : shownTime(erasedAt)]),
  screen,
);

function tenantView(tenant: TenantAnswer, screen: Screen): string {
  const { status, cleanUps, services } = tenant;
  const summary = listOf([
    ['tenant', tenant.tenantId],
    ['status', status === 'UNKNOWN' ? 'UNKNOWN: named by a request, but never provisioned with a service' : status],
    ['emptied', tenant.emptyings === 0 ? 'never' : `${tenant.emptyings} times${tenant.emptiedAt === null ? '' : `, last at ${shownTime(tenant.emptiedAt)}`}`],
    ['erased', tenant.erasedAt && shownTime(tenant.erasedAt)],
    ['deletions', `${tenant.gdprDeletions} in GDPR mode, ${tenant.otherDeletions} not, since it last became active`],
    ['workflow', tenant.links.temporal ?? tenant.workflowId],
  ], screen);
  const cleaned = tableOf(['clean-up', 'status', { name: 'emptying', mayGo: true }, { name: 'received', mayGo: true }, { name: 'completed', mayGo: true }], cleanUps.map((one) => [one.requestId, statusCell(one), String(one.emptying ?? ''), shownTime(one.receivedAt), one.completedAt === null ? '' : shownTime(one.completedAt)]), screen);
  return [summary, services.length === 0 ? 'No services.' : serviceTable(services, screen), ...(cleanUps.length === 0 ? [] : [cleaned])].join('\n\n');
}
