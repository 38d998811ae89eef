import { WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import { isFinal, isParked, SIGNALS, tenantWorkflowId, UPDATES, workflowIdFor, type Subject } from '../../../contracts/names/index.js';
import type { ActName } from '../../../workflows/deletion.rules.js';
import type { Activities } from '../../../activities/answers.js';
import { currentInventory, freshId, serviceEvent, serviceSubject, type TestRequest } from '../deletions.js';
import type { WorkflowHouse } from '../workflow-house.js';
import type { RecordedResult } from '../../../store/ledger/results.js';
import { viewOf } from './ledger-in-postgres.js';
import { ledgerFaults } from './ledger-invariants.js';
import type { LedgerView, SeenDeletion } from './ledger-view.js';
import { AttemptMoved } from '../../../store/ledger/results.js';

/** One command of a walk on a server. `of` is a subject of the walk, `back` counts from the newest job. */
export type ServerStep =
  | { readonly do: 'request'; readonly of: number; readonly graceMs: number; readonly gdprMode: boolean }
  | { readonly do: 'request-again'; readonly n: number }
  | { readonly do: 'result'; readonly back: number; readonly status: 'SUCCESS' | 'FAILURE' }
  | { readonly do: ActName; readonly of: number; readonly how: 'signal' | 'update'; readonly named: number | null }
  | { readonly do: 'time-passes'; readonly ms: number }
  | { readonly do: 'waits'; readonly ms: number }
  | { readonly do: 'provisioned' | 'deprovisioned'; readonly of: number }
  | { readonly do: 'terminated'; readonly of: number };

export interface ServerWalk {
  readonly kind: 'user' | 'tenant';
  readonly autoRetries: number;
  readonly retryBackoffMs: number;
  readonly resultTimeoutMs: number;
  readonly steps: readonly ServerStep[];
}

const HOUR_MS = 3_600_000;
const MOST_SUBJECTS = 3;

/** Walks on a server: shorter than those in memory, and not shrunk. `updates` are for a server that answers them at the end of a run. */
export const serverWalk = ({ updates }: { updates: boolean }): fc.Arbitrary<ServerWalk> => {
  const of = fc.nat(MOST_SUBJECTS - 1);
  const act = fc.record({
    do: fc.constantFrom<ActName>('retry', 'retry', 'cancel', 'cancel', 'hold', 'release'), of,
    how: updates ? fc.constantFrom('signal' as const, 'update' as const) : fc.constant('signal' as const), named: fc.option(fc.nat(3), { freq: 3 }),
  });
  const request = fc.record({ do: fc.constant('request' as const), of, graceMs: fc.constantFrom(0, 0, 0, updates ? 500 : HOUR_MS), gdprMode: fc.constantFrom(true, true, false) });
  const step: fc.Arbitrary<ServerStep> = fc.oneof(
    { weight: 3, arbitrary: request },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('result' as const), back: fc.constantFrom(0, 0, 0, 1, 2), status: fc.constantFrom('SUCCESS' as const, 'FAILURE' as const, 'FAILURE' as const) }) },
    { weight: 4, arbitrary: act },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('waits' as const), ms: fc.constantFrom(5, 30, 100) }) },
    { weight: updates ? 0 : 2, arbitrary: fc.record({ do: fc.constant('time-passes' as const), ms: fc.constantFrom(1_000, 60_000, HOUR_MS, 25 * HOUR_MS) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('request-again' as const), n: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('provisioned' as const, 'provisioned' as const, 'deprovisioned' as const), of }) },
    // The server that skips time waits for ever for the task of a run that was terminated in the middle of it.
    { weight: updates ? 1 : 0, arbitrary: fc.record({ do: fc.constant('terminated' as const), of }) },
  );
  return fc.record({
    kind: fc.constantFrom('user' as const, 'tenant' as const),
    autoRetries: fc.nat(2),
    // The server that skips time hangs when a timer is cancelled that fires at that very moment (temporalio/sdk-java#3088): none fires but in a skip.
    retryBackoffMs: fc.constant(updates ? 50 : 60_000),
    // Where no time is skipped, some time out while the walk goes on.
    resultTimeoutMs: updates ? fc.constantFrom(300, 24 * HOUR_MS, 24 * HOUR_MS) : fc.constant(24 * HOUR_MS),
    steps: fc.tuple(request, fc.array(step, { minLength: 4, maxLength: 14 })).map(([first, others]) => [first, ...others]),
  });
};

