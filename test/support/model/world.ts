import { mendFor, type Mend, type RunSeen } from '../../../activities/reconcile.rules.js';
import {
  isFinal, isParked, SIGNALS, UPDATES, workflowIdFor, type DeletionInput, type DeletionPolicy, type FailureCode, type PersonAct, type Subject, type WorkflowStatus,
} from '../../../contracts/names/index.js';
import type { ActName } from '../../../workflows/deletion.rules.js';
import { Ledger } from './ledger.js';
import type { Row } from './ledger-tables.js';
import type { SeenLine, SeenMessage } from './ledger-view.js';
import { ledgerFaults } from './ledger-invariants.js';
import { DELETION_STATUS, VirtualTemporal, type ActivityTable, type Execution, type Faults } from './virtual-temporal.js';
import type { RunIdentity, VirtualUpdate } from './virtual-run.js';

type WorkflowFunction = RunIdentity['type'];

/** The workflow functions, loaded where `@temporalio/workflow` is the virtual one. */
export interface Workflows {
  readonly userDeletion: WorkflowFunction;
  readonly serviceDeletion: WorkflowFunction;
  readonly tenant: WorkflowFunction;
}

export interface Terms {
  readonly policy: DeletionPolicy;
  readonly purgeGraceMs: number;
  readonly schedule: number;
}

interface Asked {
  readonly by: string;
  readonly name: ActName;
  readonly update: VirtualUpdate;
}

export const TENANT = 't1';
export const subjectOfUser: Subject = { kind: 'user', subjectRef: 'v1.ref' };
export const subjectOfService = (serviceInstanceId: string): Subject => ({ kind: 'service', tenantId: TENANT, serviceType: 'db', serviceInstanceId });

/** Why a deletion is parked without an attempt that failed. */
const NO_ATTEMPT_FAILED: readonly string[] = ['DEPENDENCY_BLOCKED', 'PROVISIONED_ANEW', 'WORKFLOW_TERMINATED'];

/** A deletion that waits for others looks again once an hour at the latest. */
const LONGEST_LOOK_MS = 2 * 3_600_000;

/** Everything that one walk goes through: Temporal and the ledger in memory, and the bridges and persons around them. */
export class World {
  readonly temporal: VirtualTemporal;
  readonly ledger: Ledger;
  readonly terms: Terms;
  readonly requests: DeletionInput[] = [];
  /** Requests and results that are in Kafka still: whoever handled them crashed before the commit of the offset. */
  readonly toRedeliver = new Set<() => void>();
  /** Attempts whose SUCCESS came before the end of their deletion, by job. */
  readonly succeeded = new Set<string>();
  /** Workflows that were terminated once: their requests wait for the next one of that subject. */
  readonly terminated = new Set<string>();
  /** A run was reset: what persons had asked comes again, and time counts from then. */
  wasReset = false;
  /** Since when worker and ledger have been there without a break. */
  ableSinceMs = 0;
  private readonly workflows: Workflows;
  private readonly asked: Asked[] = [];
  private acts = 0;
  private readonly atOnce: string[] = [];

  constructor(workflows: Workflows, terms: Terms) {
    this.workflows = workflows;
    this.terms = terms;
    const ledger: Ledger = new Ledger({ clock: () => this.temporal.nowMs, purgeGraceMs: terms.purgeGraceMs, tenantPolicy: terms.policy });
    this.ledger = ledger;
    ledger.onWritten = (written) => this.judge(written);
    const activities: ActivityTable = {
      claim: (call: never) => ledger.claim(call), trigger: (call: never) => ledger.trigger(call), confirmEmpty: (call: never) => ledger.confirmEmpty(call),
      complete: (call: never) => ledger.complete(call), noteFailedAttempt: (call: never) => ledger.noteFailedAttempt(call), park: (call: never) => ledger.park(call),
      remind: (call: never) => ledger.remind(call), join: (call: never) => ledger.join(call), reopen: (call: never) => ledger.reopen(call), hold: (call: never) => ledger.hold(call),
      showHold: (call: never) => ledger.showHold(call), release: (call: never) => ledger.release(call), cancel: (call: never) => ledger.cancel(call),
      decideEmptying: (tenantId: never) => ledger.decideEmptying(tenantId), requestErasure: (call: never) => ledger.requestErasure(call),
    };
    this.temporal = new VirtualTemporal(activities, terms.schedule);
    if (process.env['MODEL_TRACE']) this.temporal.trace = (line) => console.log(line);
  }

