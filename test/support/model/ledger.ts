import { createHash } from 'node:crypto';
import {
  isFinal, jobIdFor, tenantRequestId, tenantWorkflowId, TOPICS, workflowIdFor,
  type AirflowResultSignal, type DeletionInput, type DeletionPolicy, type DeletionStatus, type FailureCode, type PersonAct,
} from '../../../contracts/names/index.js';
import type {
  ActCall, CancelAnswer, ClaimAnswer, ClaimCall, CompleteAnswer, CompleteCall, ConfirmAnswer, EraseAnswer, EraseCall, FailedAttemptCall, JoinAnswer, JoinCall,
  NotedAnswer, NotOurs, ParkAnswer, ParkCall, RemindAnswer, RemindCall, ReopenCall, StepCall, TenantAnswer, TriggerAnswer, TriggerCall,
} from '../../../activities/answers.js';
import { checkDependants } from '../../../activities/dependencies.rules.js';
import { decideOnTenant, purgeAfter } from '../../../activities/emptying.rules.js';
import { retriesSoFar } from '../../../activities/retries.rules.js';
import { isIncarnationAskedFor } from '../../../store/inventory/incarnation.rules.js';
import type { ActiveService } from '../../../store/inventory/locked-tenant.js';
import { judgeResult } from '../../../store/ledger/results.rules.js';
import type { AnsweredStep } from '../../../store/ledger/rows.js';
import type { LedgerView, SeenAttempt, SeenDeletion, SeenLine, SeenMessage } from './ledger-view.js';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A deletion's row: what is seen of it, and what only the ledger needs. Times are in ms, by the walk's clock. */
export interface Row extends Writable<SeenDeletion> {
  readonly receivedAtMs: number;
  readonly requestedAt: Date;
  dueAtMs: number;
  generation: number;
  step: number;
  answers: AnsweredStep[];
  sentAtMs: number | undefined;
  parkedAtMs: number | undefined;
}
interface ServiceRow {
  readonly tenantId: string;
  readonly serviceInstanceId: string;
  dependsOn: readonly string[];
  status: ActiveService['status'];
  generation: number;
  provisionedAt: Date;
}
interface TenantRow {
  readonly tenantId: string;
  status: 'UNKNOWN' | 'ACTIVE' | 'EMPTY' | 'ERASED';
  emptyings: number;
  gdprDeletions: number;
  otherDeletions: number;
}
interface WakeUp {
  readonly workflowId: string;
  readonly tenantId?: string;
}

const LIVE: readonly DeletionStatus[] = ['PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT'];
const isLive = ({ status }: { status: DeletionStatus }): boolean => LIVE.includes(status);

/**
 * The ledger and the inventory in memory: what design, sections 3 to 5, asks of the activities, each in one go. It keeps no rule
 * of its own where the product has a pure one, and forbids nothing: what a workflow asks is done, and the invariants judge it.
 */
export class Ledger implements LedgerView {
  readonly deletions: Row[] = [];
  readonly attempts: Writable<SeenAttempt>[] = [];
  readonly timeline: (SeenLine & { readonly atMs: number })[] = [];
  readonly outbox: SeenMessage[] = [];
  readonly tenants: TenantRow[] = [];
  readonly services: ServiceRow[] = [];
  /** Signals that the relay has not sent yet. */
  readonly wakeUps: WakeUp[] = [];
  inventoryIsStale = false;
  /** Hears of each line and message when it is written, in the middle of its transaction. */
  onWritten: (written: { readonly line?: SeenLine; readonly message?: SeenMessage }) => void = () => undefined;
  private readonly clock: () => number;
  private readonly purgeGraceMs: number;
  private readonly tenantPolicy: DeletionPolicy;

  constructor({ clock, purgeGraceMs, tenantPolicy }: { clock: () => number; purgeGraceMs: number; tenantPolicy: DeletionPolicy }) {
    this.clock = clock;
    this.purgeGraceMs = purgeGraceMs;
    this.tenantPolicy = tenantPolicy;
  }

