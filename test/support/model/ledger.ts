import { createHash } from 'node:crypto';
import { isFinal, jobIdFor, TOPICS, workflowIdFor, type AirflowResultSignal, type DeletionInput, type FailureCode } from '../../../contracts/names/index.js';
import type {
  ActCall, CancelAnswer, ClaimAnswer, ClaimCall, CompleteAnswer, CompleteCall, ConfirmAnswer, FailedAttemptCall, JoinAnswer, JoinCall,
  NotedAnswer, NotOurs, ParkAnswer, ParkCall, RemindAnswer, RemindCall, ReopenCall, StepCall, TriggerAnswer, TriggerCall,
} from '../../../activities/answers.js';
import { checkDependants } from '../../../activities/dependencies.rules.js';
import { retriesSoFar } from '../../../activities/retries.rules.js';
import { isIncarnationAskedFor } from '../../../store/inventory/incarnation.rules.js';
import { judgeResult } from '../../../store/ledger/results.rules.js';
import { isLive, type Row } from './ledger-tables.js';
import { LedgerTenants } from './ledger-tenants.js';
import type { LedgerView } from './ledger-view.js';

/**
 * The ledger and the inventory in memory: what design, sections 3 to 5, asks of the activities, each in one go. It keeps no rule
 * of its own where the product has a pure one, and forbids nothing: what a workflow asks is done, and the invariants judge it.
 */
export class Ledger extends LedgerTenants implements LedgerView {
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
}

const notOurs: NotOurs = { outcome: 'not-ours', why: 'another run has claimed the request, or it has ended' };