  // The bridges.

  request(subject: Subject, { graceMs, gdprMode, crashes }: { graceMs: number; gdprMode: boolean; crashes: boolean }): void {
    const requestId = `r${this.requests.length + 1}`;
    const input: DeletionInput = { requestId, traceId: `trace-${requestId}`, subject, gdprMode, dryRun: false, graceMs, policy: this.terms.policy };
    this.requests.push(input);
    this.ledger.receive(input);
    if (crashes) this.toRedeliver.add(() => this.ingest(input));
    else this.ingest(input);
  }

  /** The ingress: into the ledger, and, unless it has ended, to a workflow. */
  ingest(message: DeletionInput): void {
    const row = this.ledger.receive(message);
    if (isFinal(row.status)) return;
    const type = row.kind === 'user' ? this.workflows.userDeletion : this.workflows.serviceDeletion;
    if (!this.temporal.start(row.workflowId, type, row.input, 'PENDING')) this.temporal.signal(row.workflowId, SIGNALS.join, { input: row.input });
  }

  /** The result bridge: into the ledger, then to the workflow; kept while there is none. */
  result(jobId: string, status: 'SUCCESS' | 'FAILURE', failureCode: FailureCode, crashes: boolean): void {
    const attempt = this.ledger.attempts.find((one) => one.jobId === jobId);
    const row = this.ledger.deletions.find(({ requestId }) => requestId === attempt?.requestId);
    if (row && status === 'SUCCESS' && !isFinal(row.status)) this.succeeded.add(jobId);
    const wake = this.ledger.result(jobId, status, failureCode);
    if (!wake) return;
    // Of a deletion that has ended nobody has to hear.
    const told = !crashes && (this.temporal.signal(wake.workflowId, SIGNALS.airflowResult, wake.signal) || (row !== undefined && isFinal(row.status)));
    if (!told) this.toRedeliver.add(() => this.result(jobId, status, failureCode, false));
  }

  redeliver(): void {
    for (const again of [...this.toRedeliver]) {
      this.toRedeliver.delete(again);
      again();
    }
  }

  /** The relay: signals that wait go out; one of them twice when it crashes. */
  relay(crashes: boolean): void {
    const waiting = this.ledger.wakeUps.splice(0);
    for (const { workflowId, tenantId } of crashes ? [...waiting, ...waiting] : waiting) {
      if (tenantId !== undefined) this.temporal.start(workflowId, this.workflows.tenant, { tenantId });
      this.temporal.signal(workflowId, SIGNALS.recheck, {});
    }
  }

  /** A pass of the reconciler, by the product's own rules. @param reclaim every workflow that runs is to look at the ledger */
  reconcile(reclaim: boolean): void {
    for (const row of this.ledger.deletions.filter(({ status }) => !isFinal(status))) {
      const mend = mendFor(row, this.runSeen(row.workflowId), { quietMs: 0, reclaim });
      if (mend) this.mend(row, mend);
    }
  }

  private runSeen(workflowId: string): RunSeen | undefined {
    const execution = this.temporal.executions.findLast(({ identity }) => identity.workflowId === workflowId);
    if (!execution) return undefined;
    const { identity, state, queue, task, run } = execution;
    const [input] = identity.args as [Partial<DeletionInput>];
    return {
      ...(state !== 'open' && { closed: state }), firstRunId: identity.firstRunId, requestId: input.requestId, startedMsAgo: Infinity,
      busy: queue.length > 0 || task !== undefined || run.calls.size > 0,
    };
  }

  private mend({ workflowId, kind, input, claimedRun }: Row, { mend, why }: NonNullable<Mend>): void {
    if (mend === 'reclaim') this.temporal.signal(workflowId, SIGNALS.reclaim, {});
    else if (mend === 'take-over' && claimedRun !== null) {
      const carried = { retriesUsed: 0, cause: 'the request', takeOver: { run: claimedRun, why } };
      if (kind === 'tenant') this.temporal.start(workflowId, this.workflows.tenant, { tenantId: TENANT }, undefined, [{ ...carried, rechecks: 0 }]);
      else this.temporal.start(workflowId, kind === 'user' ? this.workflows.userDeletion : this.workflows.serviceDeletion, input, 'PENDING', [[], { ...carried, rechecks: 1 }]);
    } else if (kind === 'tenant') {
      this.temporal.start(workflowId, this.workflows.tenant, { tenantId: TENANT });
      this.temporal.signal(workflowId, SIGNALS.recheck, {});
    } else this.ingest(input);
  }