  // What the bridges write.

  receive(input: DeletionInput, requestedAtMs = this.clock()): Row {
    const known = this.deletions.find(({ requestId }) => requestId === input.requestId);
    if (known) return known;
    const { subject } = input;
    const tenantId = subject.kind === 'user' ? null : subject.tenantId;
    const serviceInstanceId = subject.kind === 'service' ? subject.serviceInstanceId : null;
    const service = this.services.find((one) => one.tenantId === tenantId && one.serviceInstanceId === serviceInstanceId);
    return this.insert(input, workflowIdFor(subject), { tenantId, serviceInstanceId, generation: service?.generation ?? 0, requestedAtMs, emptying: null });
  }

  private insert(input: DeletionInput, workflowId: string, { requestedAtMs, ...of }: Pick<Row, 'tenantId' | 'serviceInstanceId' | 'generation' | 'emptying'> & { requestedAtMs: number }): Row {
    const row: Row = {
      requestId: input.requestId, kind: input.subject.kind, workflowId, gdprMode: input.gdprMode, input, ...of,
      status: 'PENDING', attempt: 0, claimedRun: null, held: false, failureCode: null, duplicateOf: null, outcome: null,
      receivedAtMs: this.clock(), requestedAt: new Date(requestedAtMs), dueAtMs: this.clock() + input.policy.dueInMs + (input.subject.kind === 'tenant' ? 0 : input.graceMs),
      step: 0, answers: [], sentAtMs: undefined, parkedAtMs: undefined,
    };
    this.deletions.push(row);
    this.note(row, 'received', 'request received');
    return row;
  }

  /** @returns the signal that the workflow must get, if any */
  result(jobId: string, status: 'SUCCESS' | 'FAILURE', failureCode: FailureCode): { workflowId: string; signal: AirflowResultSignal } | undefined {
    const attempt = this.attempts.find((one) => one.jobId === jobId);
    const row = this.deletions.find(({ requestId }) => requestId === attempt?.requestId);
    if (!attempt || !row) throw new Error(`no job ${jobId}`);
    const verdict = judgeResult(row, attempt, status);
    if (verdict.keep) attempt.result = status;
    if (verdict.note !== undefined) this.note(row, 'result', `${status} of attempt ${attempt.attempt}: ${verdict.note}`);
    if (!verdict.wake) return undefined;
    return { workflowId: row.workflowId, signal: { requestId: row.requestId, attempt: attempt.attempt, status, ...(status === 'FAILURE' && { failureCode }) } };
  }

  provision(tenantId: string, serviceInstanceId: string, dependsOn: readonly string[]): void {
    const tenant = this.tenant(tenantId);
    const known = this.service(tenantId, serviceInstanceId);
    const provisionedAt = new Date(this.clock());
    const isAnew = known?.status !== 'ACTIVE';
    if (!known) this.services.push({ tenantId, serviceInstanceId, dependsOn, status: 'ACTIVE', generation: 1, provisionedAt });
    else if (known.status === 'ACTIVE') known.dependsOn = dependsOn;
    else Object.assign(known, { dependsOn, status: 'ACTIVE', generation: known.generation + 1, provisionedAt });
    if (isAnew) this.revokeForOlderIncarnations(tenantId, serviceInstanceId);
    if (tenant.status === 'ACTIVE') return;
    const wasEmptied = tenant.status !== 'UNKNOWN';
    Object.assign(tenant, { status: 'ACTIVE', gdprDeletions: 0, otherDeletions: 0 });
    if (!wasEmptied) return;
    for (const row of this.deletions) if (row.kind === 'tenant' && row.tenantId === tenantId) this.revoke(row);
    this.wakeTenant(tenantId);
  }