/** Loses answers of activities after their commit, one in so many. */
export const losesAnswers = (oneIn: number) => (activities: Activities): Activities => {
  let calls = 0;
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, async (call: unknown) => {
    const answer = await (activity as (call: unknown) => Promise<unknown>)(call);
    if (++calls % oneIn === 0) throw new Error('the answer was lost');
    return answer;
  }])) as unknown as Activities;
};

/** One walk on a house that many walks share. */
export class WalkOnServer {
  private readonly house: WorkflowHouse;
  private readonly walk: ServerWalk;
  private readonly tenantId = freshId('tenant');
  private readonly subjects: readonly Subject[];
  private readonly workflowIds: readonly string[];
  private readonly requests: TestRequest[] = [];
  private readonly succeeded = new Set<string>();
  private readonly userId = freshId('user');

  constructor(house: WorkflowHouse, walk: ServerWalk) {
    this.house = house;
    this.walk = walk;
    const user: Subject = { kind: 'user', subjectRef: `v1.${this.userId}` };
    this.subjects = walk.kind === 'user' ? [user] : ['a', 'b', 'c'].map((id) => serviceSubject(this.tenantId, id));
    this.workflowIds = [...this.subjects.map((subject) => workflowIdFor(subject)), ...(walk.kind === 'user' ? [] : [tenantWorkflowId(this.tenantId)])];
  }

  view(): Promise<LedgerView> {
    return viewOf(this.house.database, this.workflowIds, this.walk.kind === 'user' ? [] : [this.tenantId]);
  }

  /** Takes its nth step, but for one that lets time pass: that is the house's to do, for all walks at once. @returns what does not hold */
  async takeStep(n: number): Promise<string[]> {
    const step = this.walk.steps[n];
    if (n === 0 && this.walk.kind === 'tenant') await currentInventory(this.house.database);
    if (step) await this.take(step);
    return ledgerFaults(await this.view());
  }

  /** Does what is everybody's to do for every request that has not ended. @returns what is left, and what does not hold */
  async towardsTheEnd(): Promise<{ readonly left: string[]; readonly waitsForTime: boolean; readonly faults: string[] }> {
    const view = await this.view();
    const live = view.deletions.filter(({ status }) => !isFinal(status));
    const faults = ledgerFaults(view);
    if (live.length === 0 && !(await this.runsOn())) return { left: [], waitsForTime: false, faults: [...faults, ...this.endFaults(view)] };
    const helped: boolean[] = [];
    for (const row of live) helped.push(await this.helpOn(row, view));
    const left = live.map(({ requestId, status, failureCode, held, claimedRun }) => `${requestId} is ${status} ${failureCode ?? ''}${held ? ' held' : ''}${claimedRun === null ? ' unclaimed' : ''}`);
    return { left: left.length > 0 ? left : ['a workflow runs on'], waitsForTime: helped.includes(false), faults };
  }

  private async take(step: ServerStep): Promise<void> {
    const { house } = this;
    switch (step.do) {
      case 'request':
        await this.request(this.subject(step.of), step);
        return;
      case 'request-again': {
        const request = this.requests[step.n % Math.max(1, this.requests.length)];
        if (request) await house.start(request);
        return;
      }
      case 'result': {
        const job = (await this.view()).attempts.at(-1 - step.back);
        if (job) await this.result(job.jobId, step.status);
        return;
      }
      case 'retry':
      case 'cancel':
      case 'hold':
      case 'release': {
        const named = step.do === 'cancel' && step.named !== null ? this.requests[step.named % Math.max(1, this.requests.length)]?.requestId : undefined;
        return this.act(workflowIdFor(this.subject(step.of)), step.do, step.how, named);
      }
      case 'time-passes':
        return;
      case 'waits':
        await new Promise((resolve) => setTimeout(resolve, step.ms));
        return;
      case 'provisioned':
      case 'deprovisioned': {
        const subject = this.subject(step.of);
        if (subject.kind === 'service') await serviceEvent(house.database, { tenantId: this.tenantId, serviceInstanceId: subject.serviceInstanceId, eventType: `service.${step.do}`, dependsOn: subject.serviceInstanceId === 'b' ? ['a'] : [] });
        return;
      }
      case 'terminated':
        await quietly(house.client.workflow.getHandle(workflowIdFor(this.subject(step.of))).terminate('a walk'));
    }
  }