  // Persons.

  act(workflowId: string, name: ActName, how: 'signal' | 'update', requestId?: string): void {
    const by = `p${++this.acts}`;
    const input: PersonAct = { by, ...(requestId !== undefined && { requestId }) };
    if (how === 'signal') {
      this.temporal.signal(workflowId, SIGNALS[name], input);
      return;
    }
    const update = this.temporal.update(workflowId, UPDATES[name], input);
    if (update) this.asked.push({ by, name, update });
  }

  erase(): void {
    const workflowId = workflowIdFor({ kind: 'tenant', tenantId: TENANT, emptying: 0 });
    this.temporal.start(workflowId, this.workflows.tenant, { tenantId: TENANT });
    this.temporal.update(workflowId, UPDATES.erase, { by: `p${++this.acts}` });
  }

  /** Ends what has gone wrong so far. */
  able(without: Partial<Faults>): void {
    const { faults } = this.temporal;
    if (faults.workerDown || faults.ledgerAway !== undefined) this.ableSinceMs = this.temporal.nowMs;
    Object.assign(faults, without);
  }

  // What must hold.

  /** Whether everything that has come was told and done: then the workflows and the ledger must say the same. */
  isAtRest(): boolean {
    const { faults, executions } = this.temporal;
    return !faults.workerDown && faults.ledgerAway === undefined && executions.every((one) => one.state !== 'open' || (one.queue.length === 0 && one.task === undefined && one.run.calls.size === 0));
  }

  /** What does not hold, in words. */
  faults(): string[] {
    // A reset has Temporal forget retries that were made; the workflow may count anew.
    const ledger = ledgerFaults(this.ledger).filter((fault) => !this.wasReset || !/ was retried \d+ times by itself/.test(fault));
    const faults = [...ledger, ...this.temporalFaults(), ...this.actFaults(), ...this.atOnce, ...this.fenceFaults(), ...this.successFaults()];
    return this.isAtRest() ? [...faults, ...this.restFaults()] : faults;
  }