  private revokeForOlderIncarnations(tenantId: string, serviceInstanceId: string): void {
    const service = this.service(tenantId, serviceInstanceId);
    for (const row of this.deletions) {
      if (row.tenantId !== tenantId || row.serviceInstanceId !== serviceInstanceId) continue;
      for (const attempt of this.attemptsOf(row)) {
        if (!isIncarnationAskedFor({ generation: attempt.generation, requestedAt: row.requestedAt }, service)) attempt.revoked = true;
      }
    }
  }

  deprovision(tenantId: string, serviceInstanceId: string): void {
    const tenant = this.tenant(tenantId);
    const service = this.service(tenantId, serviceInstanceId);
    if (service?.status !== 'ACTIVE') return;
    service.status = 'DEPROVISIONED';
    this.wakeDependencies(service);
    this.wakeTenantIfEmpty(tenant);
  }

  // The activities of a deletion.

  claim({ requestId, runId, sendFor, takeOver }: ClaimCall): ClaimAnswer {
    const row = this.row(requestId);
    if (!row) return notOurs;
    if (isFinal(row.status)) return row.claimedRun === runId ? this.afterTheEnd(row, runId) : notOurs;
    if (row.claimedRun === runId) return this.claimed(row);
    const place = row.claimedRun === takeOver?.run ? takeOver : undefined;
    if (row.claimedRun !== null && row.kind !== 'tenant' && !place) return notOurs;
    const lost = this.deletions.find((other) => other !== row && other.workflowId === row.workflowId && other.claimedRun !== null && isLive(other));
    if (lost) {
      this.handOver(lost, row);
      Object.assign(lost, { status: 'DUPLICATE', duplicateOf: row.requestId, claimedRun: null, parkedAtMs: undefined });
      this.note(lost, 'taken over', 'its workflow was terminated');
    }
    const again = row.claimedRun !== null;
    row.claimedRun = runId;
    this.note(row, 'claimed', again ? 'its workflow was terminated; another takes it up' : 'its workflow has started');
    const wouldGoOn = row.status === 'PENDING' || row.status === 'SENT_TO_AIRFLOW';
    if (place && wouldGoOn && !this.attemptsOf(row).some(({ result }) => result === 'SUCCESS')) this.parkRow(row, 'FAILED', 'WORKFLOW_TERMINATED');
    const isAtOnce = sendFor !== undefined && row.status === 'PENDING' && row.attempt === 0 && !row.held && row.input.graceMs === 0;
    if (isAtOnce && this.sendAttempt(row, sendFor).outcome === 'refilled') return { outcome: 'ended', status: 'CANCELLED', attempt: row.attempt, leftOver: [] };
    return this.claimed(row);
  }

  private afterTheEnd(row: Row, runId: string): ClaimAnswer {
    const heir = this.deletions.find((other) => other.workflowId === row.workflowId && other.claimedRun === runId && isLive(other));
    if (heir) return this.claimed(heir);
    if (row.status === 'DUPLICATE') return notOurs;
    const leftOver = this.deletions.filter((other) => other.workflowId === row.workflowId && other.claimedRun === null && other.status === 'PENDING');
    return { outcome: 'ended', status: row.status === 'COMPLETED' ? 'COMPLETED' : 'CANCELLED', attempt: row.attempt, leftOver: leftOver.map(({ input }) => input) };
  }

  private claimed(row: Row): ClaimAnswer {
    const joined = this.joinedTo(row);
    const lines = this.timeline.filter(({ requestId }) => requestId === row.requestId);
    const isHard = [row, ...joined].some(({ input }) => input.graceMs === 0);
    return {
      outcome: 'claimed', requestId: row.requestId, status: row.status, attempt: row.attempt, step: row.step, held: row.held, failureCode: row.failureCode,
      graceLeftMs: isHard ? 0 : Math.max(0, row.receivedAtMs + row.input.graceMs - this.clock()),
      sentMsAgo: row.sentAtMs === undefined ? 0 : this.clock() - row.sentAtMs,
      joined: joined.map(({ requestId }) => requestId),
      dueInMs: row.dueAtMs - this.clock(),
      succeededAttempt: this.attemptsOf(row).find(({ result }) => result === 'SUCCESS')?.attempt ?? null,
      ...retriesSoFar(lines, row.failureCode),
    };
  }

