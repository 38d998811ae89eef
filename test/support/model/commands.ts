import fc from 'fast-check';
import { isFinal, isParked, RESULT_ERROR_CODES, SIGNALS, tenantWorkflowId, workflowIdFor, type FailureCode, type Subject } from '../../../contracts/names/index.js';
import type { ActName } from '../../../workflows/deletion.rules.js';
import { subjectOfService, subjectOfUser, TENANT, type World } from './world.js';

/** Whether anything has been asked for: what keeps commands that would do nothing out of a walk. */
export interface Sketch {
  requests: number;
}

export type Step = fc.AsyncCommand<Sketch, World>;

/** What a walk tells of itself when an invariant is broken. */
export class InvariantBroken extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'InvariantBroken';
  }
}

export function mustHold(world: World): void {
  const faults = world.faults();
  if (faults.length > 0) throw new InvariantBroken(faults);
}

/** One command: what it does, after which everything that can goes on, and the invariants are looked at. */
function step(name: string, act: (world: World) => unknown, { check, sketch }: { check?: (sketch: Sketch) => boolean; sketch?: (sketch: Sketch) => void } = {}): Step {
  return {
    check: (model) => check?.(model) ?? true,
    run: async (model, world) => {
      await act(world);
      await world.temporal.settle();
      sketch?.(model);
      mustHold(world);
    },
    toString: () => name,
  };
}

const asked = { check: ({ requests }: Sketch) => requests > 0 };
const sent = asked;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const at = <T>(all: readonly T[], index: number): T | undefined => all[all.length === 0 ? 0 : index % all.length];

interface Cast {
  readonly subjects: readonly Subject[];
  readonly workflowIds: readonly string[];
}

const requestArb = ({ subjects }: Cast) =>
  fc.record({ subject: fc.constantFrom(...subjects), graceMs: fc.constantFrom(0, 0, HOUR_MS), gdprMode: fc.constantFrom(true, true, false), crashes: fc.constantFrom(false, false, false, true) }).map(({ subject, ...terms }) =>
    step(`request ${idOf(subject)}${terms.graceMs > 0 ? ' with grace' : ''}${terms.gdprMode ? '' : ' not gdpr'}${terms.crashes ? ', ingress crashes' : ''}`, (world) => world.request(subject, terms), { sketch: (sketch) => sketch.requests++ }));

const idOf = (subject: Subject): string => (subject.kind === 'service' ? subject.serviceInstanceId : subject.kind);

/** A result of a job: mostly of the newest, but also of any other, late or again. */
const resultArb = fc
  .record({ back: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3), status: fc.constantFrom('FAILURE' as const, 'FAILURE' as const, 'SUCCESS' as const), code: fc.constantFrom<FailureCode>('DAG_FAILED', 'DAG_FAILED', ...RESULT_ERROR_CODES), crashes: fc.constantFrom(false, false, false, true) })
  .map(({ back, status, code, crashes }) =>
    step(`${status}${status === 'FAILURE' ? ` ${code}` : ''} of job ${back === 0 ? 'newest' : `newest - ${back}`}${crashes ? ', bridge crashes' : ''}`, (world) => {
      const job = world.ledger.attempts.at(-1 - back);
      if (job) world.result(job.jobId, status, code, crashes);
    }, sent));

/** Results of all that is with Airflow, at the same moment. */
const allResultsArb = fc.constantFrom('SUCCESS' as const, 'FAILURE' as const).map((status) =>
  step(`${status} of everything with Airflow`, (world) => {
    for (const { jobId, requestId, revoked, result } of world.ledger.attempts) {
      const row = world.ledger.deletions.find((one) => one.requestId === requestId);
      if (!revoked && result === null && row?.status === 'SENT_TO_AIRFLOW') world.result(jobId, status, 'DAG_FAILED', false);
    }
  }, sent));

const actArb = ({ workflowIds }: Cast) =>
  fc.record({ workflowId: fc.constantFrom(...workflowIds), name: fc.constantFrom<ActName>('retry', 'retry', 'cancel', 'cancel', 'hold', 'release'), how: fc.constantFrom('signal' as const, 'update' as const), named: fc.option(fc.nat(4), { freq: 3 }) }).map(({ workflowId, name, how, named }) =>
    step(`${name} of ${workflowId}${name === 'cancel' && named !== null ? ` for request ${named}` : ''} by ${how}`, (world) => {
      world.act(workflowId, name, how, name === 'cancel' && named !== null ? at(world.requests, named)?.requestId : undefined);
    }, asked));