  private temporalFaults(): string[] {
    return this.temporal.executions.flatMap((execution) => {
      const { identity, state, error, updates } = execution;
      if (state === 'broken') return [`${identity.workflowId} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
      if (state === 'open') return [];
      return updates.filter((update) => update.state === 'accepted' || update.state === 'sent').map((update) => `update ${update.name} of ${identity.workflowId} got no answer`);
    });
  }

  /**
   * Each act is done once at most, and, when its update says so, once. A hold and its release may be done again, as a pair, when
   * the task that made them was lost together with the claim: what they come to is the same.
   */
  private actFaults(): string[] {
    const faults: string[] = [];
    const LINES = { retry: 'retry', cancel: 'cancelled', hold: 'held', release: 'released' } as const;
    const { timeline } = this.ledger;
    for (let n = 1; n <= this.acts; n++) {
      const lines = timeline.filter(({ person, what }) => person === `p${n}` && what !== 'asked for');
      if (lines.length > 1 && !this.wasReset && !lines.every(({ what }) => what === 'held' || what === 'released')) faults.push(`what p${n} asked was done ${lines.length} times: ${lines.map(({ requestId, what }) => `${what} ${requestId}`).join(', ')}`);
    }
    for (const { by, name, update } of this.asked) {
      if (update.state !== 'done' || name === 'retry') continue;
      if (!timeline.some(({ person, what }) => person === by && what === LINES[name])) faults.push(`${name} of ${by} was answered as done, and was not`);
    }
    return faults;
  }

  /** Judges what is written by the state that it is written in. */
  private judge({ line, message }: { readonly line?: SeenLine; readonly message?: SeenMessage }): void {
    const { ledger } = this;
    const row = ledger.deletions.find(({ requestId }) => requestId === line?.requestId);
    if (line && row && line.what === 'sent to Airflow') {
      if (row.kind === 'service') this.atOnce.push(...this.dependencyFaults(row));
      if (row.kind === 'tenant' && ledger.services.some(({ status }) => status === 'ACTIVE')) this.atOnce.push(`the clean-up ${line.requestId} was sent while the tenant is in use`);
    }
    if (line && (line.what === 'attempt failed' || (line.what === 'parked' && !NO_ATTEMPT_FAILED.includes(line.cause)))) {
      const attempt = ledger.attempts.find((one) => one.requestId === line.requestId && one.attempt === line.attempt);
      const isOverdue = line.cause.includes('RESULT_TIMEOUT') && this.temporal.nowMs - (row?.sentAtMs ?? 0) >= this.terms.policy.resultTimeoutMs;
      // A SUCCESS that the workflow has not heard of yet does not keep it from what it does before it hears.
      if (!attempt || (attempt.result === null && !isOverdue)) this.atOnce.push(`attempt ${line.attempt} of ${line.requestId} was counted as failed (${line.cause}) without a result`);
      if (line.what === 'attempt failed' && !line.cause.startsWith(`attempt ${line.attempt}: `)) this.atOnce.push(`${line.cause} of ${line.requestId} was counted at attempt ${line.attempt}`);
    }
    if (message?.eventType === 'TENANT_EMPTY') {
      const active = ledger.services.filter(({ status }) => status === 'ACTIVE');
      const underWay = ledger.deletions.filter(({ kind, status }) => kind === 'service' && (status === 'PENDING' || status === 'SENT_TO_AIRFLOW'));
      if (active.length + underWay.length > 0) this.atOnce.push(`TENANT_EMPTY with ${active.length} services and ${underWay.length} deletions under way`);
    }
  }

  /** Nothing active may depend on what is sent, unless both depend on each other and both are to be deleted. */
  private dependencyFaults(row: Row): string[] {
    const { services } = this.ledger;
    const active = services.filter(({ status }) => status === 'ACTIVE');
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
      if (seen.has(from)) return false;
      seen.add(from);
      return active.some(({ serviceInstanceId, dependsOn }) => serviceInstanceId === from && dependsOn.some((id) => id === to || reaches(id, to, seen)));
    };
    return active
      .filter(({ serviceInstanceId, dependsOn }) => serviceInstanceId !== row.serviceInstanceId && dependsOn.includes(row.serviceInstanceId ?? '') && !reaches(row.serviceInstanceId ?? '', serviceInstanceId))
      .map(({ serviceInstanceId }) => `${row.requestId} was sent while ${serviceInstanceId} depends on it`);
  }

  /** Whether something that nobody deletes depends on the service. */
  private isBlocked({ kind, serviceInstanceId }: Row): boolean {
    const { services, deletions, inventoryIsStale } = this.ledger;
    if (kind !== 'service' || inventoryIsStale) return false;
    const dependants = services.filter((one) => one.status === 'ACTIVE' && one.serviceInstanceId !== serviceInstanceId && one.dependsOn.includes(serviceInstanceId ?? ''));
    return dependants.some((one) => !deletions.some((other) => other.serviceInstanceId === one.serviceInstanceId && !isFinal(other.status)));
  }

  /** No old trigger stands for a service that was provisioned anew, nor for a tenant that is in use again. */
  private fenceFaults(): string[] {
    const { attempts, deletions, services, tenants } = this.ledger;
    return attempts.filter(({ revoked, result }) => !revoked && result === null).flatMap(({ jobId, requestId, generation }) => {
      const row = deletions.find((one) => one.requestId === requestId);
      const service = services.find((one) => one.serviceInstanceId === row?.serviceInstanceId && one.status === 'ACTIVE');
      if (row && service && service.generation > Math.max(generation, 1)) return [`${jobId} was sent for incarnation ${generation}, and stands although ${service.generation} is there`];
      if (row?.kind === 'tenant' && tenants.some(({ tenantId, status }) => tenantId === row.tenantId && status === 'ACTIVE')) return [`${jobId} stands although the tenant is in use`];
      return [];
    });
  }

  /** A SUCCESS before the end leads to COMPLETED, whatever else comes. */
  private successFaults(): string[] {
    const { attempts, deletions } = this.ledger;
    return attempts.filter(({ jobId }) => this.succeeded.has(jobId)).flatMap(({ jobId, requestId }) => {
      const row = deletions.find((one) => one.requestId === requestId);
      return row?.status === 'CANCELLED' && row.kind !== 'tenant' ? [`${jobId} had succeeded before ${requestId} ended, as CANCELLED`] : [];
    });
  }

  private restFaults(): string[] {
    const faults: string[] = [];
    for (const row of this.ledger.deletions) {
      if (isFinal(row.status)) continue;
      const execution = this.temporal.running(row.workflowId);
      if (!execution) continue;
      if (row.claimedRun === null) {
        if (this.toRedeliver.size === 0 && !this.waitsBehind(execution, row)) faults.push(`${row.requestId} is lost: nobody has claimed it`);
      } else if (execution.stepSinceReset !== undefined && (execution.stepSinceReset < row.step || (execution.run.query('status') as WorkflowStatus).requestId !== row.requestId)) {
        // Was reset to where it does not know yet what the ledger knows.
      } else if (row.claimedRun === execution.identity.firstRunId) faults.push(...this.disagreements(execution, row));
      else if (row.kind !== 'tenant') faults.push(`${row.requestId} is lost: claimed by ${row.claimedRun}, and ${execution.identity.firstRunId} runs`);
    }
    return faults;
  }

  /** A request that is carried out when the deletion before it is over: terminated runs leave some behind. */
  private waitsBehind(_execution: Execution, row: Row): boolean {
    return this.terminated.has(row.workflowId);
  }

  private disagreements({ run, history }: Execution, row: Row): string[] {
    const says = run.query('status') as WorkflowStatus;
    const joined = this.ledger.deletions.filter(({ duplicateOf, outcome }) => duplicateOf === row.requestId && outcome === null).map(({ requestId }) => requestId).sort();
    const shown = run.attributes.get(DELETION_STATUS);
    const faults: string[] = [];
    const compare = (what: string, workflow: unknown, ledger: unknown) => {
      if (JSON.stringify(workflow) !== JSON.stringify(ledger)) faults.push(`${row.requestId}: ${what} is ${JSON.stringify(workflow)} to the workflow, and ${JSON.stringify(ledger)} to the ledger`);
    };
    compare('the request', says.requestId, row.requestId);
    compare('the attempt', says.attempt, row.attempt);
    compare('on hold', says.onHold, row.held);
    compare('parked', says.parked, isParked(row.status));
    compare('with Airflow', says.phase === 'sent', row.status === 'SENT_TO_AIRFLOW');
    compare('held', says.phase === 'held', row.status === 'ON_HOLD' && says.phase !== 'grace' && says.phase !== 'backoff' && says.phase !== 'pending');
    compare('joined', [...says.joined].sort(), joined);
    compare('needing attention', shown === 'FAILED' || shown === 'TIMEOUT', isParked(row.status));
    if (says.phase === 'pending' && this.isBlocked(row) && this.temporal.nowMs - Math.max(this.ledger.timeline.at(-1)?.atMs ?? 0, this.ableSinceMs, ...this.ledger.services.map(({ provisionedAt }) => provisionedAt.getTime())) > LONGEST_LOOK_MS) {
      faults.push(`${row.requestId} is blocked, and nobody was told`);
    }
    const lines = this.ledger.timeline;
    const family = this.ledger.deletions.filter(({ workflowId }) => workflowId === row.workflowId).map(({ requestId }) => requestId);
    const parkedAt = lines.findLastIndex(({ requestId, what }) => family.includes(requestId) && (what === 'parked' || what === 'carries on'));
    if (says.parked && !this.wasReset && lines.some(({ what, cause }, i) => i > parkedAt && parkedAt >= 0 && what === 'joined' && cause === row.requestId)) faults.push(`${row.requestId} is parked still, although another request has joined it`);
    const succeeded = this.ledger.attempts.some(({ requestId, result }) => requestId === row.requestId && result === 'SUCCESS');
    if (succeeded && this.toRedeliver.size === 0) faults.push(`${row.requestId} had a SUCCESS, and goes on`);
    if (row.parkedAtMs !== undefined && isParked(row.status) && !this.wasReset) {
      const told = this.ledger.timeline.findLast(({ requestId, what }) => family.includes(requestId) && (what === 'told again' || what === 'parked'));
      // A run that continues another counts its window anew.
      const lastMs = Math.max(told?.atMs ?? 0, row.parkedAtMs, this.ableSinceMs, history[0]?.atMs ?? 0);
      const silentMs = this.temporal.nowMs - lastMs;
      if (silentMs > row.input.policy.parkingWindowMs) faults.push(`${row.requestId} is parked, and nobody was told for ${silentMs} ms`);
    }
    return faults;
  }
}
