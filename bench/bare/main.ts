import { Command, Option } from 'commander';
import type { LoadRole, Role } from '../../platform/roles.js';
import { runRoles } from '../../platform/run-roles.js';
import type { BareKind } from './names.js';
import { startBareIngress, startBareResult, startBareTrigger, startBareWorker } from './roles.js';

/** The roles that the bare workflow needs, in the names of the product's. */
const rolesOf = (kind: BareKind): ReadonlyMap<Role, LoadRole> => new Map<Role, LoadRole>([
  ['worker', () => Promise.resolve(startBareWorker)],
  ['ingress', () => Promise.resolve(startBareIngress(kind))],
  ['trigger', () => Promise.resolve(startBareTrigger)],
  ['result', () => Promise.resolve(startBareResult)],
]);

await new Command('node build/bench/bare/main.js')
  .description('Runs the bare workflow that npm run bench compares with; started by the bench.')
  .addOption(new Option('--activities <kind>', 'how its two activities run').choices(['normal', 'local']).makeOptionMandatory())
  .requiredOption('--roles <names>', 'the roles to run, with commas between')
  .action(async ({ activities, roles }: { activities: BareKind; roles: string }) => {
    const wanted = roles.split(',');
    await runRoles(new Map([...rolesOf(activities)].filter(([role]) => wanted.includes(role))));
  })
  .parseAsync();