const timeArb = fc.oneof(
  { weight: 4, arbitrary: fc.constant(step('time passes until the next timer', async (world) => {
    const nextMs = world.temporal.nextTimerMs();
    if (nextMs !== undefined) await world.temporal.advance(Math.max(0, nextMs - world.temporal.nowMs));
  }, asked)) },
  { weight: 2, arbitrary: fc.constantFrom<[string, number][]>(['1 s', 1_000], ['1 min', 60_000], ['1 h', HOUR_MS], ['25 h', 25 * HOUR_MS], ['8 days', 8 * DAY_MS]).map(([name, ms]) =>
    step(`${name} pass`, (world) => world.temporal.advance(ms), asked)) },
);

const faultArb = ({ workflowIds }: Cast) => {
  const workflowId = fc.constantFrom(...workflowIds);
  return fc.oneof(
    fc.integer({ min: 1, max: 2 }).map((n) => step(`the next answer is lost ${n} times`, ({ temporal }) => (temporal.faults.answersToLose = n), asked)),
    fc.record({ afterCalls: fc.integer({ min: 1, max: 3 }), whenMoreHasCome: fc.boolean() }).map((task) =>
      step(`the next task is lost after ${task.afterCalls} calls${task.whenMoreHasCome ? ', and made again when more has come' : ''}`, ({ temporal }) => (temporal.faults.taskToLose = task), asked)),
    fc.constantFrom('before-the-commit' as const, 'after-the-commit' as const).map((how) => step(`activities lose the ledger ${how}`, ({ temporal }) => (temporal.faults.ledgerAway = how), asked)),
    fc.constant(step('activities reach the ledger again', (world) => world.able({ ledgerAway: undefined }), asked)),
    fc.constant(step('the worker stops', ({ temporal }) => (temporal.faults.workerDown = true))),
    fc.constant(step('the worker starts', (world) => world.able({ workerDown: false }))),
    workflowId.map((id) => step(`the history of ${id} grows long`, ({ temporal }) => {
      const execution = temporal.running(id);
      if (execution) execution.historyIsLong = true;
    }, asked)),
    fc.record({ id: workflowId, tasks: fc.integer({ min: 1, max: 3 }) }).map(({ id, tasks }) => step(`${id} is reset by ${tasks} tasks`, (world) => {
      world.wasReset = true;
      return world.temporal.reset(id, tasks);
    }, asked)),
    workflowId.map((id) => step(`${id} is terminated`, (world) => {
      world.terminated.add(id);
      world.temporal.terminate(id);
    }, asked)),
    fc.constantFrom(false, false, true).map((reclaim) => step(`the reconciler passes${reclaim ? ', and has every workflow look at the ledger' : ''}`, (world) => world.reconcile(reclaim), asked)),
    workflowId.map((id) => step(`${id} is cancelled at Temporal`, ({ temporal }) => temporal.cancel(id), asked)),
    fc.constant(step('what was in Kafka still is delivered again', (world) => world.redeliver(), asked)),
    fc.nat(4).map((n) => step(`request ${n} is delivered again`, (world) => {
      const message = at(world.requests, n);
      if (message) world.ingest(message);
    }, asked)),
  );
};

/** Something that comes while the next calls to the ledger are made. */
const meanwhileArb = (cast: Cast) =>
  fc.record({ afterCalls: fc.nat(2), heartbeat: fc.boolean(), what: fc.oneof(
    fc.record({ id: fc.constantFrom(...cast.workflowIds), name: fc.constantFrom<ActName>('retry', 'cancel', 'hold', 'release'), how: fc.constantFrom('signal' as const, 'update' as const) }).map(({ id, name, how }) =>
      ({ name: `${name} of ${id} by ${how}`, act: (world: World) => world.act(id, name, how) })),
    fc.constantFrom(...cast.subjects).map((subject) => ({ name: `request ${idOf(subject)}`, act: (world: World) => world.request(subject, { graceMs: 0, gdprMode: true, crashes: false }) })),
    fc.record({ back: fc.nat(1), status: fc.constantFrom('SUCCESS' as const, 'FAILURE' as const) }).map(({ back, status }) => ({ name: `${status} of job newest - ${back}`, act: (world: World) => {
      const job = world.ledger.attempts.at(-1 - back);
      if (job) world.result(job.jobId, status, 'DAG_FAILED', false);
    } })),
  ) }).map(({ afterCalls, heartbeat, what }) =>
    step(`after ${afterCalls} more calls, ${heartbeat ? 'told at once' : 'not told before the task is over'}: ${what.name}`, (world) => {
      world.temporal.faults.meanwhile = { afterCalls, heartbeat, act: () => what.act(world) };
    }, asked));

