import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflows } from '../../../platform/workflow-bundle.js';
import { ROLES } from '../../../platform/roles.js';
import type { ProcessPlan } from '../../support/house-roles.js';
import { deletionsOf } from '../invariants.js';
import type { ChaosContext, Scenario } from '../scenario.js';

const OTHERS: ProcessPlan = { name: 'others', roles: ROLES.filter((role) => role !== 'worker') };
const THREE_WORKERS: readonly ProcessPlan[] = [OTHERS, ...['worker-1', 'worker-2', 'worker-3'].map((name) => ({ name, roles: ['worker'] as const }))];

const TWO_RELEASES: readonly ProcessPlan[] = [OTHERS, { name: 'worker-old', roles: ['worker'] }, { name: 'worker-next', roles: ['worker'], program: 'build/test/next-release/worker.js' }];

/** What the SDK records of `patched()`. */
const PATCH_MARKER = 'core_patch';

interface Begun {
  readonly workflowId: string;
  readonly history: Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
}

/** @returns the ids of those that a workflow of that code could have as its history */
async function couldBe(workflowBundle: WorkflowBundle, histories: readonly Begun[]): Promise<ReadonlySet<string>> {
  const could = new Set<string>();
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) if (error === undefined) could.add(workflowId);
  return could;
}

/** Every deletion, whichever release began it and whichever ended it, can be carried on by the next; this one cannot carry on what the next began. */
async function replayAll({ house, load, note }: ChaosContext): Promise<void> {
  // A replay that fails is told here, and not on the console.
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  const [now, next] = await Promise.all([bundleWorkflows(), bundleWorkflows({ workflowsPath: fileURLToPath(new URL('../../next-release/workflows.ts', import.meta.url)) })]);
  const ids = new Set((await deletionsOf(house, load)).filter(({ kind }) => kind !== 'tenant').map(({ workflowId }) => workflowId));
  const begunBy = { now: 0, next: 0 };
  const histories: Begun[] = [];
  for (const workflowId of ids) histories.push({ workflowId, history: await house.temporal.workflow.getHandle(workflowId).fetchHistory() });
  const [couldBeNow, couldBeNext] = [await couldBe(now, histories), await couldBe(next, histories)];
  for (const { workflowId, history } of histories) {
    const changed = history.events?.some(({ markerRecordedEventAttributes: marker }) => marker?.markerName === PATCH_MARKER) === true;
    begunBy[changed ? 'next' : 'now']++;
    if (!couldBeNext.has(workflowId)) throw new Error(`${workflowId} cannot be carried on by the next release`);
    if (couldBeNow.has(workflowId) === changed) throw new Error(`${workflowId} was begun by ${changed ? 'the next release, and could be carried on by this one: its shape is no other' : 'this release, and cannot be carried on by it'}`);
  }
  note(`${begunBy.now} begun by this release, ${begunBy.next} by the next`);
  if (begunBy.now === 0 || begunBy.next === 0) throw new Error('One of the two releases began no deletion: nothing was shown.');
}

/** Workers go, and others are there. */
export const workerScenarios: readonly Scenario[] = [
  {
    name: 'two of three workers are killed',
    fault: '`kill -9` of two of three workers, which do not come back',
    userSees: 'Deletions whose workflow a dead worker had in its memory pause until Temporal gives them to the one that is left.',
    promised: 'The one that is left carries everything through; no trigger, notification or erasure is made twice.',
    setup: { processes: THREE_WORKERS },
    inject: async ({ random, kill, house, note, whenSomeAre, load }) => {
      const doomed = random.shuffle(['worker-1', 'worker-2', 'worker-3']).slice(0, 2);
      await Promise.all(doomed.map((worker) => house.roles.kill('SIGKILL', worker)));
      await kill(doomed[0]); // what is committed by now must be done without them
      note(doomed.join(' and '));
      // The harness starts what does not run when the fault is over: it is not before most is done without them.
      await whenSomeAre('completed', Math.ceil(load.ids.length * 0.8));
    },
  },
  {
    name: 'an old worker beside a new one',
    fault: 'Two releases of the worker on the same queues while one is rolled out, each killed (`kill -9`) and started again; then the old one goes',
    userSees: 'Deletions that the new release began wait while only the old one has them: 10 s each time.',
    promised: 'What the old release began the new one ends; the old one never goes on by guess with what the new one began. Nothing is lost or done twice.',
    setup: { processes: TWO_RELEASES, goneAfterwards: ['worker-old'] },
    // Each task that the wrong release has been given takes 10 s: few deletions show as much.
    load: (long) => (long ? {} : { users: 12, tenants: 4, servicesEach: 3 }),
    inject: async ({ kill, house, note, random, pause, whenSomeAre, load }) => {
      for (const [which, name] of random.shuffle([['worker-next', 'the new one'], ['worker-old', 'the old one']] as const)) {
        await whenSomeAre('completed', Math.ceil(load.ids.length * 0.1));
        await kill(which);
        note(`${name} killed`);
        await pause(random.between(500, 2_000));
        await house.roles.start(which);
      }
      await house.roles.kill('SIGTERM', 'worker-old');
    },
    check: replayAll,
  },
];