  trigger(call: TriggerCall): TriggerAnswer {
    return this.step('trigger', call, (row) => this.sendAttempt(row, call.cause));
  }

  private sendAttempt(row: Row, cause: string): TriggerAnswer {
    const permission = this.permissionFor(row);
    if (typeof permission !== 'number') return permission;
    const attempt = row.attempt + 1;
    this.revoke(row);
    this.attempts.push({ jobId: jobIdFor(row.requestId, attempt), requestId: row.requestId, attempt, generation: permission, result: null, timedOut: false, revoked: false });
    Object.assign(row, { status: 'SENT_TO_AIRFLOW', attempt, sentAtMs: this.clock(), failureCode: null, parkedAtMs: undefined });
    this.note(row, 'sent to Airflow', cause);
    this.send(row, TOPICS.airflowTrigger, 'airflow.trigger', `${row.requestId}/trigger/${attempt}`);
    return { outcome: 'sent', attempt };
  }

  private permissionFor(row: Row): number | TriggerAnswer {
    // For a user: whoever knows what exists of the user cannot be asked.
    if (this.inventoryIsStale) return { outcome: 'stale-inventory' };
    if (row.kind === 'user' || row.tenantId === null) return 0;
    if (row.kind === 'tenant') return this.cancelWhenRefilled(row) ? { outcome: 'refilled' } : 0;
    const service = this.service(row.tenantId, row.serviceInstanceId ?? '');
    if (![row, ...this.joinedTo(row)].some((request) => isIncarnationAskedFor(request, service))) return { outcome: 'provisioned-anew' };
    const check = checkDependants(row.serviceInstanceId ?? '', this.activeServices(row.tenantId));
    if (check.verdict === 'clear') return service?.generation ?? 0;
    return { outcome: check.verdict === 'wait' ? 'waiting' : 'blocked', dependants: check.dependants };
  }

  confirmEmpty(call: StepCall): ConfirmAnswer {
    return this.step('confirmEmpty', call, (row) => ({ outcome: this.cancelWhenRefilled(row) ? 'refilled' : 'empty' }));
  }

  private cancelWhenRefilled(row: Row): boolean {
    const tenant = this.tenant(row.tenantId ?? '');
    if (this.activeServices(tenant.tenantId).length === 0 && tenant.status !== 'ACTIVE' && tenant.emptyings === row.emptying) return false;
    this.revoke(row);
    this.endAsCancelled(row, 'the tenant has services again');
    return true;
  }

  complete(call: CompleteCall): CompleteAnswer {
    return this.step('complete', call, (row) => {
      Object.assign(row, { status: 'COMPLETED', failureCode: null, parkedAtMs: undefined });
      if (row.kind === 'service') this.settleService(row, call.attempt);
      if (row.kind === 'tenant') this.settleTenant(row);
      this.revoke(row, call.attempt);
      this.note(row, 'completed', `SUCCESS of attempt ${call.attempt}`);
      this.notify(row, 'deletion.completed');
      const service = row.kind === 'service' ? this.service(row.tenantId ?? '', row.serviceInstanceId ?? '') : undefined;
      const leftOver: DeletionInput[] = [];
      for (const joined of this.joinedTo(row)) {
        if (service?.status === 'ACTIVE' && isIncarnationAskedFor(joined, service)) {
          Object.assign(joined, { status: 'PENDING', duplicateOf: null });
          this.note(joined, 'set free', 'another incarnation');
          leftOver.push(joined.input);
        } else {
          joined.outcome = 'COMPLETED';
          this.note(joined, 'outcome', 'COMPLETED');
          this.notify(joined, 'deletion.completed');
        }
      }
      return { outcome: 'completed', durationMs: this.clock() - row.receivedAtMs, leftOver };
    });
  }

