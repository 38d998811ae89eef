import { Command, InvalidArgumentError, Option } from 'commander';
import { nearest } from './platform/did-you-mean.rules.js';
import { ROLES } from './platform/roles.js';
import type { LoadRole, Role, StartRole } from './platform/roles.js';
import { runRoles } from './platform/run-roles.js';

const load = (module: string, name: string): LoadRole => async () => ((await import(module)) as Record<string, StartRole>)[name] as StartRole;

const LOAD: Readonly<Record<Role, LoadRole>> = {
  worker: load('./worker.js', 'startWorker'),
  ingress: load('./bridges/ingress/role.js', 'startIngress'),
  nova: load('./bridges/nova/role.js', 'startNova'),
  trigger: load('./bridges/trigger/role.js', 'startTriggerBridge'),
  result: load('./bridges/result/role.js', 'startResultBridge'),
  relay: load('./bridges/relay/role.js', 'startRelay'),
  api: async () => (await import('./api/role.js')).startApi,
};

function parseRoles(text: string): Role[] {
  const names = text.split(',').map((name) => name.trim()).filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError(`Name at least one of ${ROLES.join(', ')}.`);
  return names.map((name) => {
    const role = ROLES.find((known) => known === name);
    if (role) return role;
    const meant = nearest(name, ROLES);
    throw new InvalidArgumentError(`There is no role "${name}"${meant ? `; did you mean ${meant}?` : ''} Roles are ${ROLES.join(', ')}.`);
  });
}

const program = new Command('npm start --')
  .description('Runs Expunge: all its roles in this process, or those asked for. Every role may run in any number of processes.')
  .addOption(new Option('--roles <names>', `the roles to run, with commas between: ${ROLES.join(', ')}`).argParser(parseRoles).default([...ROLES], 'all'))
  .addHelpText('after', `
Roles:
  worker   runs workflows and activities
  ingress  starts a deletion for every request on Kafka, and keeps the service inventory
  nova     keeps the inventory of what exists about each user, by the events of the Nova bus
  trigger  starts DAG runs in Airflow, and watches those that are overdue
  result   gives Airflow's results to the deletions that wait for them
  relay    sends what the outbox holds to Kafka and Temporal
  api      answers over HTTP; takes requests and acts, and passes them on

Configuration is by environment variables; the README lists them all. What is missing or wrong is named at the start.
Ends cleanly on SIGTERM or SIGINT; a second one ends it at once.`)
  .action(async ({ roles }: { roles: Role[] }) => {
    await runRoles(new Map(roles.map((role) => [role, LOAD[role]])));
  });

await program.parseAsync();