/** Of services, or, for users, of whoever knows what exists of them. */
const inventoryArb = fc.boolean().map((stale) => step(`the inventory is ${stale ? 'stale' : 'current'}`, (world) => {
  world.ledger.inventoryIsStale = stale;
  world.ableSinceMs = world.temporal.nowMs;
}));

const tenantArb = (instances: readonly string[]) => {
  const id = fc.constantFrom(...instances);
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ id, dependsOn: fc.option(id, { freq: 3 }) }).map(({ id: one, dependsOn }) =>
      step(`${one} is provisioned${dependsOn !== null && dependsOn !== one ? `, depends on ${dependsOn}` : ''}`, (world) => {
        // Of an instance that is there already nothing new is told: the inventory's own tests have that.
        if (world.ledger.services.some((service) => service.serviceInstanceId === one && service.status === 'ACTIVE')) return;
        world.ledger.provision(TENANT, one, dependsOn !== null && dependsOn !== one ? [dependsOn] : []);
      })) },
    { weight: 2, arbitrary: id.map((one) => step(`${one} is deprovisioned`, (world) => world.ledger.deprovision(TENANT, one))) },
    { weight: 5, arbitrary: fc.constantFrom(false, false, true).map((crashes) => step(`the relay sends${crashes ? ', and sends again' : ''}`, (world) => world.relay(crashes))) },
    { weight: 1, arbitrary: fc.constant(step('a person has the tenant erased', (world) => world.erase())) },
    { weight: 1, arbitrary: inventoryArb },
  );
};

/** How long a walk may be, and which of its commands are run again. */
interface Length {
  readonly maxCommands: number;
  readonly replayPath?: string | undefined;
}

const commands = (all: fc.Arbitrary<Step>[], { maxCommands, replayPath }: Length) =>
  fc.commands(all, { maxCommands, size: 'max', ...(replayPath !== undefined && { replayPath }) });

/** A walk of one user's deletions. */
export function userWalk(length: Length): fc.Arbitrary<Iterable<Step>> {
  const cast: Cast = { subjects: [subjectOfUser], workflowIds: [workflowIdFor(subjectOfUser)] };
  return commands([requestArb(cast), resultArb, resultArb, actArb(cast), actArb(cast), timeArb, timeArb, faultArb(cast), faultArb(cast), meanwhileArb(cast), inventoryArb], length);
}

export const subjectsOfTenant = (instances: readonly string[]): readonly Subject[] => instances.map(subjectOfService);

/** A walk of a tenant: its services, their deletions, and its clean-ups. */
export function tenantWalk({ subjects, ...length }: Length & { readonly subjects: readonly Subject[] }): fc.Arbitrary<Iterable<Step>> {
  const cast: Cast = { subjects, workflowIds: [...subjects.map((subject) => workflowIdFor(subject)), tenantWorkflowId(TENANT)] };
  const services = tenantArb(subjects.map(idOf));
  return commands([requestArb(cast), requestArb(cast), resultArb, allResultsArb, services, services, services, actArb(cast), timeArb, faultArb(cast), meanwhileArb(cast)], length);
}

const MOST_ROUNDS = 60;