  private settleService(row: Row, attemptNumber: number): void {
    const tenant = this.tenant(row.tenantId ?? '');
    const gdpr = [row, ...this.joinedTo(row)].some(({ gdprMode }) => gdprMode);
    if (gdpr) tenant.gdprDeletions++;
    else tenant.otherDeletions++;
    if (tenant.status === 'UNKNOWN') return;
    const attempt = this.attemptsOf(row).find((one) => one.attempt === attemptNumber);
    const service = this.service(tenant.tenantId, row.serviceInstanceId ?? '');
    if (service && isIncarnationAskedFor({ generation: attempt?.generation ?? 0, requestedAt: row.requestedAt }, service)) {
      service.status = 'ERASED';
      this.wakeDependencies(service);
    }
    if (tenant.status !== 'ACTIVE' || this.activeServices(tenant.tenantId).length > 0) return;
    if (this.underWay(tenant.tenantId).length === 0 && purgeAfter(tenant) !== 'automatic') this.becomeEmpty(tenant);
    else this.wakeTenant(tenant.tenantId);
  }

  private settleTenant(row: Row): void {
    const tenant = this.tenant(row.tenantId ?? '');
    if (tenant.status === 'ACTIVE' || tenant.emptyings !== row.emptying) return;
    tenant.status = 'ERASED';
    this.send(row, TOPICS.tenantLifecycle, 'TENANT_ERASED', `${row.requestId}/TENANT_ERASED/1`, tenant.tenantId);
  }

  noteFailedAttempt(call: FailedAttemptCall): NotedAnswer {
    return this.step('noteFailedAttempt', call, (row) => {
      if (call.failureCode === 'RESULT_TIMEOUT') this.markTimedOut(row, call.attempt);
      Object.assign(row, { status: 'PENDING', failureCode: call.failureCode });
      this.note(row, 'attempt failed', `attempt ${call.attempt}: ${call.failureCode}`);
      return { outcome: 'noted' };
    });
  }

  park(call: ParkCall): ParkAnswer {
    return this.step('park', call, (row) => {
      this.parkRow(row, call.status, call.failureCode);
      return { outcome: 'parked', dueInMs: row.dueAtMs - this.clock() };
    });
  }

  private parkRow(row: Row, status: ParkCall['status'], failureCode: FailureCode): void {
    Object.assign(row, { status, failureCode, parkedAtMs: this.clock() });
    this.note(row, 'parked', failureCode);
    this.notify(row, status === 'TIMEOUT' ? 'deletion.timed_out' : 'deletion.failed');
    this.wakeTenantOf(row);
    if (failureCode === 'RESULT_TIMEOUT') this.markTimedOut(row, row.attempt);
  }

  remind(call: RemindCall): RemindAnswer {
    return this.step('remind', call, (row) => {
      this.note(row, 'told again', call.what);
      this.notify(row, row.status === 'TIMEOUT' ? 'deletion.timed_out' : 'deletion.failed');
      return { outcome: 'reminded' };
    });
  }

  join(call: JoinCall): JoinAnswer {
    return this.step('join', call, (row) => {
      const joined: string[] = [];
      for (const requestId of [...call.requestIds].sort()) {
        const other = this.row(requestId);
        if (other?.workflowId !== row.workflowId) continue;
        if (other.duplicateOf === row.requestId) joined.push(requestId);
        if (other.status !== 'PENDING' || other.claimedRun !== null) continue;
        Object.assign(other, { status: 'DUPLICATE', duplicateOf: row.requestId });
        row.dueAtMs = Math.min(row.dueAtMs, other.dueAtMs);
        this.note(other, 'joined', row.requestId);
        joined.push(requestId);
      }
      return { outcome: 'joined', joined };
    });
  }