  private subject(n: number): Subject {
    const subject = this.subjects[n % this.subjects.length];
    if (!subject) throw new Error('a walk has a subject');
    return subject;
  }

  private async request(subject: Subject, terms: { readonly graceMs: number; readonly gdprMode: boolean }): Promise<void> {
    const request: TestRequest = {
      subject, requestId: `${this.userId}-r${this.requests.length + 1}`, userId: this.userId, gdprMode: terms.gdprMode, graceMs: terms.graceMs,
      policy: { autoRetries: this.walk.autoRetries, retryBackoffMs: this.walk.retryBackoffMs, resultTimeoutMs: this.walk.resultTimeoutMs },
    };
    this.requests.push(request);
    await this.house.start(request);
  }

  private async result(jobId: string, status: 'SUCCESS' | 'FAILURE'): Promise<void> {
    const recorded = await this.handled(jobId, status);
    if (status === 'SUCCESS' && recorded.outcome === 'wake') this.succeeded.add(jobId);
  }

  /** A withdrawal may move the attempt at that very moment: the bridge then handles the message again. */
  private async handled(jobId: string, status: 'SUCCESS' | 'FAILURE'): Promise<RecordedResult> {
    for (let times = 0; ; times++) {
      try {
        return await this.house.jobResult(jobId, status);
      } catch (error) {
        if (times === 5 || !(error instanceof AttemptMoved)) throw error;
      }
    }
  }

  private async act(workflowId: string, name: ActName, how: 'signal' | 'update', requestId?: string): Promise<void> {
    const handle = this.house.client.workflow.getHandle(workflowId);
    const input = { by: 'olga', ...(requestId !== undefined && { requestId }) };
    if (how === 'signal') return quietly(handle.signal(SIGNALS[name], input));
    // Answered, refused, or too late: what counts is that an answer comes.
    await Promise.race([
      handle.executeUpdate(UPDATES[name], { args: [input] }).catch(() => undefined),
      new Promise((_resolve, reject) => setTimeout(() => reject(new Error(`update ${name} of ${workflowId} got no answer`)), 20_000).unref()),
    ]);
  }

  /** @returns whether there was something to do for it; else it waits for time. */
  private async helpOn({ requestId, workflowId, kind, status, held, attempt, claimedRun, input }: SeenDeletion, view: LedgerView): Promise<boolean> {
    const runs = await this.isRunning(workflowId);
    if (!runs && kind === 'tenant') {
      await this.house.client.workflow.signalWithStart('tenant', { workflowId, taskQueue: 'expunge', args: [{ tenantId: this.tenantId }], signal: SIGNALS.recheck, signalArgs: [{}] });
    } else if (!runs && claimedRun !== null) {
      await this.request(input.subject, { graceMs: 0, gdprMode: true });
    } else if (claimedRun === null && status === 'PENDING') {
      const request = this.requests.find((one) => one.requestId === requestId);
      if (request) await this.house.start(request);
    } else if (held) await this.act(workflowId, 'release', 'signal');
    else if (isParked(status)) {
      for (const service of view.services) {
        const isDeleted = view.deletions.some((row) => row.serviceInstanceId === service.serviceInstanceId && !isFinal(row.status));
        if (service.status === 'ACTIVE' && !isDeleted) await serviceEvent(this.house.database, { tenantId: this.tenantId, serviceInstanceId: service.serviceInstanceId, eventType: 'service.deprovisioned' });
      }
      await this.act(workflowId, 'retry', 'signal');
    } else if (status === 'SENT_TO_AIRFLOW') {
      const job = view.attempts.find((one) => one.requestId === requestId && one.attempt === attempt);
      if (job) await this.result(job.jobId, 'SUCCESS');
    } else return false;
    return true;
  }

  private async isRunning(workflowId: string): Promise<boolean> {
    try {
      return (await this.house.client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  private async runsOn(): Promise<boolean> {
    return (await Promise.all(this.workflowIds.map((id) => this.isRunning(id)))).some((runs) => runs);
  }

  private endFaults(view: LedgerView): string[] {
    const owners = new Map(view.attempts.map(({ jobId, requestId }) => [jobId, view.deletions.find((row) => row.requestId === requestId)]));
    return [...this.succeeded].filter((jobId) => owners.get(jobId)?.status === 'CANCELLED' && owners.get(jobId)?.kind !== 'tenant').map((jobId) => `${jobId} had succeeded before the end, which is CANCELLED`);
  }
}

/** For a run that may be over by now. */
async function quietly(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
