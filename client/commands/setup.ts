import { Option, type Command } from 'commander';
import { ConfigFault, type Fault } from '../../platform/config.js';
import { durationOf, wholeOf } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { ClientFault } from '../faults.js';
import { setUpDatabase } from '../setup/database.js';
import { setUpSchedule } from '../setup/schedule.js';
import type { SetupStep } from '../setup/steps.js';
import { setUpTemporal } from '../setup/temporal.js';
import { setUpTopics } from '../setup/topics.js';

interface SetupOptions extends JsonOption {
  readonly wait: number;
  readonly retention: number;
  readonly partitions?: number;
  readonly replicationFactor?: number;
}

const DAY_MS = 86_400_000;

export function addSetupCommand(program: Command, cli: Cli): void {
  documented(program.command('setup'), {
    description: 'make ready what Expunge runs on: database schema, Kafka topics, Temporal namespace, search attributes and the reconciler’s schedule; safe to run again',
    json: '{steps}: of each its part, what it is about, and what was made',
    examples: ['expunge setup', 'expunge setup --wait 5m --partitions 24 --replication-factor 3'],
  })
    .addOption(new Option('--wait <duration>', 'how long the parts may take to come up').argParser(durationOf).default(60_000, '60s'))
    .option('--partitions <n>', 'partitions of the topics of the main job (default: 6)', wholeOf)
    .option('--replication-factor <n>', 'copies of each partition (default: the broker’s)', wholeOf)
    .addOption(new Option('--retention <duration>', 'of the namespace, should it be made: how long ended workflows can be looked at').argParser(durationOf).default(30 * DAY_MS, '30d'))
    .action(async (options: SetupOptions) => {
      await setUp(cli, options);
    });
}

async function setUp(cli: Cli, { wait: waitMs, retention, partitions, replicationFactor, json }: SetupOptions): Promise<void> {
  const { terminal, log } = cli;
  const { temporal, kafka, databaseUrl, reconcileEveryMs } = needed(cli);
  const steps: SetupStep[] = [];
  const done = (made: SetupStep[]): void => {
    steps.push(...made);
    if (!json) for (const step of made) terminal.out(`${step.part}: ${step.what}: ${step.made.length === 0 ? 'there already' : `made ${step.made.join(', ')}`}`);
  };
  const outcomes = await Promise.allSettled([
    setUpDatabase({ url: databaseUrl, waitMs, log }).then(done),
    setUpTopics({ kafka, wishes: { partitions, replicationFactor }, waitMs, log }).then(done),
    setUpTemporal({ temporal, retentionMs: retention, waitMs, log })
      .then(async (made) => [...made, ...(await setUpSchedule({ temporal, everyMs: reconcileEveryMs, waitMs, log }))])
      .then(done),
  ]);
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  const unforeseen = failures.find((failure) => !(failure instanceof ClientFault));
  if (unforeseen !== undefined) throw new Error('The set-up failed.', { cause: unforeseen });
  const faults = failures.filter((failure) => failure instanceof ClientFault);
  const [worst] = [...faults.filter(({ kind }) => kind === 'refused'), ...faults];
  if (worst) throw new ClientFault(worst.kind, faults.map(({ message }) => message).join('\n'), { cause: worst });
  print(cli, { json: json ?? false }, { steps }, () => 'Ready.');
}

/** All that the configuration lacks is named at once. */
function needed({ config }: Cli) {
  const faults: Fault[] = [];
  const tried = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error;
      faults.push(...error.faults);
      return undefined;
    }
  };
  const { temporal, kafka, database, reconcile } = config();
  const databaseUrl = tried(() => database.url);
  const brokers = tried(() => kafka.brokers);
  if (databaseUrl === undefined || brokers === undefined) throw new ConfigFault(faults);
  return { temporal, kafka, databaseUrl, reconcileEveryMs: reconcile.everyMs };
}