  reopen(call: ReopenCall): NotedAnswer {
    return this.step('reopen', call, (row) => {
      Object.assign(row, { status: 'PENDING', parkedAtMs: undefined });
      if (call.act && row.failureCode === 'PROVISIONED_ANEW') {
        row.generation = this.service(row.tenantId ?? '', row.serviceInstanceId ?? '')?.generation ?? row.generation;
      }
      this.note(row, 'retry', call.cause, call.act);
      if (call.act) this.revoke(row);
      return { outcome: 'noted' };
    });
  }

  hold(call: ActCall): NotedAnswer {
    return this.step('hold', call, (row) => {
      row.held = true;
      if (row.status === 'PENDING') row.status = 'ON_HOLD';
      this.note(row, 'held', 'stopped', call.act);
      this.wakeTenantOf(row);
      return { outcome: 'noted' };
    });
  }

  showHold(call: StepCall): NotedAnswer {
    return this.step('showHold', call, (row) => {
      Object.assign(row, { status: 'ON_HOLD', parkedAtMs: undefined });
      this.note(row, 'on hold', 'stopped before');
      this.wakeTenantOf(row);
      return { outcome: 'noted' };
    });
  }

  release(call: ActCall): NotedAnswer {
    return this.step('release', call, (row) => {
      row.held = false;
      if (row.status === 'ON_HOLD') row.status = 'PENDING';
      this.note(row, 'released', 'goes on', call.act);
      return { outcome: 'noted' };
    });
  }

  cancel(call: ActCall): CancelAnswer {
    return this.step('cancel', call, (row): CancelAnswer => {
      const requestId = call.act.requestId ?? row.requestId;
      const done = this.attemptsOf(row).find(({ result }) => result === 'SUCCESS');
      if (done) return { outcome: 'succeeded', attempt: done.attempt };
      const joined = this.joinedTo(row);
      if (requestId !== row.requestId) {
        const one = joined.find((other) => other.requestId === requestId);
        if (!one) return { outcome: 'unknown-request', requestId };
        this.endAsCancelled(one, 'withdrawn', call.act);
        return { outcome: 'withdrawn', requestId: row.requestId, withdrawn: requestId };
      }
      const [heir] = joined;
      if (!heir) {
        this.endAsCancelled(row, 'withdrawn', call.act);
        this.wakeTenantOf(row);
        this.revoke(row);
        return { outcome: 'cancelled' };
      }
      const { status, failureCode, parkedAtMs, sentAtMs, claimedRun } = row;
      Object.assign(heir, { status, failureCode, parkedAtMs, sentAtMs, claimedRun, duplicateOf: null });
      this.note(heir, 'carries on', row.requestId);
      this.handOver(row, heir);
      this.endAsCancelled(row, 'withdrawn', call.act);
      return { outcome: 'withdrawn', requestId: heir.requestId, withdrawn: requestId };
    });
  }

  private handOver(from: Row, to: Row): void {
    for (const attempt of this.attemptsOf(from)) attempt.requestId = to.requestId;
    for (const other of this.deletions) if (other.duplicateOf === from.requestId && other !== to) other.duplicateOf = to.requestId;
    Object.assign(to, { attempt: from.attempt, held: from.held, step: from.step, answers: [] });
  }

  // The activities of a tenant.

  decideEmptying(tenantId: string): TenantAnswer {
    const tenant = this.tenant(tenantId);
    const verdict = decideOnTenant(tenant, this.activeServices(tenantId).length, this.underWay(tenantId).length);
    const begun = this.latestCleanUp(tenant);
    if (begun && !isFinal(begun.status)) return { outcome: 'clean-up', input: begun.input };
    if (verdict !== 'becomes-empty' && verdict !== 'empty') return { outcome: 'nothing', why: verdict };
    if (verdict === 'becomes-empty') {
      this.becomeEmpty(tenant);
      if (purgeAfter(tenant) === 'automatic') this.openCleanUp(tenant, tenantRequestId(tenantId, tenant.emptyings), this.purgeGraceMs);
    }
    const latest = this.latestCleanUp(tenant);
    if (!latest) return { outcome: 'nothing', why: 'nobody asked to erase it' };
    return isFinal(latest.status) ? { outcome: 'nothing', why: 'the clean-up has ended' } : { outcome: 'clean-up', input: latest.input };
  }