/** The end of a walk: nothing goes wrong any more, everybody does what is theirs to do, and every request must end. */
export async function finish(world: World): Promise<void> {
  const { temporal, ledger } = world;
  world.able({ answersToLose: 0, taskToLose: undefined, meanwhile: undefined, ledgerAway: undefined, workerDown: false });
  ledger.inventoryIsStale = false;
  for (const execution of temporal.executions) execution.waitsForMore = false;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    await temporal.settle();
    world.redeliver();
    await temporal.settle();
    world.relay(false);
    await temporal.settle();
    mustHold(world);
    const live = ledger.deletions.filter(({ status }) => !isFinal(status));
    if (live.length === 0 && world.toRedeliver.size === 0 && ledger.wakeUps.length === 0) return wayOut(world);
    // Whoever waits for time gets it; a run that was reset finds out by its timers where the ledger is.
    const waits = live.map((row) => helpOn(world, row)).every((helped) => !helped) || round % 8 === 7;
    await temporal.settle();
    if (!waits) continue;
    const nextMs = temporal.nextTimerMs();
    if (nextMs !== undefined) await temporal.advance(Math.max(0, nextMs - temporal.nowMs));
  }
  const left = ledger.deletions.filter(({ status }) => !isFinal(status)).map(({ requestId, status, failureCode, held }) => `${requestId} is ${status} ${failureCode ?? ''}${held ? ' held' : ''}`);
  throw new InvariantBroken(['not everything ends:', ...left]);
}

/** @returns whether there was something to do for it */
function helpOn(world: World, { workflowId, claimedRun, status, held, kind, input, requestId, attempt }: World['ledger']['deletions'][number]): boolean {
  const { temporal, ledger } = world;
  const execution = temporal.running(workflowId);
  if (!execution) {
    // Its workflow was terminated: the next request of that subject takes it over, or the tenant's next wake-up.
    if (kind === 'tenant') ledger.wakeUps.push({ workflowId, tenantId: TENANT });
    else if (claimedRun !== null) world.request(input.subject, { graceMs: 0, gdprMode: true, crashes: false });
    else world.ingest(input);
  } else if (claimedRun === null && world.terminated.has(workflowId)) world.ingest(input);
  else if (held) world.act(workflowId, 'release', 'signal');
  else if (isParked(status)) {
    for (const service of ledger.services) {
      const isDeleted = ledger.deletions.some((row) => row.serviceInstanceId === service.serviceInstanceId && !isFinal(row.status));
      if (service.status === 'ACTIVE' && !isDeleted) ledger.deprovision(service.tenantId, service.serviceInstanceId);
    }
    world.act(workflowId, 'retry', 'signal');
  } else if (status === 'SENT_TO_AIRFLOW') {
    const job = ledger.attempts.find((one) => one.requestId === requestId && one.attempt === attempt);
    if (job) world.result(job.jobId, 'SUCCESS', 'DAG_FAILED', false);
  } else return false;
  return true;
}

/** When all has ended: no workflow is left, and the tenant is what its services say. */
async function wayOut(world: World): Promise<void> {
  const { temporal, ledger } = world;
  for (const { tenantId } of ledger.tenants) {
    temporal.signal(tenantWorkflowId(tenantId), SIGNALS.recheck, {});
    await temporal.settle();
  }
  // A run that was reset finds out by its next timer that all is over.
  for (let rounds = 0; rounds < 10 && temporal.executions.some(({ state, stepSinceReset }) => state === 'open' && stepSinceReset !== undefined); rounds++) {
    const nextMs = temporal.nextTimerMs();
    if (nextMs !== undefined) await temporal.advance(Math.max(0, nextMs - temporal.nowMs));
  }
  mustHold(world);
  const faults: string[] = temporal.executions.filter(({ state }) => state === 'open').map(({ identity }) => `${identity.workflowId} runs on although all is over`);
  for (const tenant of ledger.tenants) {
    const active = ledger.services.filter(({ status }) => status === 'ACTIVE').length;
    const terminated = world.terminated.has(tenantWorkflowId(tenant.tenantId));
    if (tenant.status === 'ACTIVE' && active === 0 && !terminated) faults.push(`${tenant.tenantId} has no services, and is not called empty`);
    if (tenant.status !== 'ACTIVE' && active > 0) faults.push(`${tenant.tenantId} is ${tenant.status} with ${active} services`);
  }
  for (const jobId of world.succeeded) {
    const { requestId } = ledger.attempts.find((one) => one.jobId === jobId) ?? {};
    const row = ledger.deletions.find((one) => one.requestId === requestId);
    if (row?.status !== 'COMPLETED' && row?.kind !== 'tenant') faults.push(`${jobId} had succeeded in time, and ${String(requestId)} is ${String(row?.status)}`);
  }
  if (faults.length > 0) throw new InvariantBroken(faults);
}
