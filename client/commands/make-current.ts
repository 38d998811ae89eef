import { Option, type Command } from 'commander';
import { ConfigFault } from '../../platform/config.js';
import { durationOf } from '../arguments.rules.js';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { makeCurrent } from '../setup/worker-version.js';

interface MakeCurrentOptions extends JsonOption {
  readonly wait: number;
}

export function addMakeCurrentCommand(program: Command, cli: Cli): void {
  documented(program.command('make-current'), {
    description: 'give Temporal’s work to the workers of this release (WORKER_DEPLOYMENT, WORKER_BUILD_ID), as soon as they poll; that of an older release rolls back',
    json: '{deploymentName, buildId, before}: before is the build id that was current, or null',
    examples: ['WORKER_DEPLOYMENT=expunge WORKER_BUILD_ID=0.2.0 expunge make-current'],
  })
    .addOption(new Option('--wait <duration>', 'how long its workers may take to come up').argParser(durationOf).default(300_000, '5m'))
    .action(async ({ wait: waitMs, json }: MakeCurrentOptions) => {
      const { temporal, worker: { version } } = cli.config();
      if (!version) throw new ConfigFault(['WORKER_DEPLOYMENT', 'WORKER_BUILD_ID'].map((variable) => ({ variable, remedy: 'not set: without both, workers are of no version, and there is none to release' })));
      const { before } = await makeCurrent({ temporal, version, waitMs, log: cli.log });
      print(cli, { json: json ?? false }, { ...version, before: before ?? null }, () =>
        before === version.buildId ? `${version.deploymentName}: ${version.buildId} is current already.` : `${version.deploymentName}: ${version.buildId} is current now${before === undefined ? '' : `; it was ${before}`}.`);
    });
}