  private underWay(tenantId: string): Row[] {
    return this.deletions.filter((row) => row.tenantId === tenantId && row.kind === 'service' && (row.status === 'PENDING' || row.status === 'SENT_TO_AIRFLOW'));
  }

  private becomeEmpty(tenant: TenantRow): void {
    Object.assign(tenant, { status: 'EMPTY', emptyings: tenant.emptyings + 1 });
    const { tenantId } = tenant;
    const requestId = tenantRequestId(tenantId, tenant.emptyings);
    const message = { requestId, destination: TOPICS.tenantLifecycle, key: tenantId, eventType: 'TENANT_EMPTY', eventId: `${requestId}/TENANT_EMPTY/1` };
    this.outbox.push(message);
    this.onWritten({ message });
  }

  requestErasure({ tenantId, act }: EraseCall): EraseAnswer {
    const tenant = this.tenant(tenantId);
    const latest = this.latestCleanUp(tenant);
    if (tenant.status !== 'EMPTY' || this.activeServices(tenantId).length > 0) return { outcome: 'refused', why: tenant.status };
    if (latest && !isFinal(latest.status)) return { outcome: 'clean-up', input: latest.input };
    const turns = this.deletions.filter((row) => row.kind === 'tenant' && row.tenantId === tenantId && row.emptying === tenant.emptyings).length;
    return { outcome: 'clean-up', input: this.openCleanUp(tenant, tenantRequestId(tenantId, tenant.emptyings, turns + 1), 0, act) };
  }

  private openCleanUp({ tenantId, emptyings }: TenantRow, requestId: string, graceMs: number, act?: PersonAct): DeletionInput {
    const input: DeletionInput = {
      requestId, traceId: requestId, subject: { kind: 'tenant', tenantId, emptying: emptyings }, gdprMode: true, dryRun: false, graceMs, policy: this.tenantPolicy,
    };
    const row = this.insert(input, tenantWorkflowId(tenantId), { tenantId, serviceInstanceId: null, generation: 0, emptying: emptyings, requestedAtMs: this.clock() });
    if (act) this.note(row, 'asked for', 'a person had it erased', act);
    return input;
  }

  private latestCleanUp({ tenantId, emptyings }: TenantRow): Row | undefined {
    return this.deletions.findLast((row) => row.kind === 'tenant' && row.tenantId === tenantId && row.emptying === emptyings);
  }

  // One step of a deletion: at most once per number.

  private step<Answer>(name: string, call: StepCall, work: (row: Row) => Answer): Answer | NotOurs {
    const row = this.row(call.requestId);
    if (row?.claimedRun !== call.runId) return notOurs;
    const { runId: _, ...what } = call;
    const asked = createHash('sha1').update(JSON.stringify([name, what])).digest('base64');
    if (row.step >= call.step) {
      const first = row.answers.find(({ step }) => step === call.step);
      if (first?.asked !== asked) return { outcome: 'ledger-ahead', why: 'another step' };
      return { ...(first.answer as Answer), ...(row.step > call.step && { ledgerAt: row.step }) };
    }
    const answer = work(row);
    row.step = call.step;
    row.answers.push({ step: call.step, asked, answer });
    return answer;
  }

  private row(requestId: string): Row | undefined {
    return this.deletions.find((row) => row.requestId === requestId);
  }
  private joinedTo(row: Row): Row[] {
    const all = this.deletions.filter(({ duplicateOf, outcome }) => duplicateOf === row.requestId && outcome === null);
    return all.sort((a, b) => a.receivedAtMs - b.receivedAtMs || (a.requestId < b.requestId ? -1 : 1));
  }
  private attemptsOf(row: Row): Writable<SeenAttempt>[] {
    return this.attempts.filter(({ requestId }) => requestId === row.requestId);
  }
  private revoke(row: Row, except = 0): void {
    for (const attempt of this.attemptsOf(row)) if (attempt.attempt !== except) attempt.revoked = true;
  }
  private markTimedOut(row: Row, number: number): void {
    for (const attempt of this.attemptsOf(row)) if (attempt.attempt === number && attempt.result === null) attempt.timedOut = true;
  }
  private note(row: Row, what: string, cause: string, act?: PersonAct): void {
    const line = { requestId: row.requestId, what, status: row.status, attempt: row.attempt, cause, person: act?.by ?? null, atMs: this.clock() };
    this.timeline.push(line);
    this.onWritten({ line });
  }
  private send(row: Row, destination: string, eventType: string, eventId: string, key = row.workflowId): void {
    this.outbox.push({ requestId: row.requestId, destination, key, eventType, eventId });
  }
  private notify(row: Row, eventType: string): void {
    const n = this.outbox.filter((message) => message.requestId === row.requestId && message.destination === TOPICS.notifications).length;
    this.send(row, TOPICS.notifications, eventType, `${row.requestId}/notification/${n + 1}`);
  }
  private endAsCancelled(row: Row, cause: string, act?: PersonAct): void {
    Object.assign(row, { status: 'CANCELLED', duplicateOf: null, parkedAtMs: undefined });
    this.note(row, 'cancelled', cause, act);
    this.notify(row, 'deletion.cancelled');
  }

  private tenant(tenantId: string): TenantRow {
    const known = this.tenants.find((tenant) => tenant.tenantId === tenantId);
    if (known) return known;
    const tenant: TenantRow = { tenantId, status: 'UNKNOWN', emptyings: 0, gdprDeletions: 0, otherDeletions: 0 };
    this.tenants.push(tenant);
    return tenant;
  }
  private service(tenantId: string, id: string): ServiceRow | undefined {
    return this.services.find((one) => one.tenantId === tenantId && one.serviceInstanceId === id);
  }
  private activeServices(tenantId: string): Pick<ActiveService, 'serviceInstanceId' | 'dependsOn' | 'deletion'>[] {
    return this.services.filter((one) => one.tenantId === tenantId && one.status === 'ACTIVE').map(({ serviceInstanceId, dependsOn }) => {
      const live = this.deletions.filter((row) => row.tenantId === tenantId && row.serviceInstanceId === serviceInstanceId && isLive(row));
      const isBusy = live.some(({ status }) => status !== 'FAILED' && status !== 'TIMEOUT');
      const isBlocked = live.every(({ failureCode }) => failureCode === 'DEPENDENCY_BLOCKED');
      return { serviceInstanceId, dependsOn, deletion: live.length === 0 ? 'none' : isBusy ? 'live' : isBlocked ? 'blocked' : 'parked' };
    });
  }
  private wakeDependencies({ tenantId, dependsOn }: ServiceRow): void {
    for (const id of dependsOn) this.wakeUps.push({ workflowId: workflowIdFor({ kind: 'service', tenantId, serviceType: '', serviceInstanceId: id }) });
  }
  private wakeTenantOf(row: Row): void {
    if (row.kind === 'service' && row.tenantId !== null) this.wakeTenantIfEmpty(this.tenant(row.tenantId));
  }
  private wakeTenantIfEmpty({ tenantId, status }: TenantRow): void {
    if (status === 'ACTIVE' && this.activeServices(tenantId).length === 0) this.wakeTenant(tenantId);
  }
  private wakeTenant(tenantId: string): void {
    this.wakeUps.push({ workflowId: tenantWorkflowId(tenantId), tenantId });
  }
}

const notOurs: NotOurs = { outcome: 'not-ours', why: 'another run has claimed the request, or it has ended' };
