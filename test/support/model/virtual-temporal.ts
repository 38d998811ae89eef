import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { VirtualRun, type Activation, type Job, type PendingCall, type RunIdentity, type VirtualUpdate } from './virtual-run.js';

/** One run of a workflow, as the server keeps it, and the worker's copy of its code. */
export interface Execution {
  readonly identity: RunIdentity;
  run: VirtualRun;
  /** What the run was told so far; up to the last finished task it is never forgotten, unless the run is reset. */
  history: Activation[];
  /** How long the history was after each finished task. */
  tasks: number[];
  /** What came and was not told yet. */
  queue: Job[];
  task: { jobs: Job[]; durable: number; calls: number } | undefined;
  readonly firing: Set<number>;
  readonly updates: VirtualUpdate[];
  historyIsLong: boolean;
  /** The task that was lost is made again when something else has come. */
  waitsForMore: boolean;
  /** Was reset, and has not caught up with the ledger: the last step that it has asked for since. */
  stepSinceReset: number | undefined;
  state: 'open' | 'completed' | 'continued' | 'terminated' | 'broken';
  result?: unknown;
  error?: unknown;
}

/** What goes wrong next. */
export interface Faults {
  /** So many answers of activities are lost after their commit, and the call made again. */
  answersToLose: number;
  /** The next workflow task that has made so many calls is lost, and made again at once, or when more has come. */
  taskToLose: { readonly afterCalls: number; readonly whenMoreHasCome: boolean } | undefined;
  /** Something comes while the next calls are made; `heartbeat`: the workflow hears of it before the call is answered. */
  meanwhile: { afterCalls: number; readonly act: () => void; readonly heartbeat: boolean } | undefined;
  /** Activities do not reach the ledger: a local one is given up, a normal one goes on trying. */
  ledgerAway: 'before-the-commit' | 'after-the-commit' | undefined;
  workerDown: boolean;
}

export type ActivityTable = Readonly<Record<string, (...args: never[]) => unknown>>;
type WorkflowFunction = RunIdentity['type'];

export const DELETION_STATUS = defineSearchAttributeKey('DeletionStatus', 'KEYWORD');

/** Temporal and its worker in one process, on a clock that only the walk moves: tasks, timers, activities, and what can go wrong with them. */
export class VirtualTemporal {
  nowMs = Date.UTC(2026, 0, 1);
  readonly executions: Execution[] = [];
  /** Hears of every call, for whoever looks into a walk. */
  trace: (line: string) => void = () => undefined;
  readonly faults: Faults = { answersToLose: 0, taskToLose: undefined, meanwhile: undefined, ledgerAway: undefined, workerDown: false };
  private readonly open = new Map<string, Execution>();
  private readonly activities: ActivityTable;
  private random: number;
  private runs = 0;

  /** @param schedule which of several runs goes on first: 0 the oldest, else by chance */
  constructor(activities: ActivityTable, schedule: number) {
    this.activities = activities;
    this.random = schedule;
  }

  running(workflowId: string): Execution | undefined {
    return this.open.get(workflowId);
  }

  /** @returns whether it was started: false when one of that id runs. */
  start(workflowId: string, type: WorkflowFunction, input: unknown, status?: string, more: readonly unknown[] = []): boolean {
    if (this.open.has(workflowId)) return false;
    const attributes = new TypedSearchAttributes(status === undefined ? [] : [{ key: DELETION_STATUS, value: status }]);
    this.open_({ workflowId, firstRunId: `run-${++this.runs}`, type, args: asSent([input, ...more]), attributesAtStart: attributes });
    return true;
  }

  /** @returns whether there was a run to signal. */
  signal(workflowId: string, name: string, input: unknown): boolean {
    const execution = this.open.get(workflowId);
    if (execution) this.enqueue(execution, { what: 'signal', name, input: asSent(input) });
    return execution !== undefined;
  }

  update(workflowId: string, name: string, input: unknown): VirtualUpdate | undefined {
    const execution = this.open.get(workflowId);
    if (!execution) return undefined;
    const update: VirtualUpdate = { name, input, state: 'sent' };
    execution.updates.push(update);
    this.enqueue(execution, { what: 'update', update });
    return update;
  }

  cancel(workflowId: string): void {
    const execution = this.open.get(workflowId);
    if (execution) this.enqueue(execution, { what: 'cancel-workflow' });
  }

  terminate(workflowId: string): void {
    const execution = this.open.get(workflowId);
    if (execution) this.close(execution, 'terminated');
  }

  /** Forgets the latest finished tasks of a run; signals and updates that came since come again. */
  async reset(workflowId: string, tasks: number): Promise<void> {
    const execution = this.open.get(workflowId);
    const at = execution && Math.max(0, execution.tasks.length - 1 - tasks);
    if (!execution || at === undefined || execution.tasks.length === 0) return;
    const durable = execution.tasks[at] ?? 0;
    const forgotten = execution.history.slice(durable).flatMap(({ jobs }) => jobs);
    execution.history.length = durable;
    execution.tasks.length = at + 1;
    execution.queue = [...forgotten, ...execution.queue].filter(({ what }) => what === 'signal' || what === 'update');
    execution.firing.clear();
    execution.stepSinceReset = 0;
    await this.rebuild(execution);
    this.fireDue();
  }

  /** Lets everything go on until nothing moves. */
  async settle(): Promise<void> {
    if (this.faults.workerDown) return;
    for (let turns = 0; ; turns++) {
      const able = [...this.open.values()].filter((execution) => this.canGoOn(execution));
      const next = able[this.pick(able.length)];
      if (!next) return;
      if (turns > 5_000) throw new Error(`${next.identity.workflowId} does not come to rest`);
      await this.goOn(next);
    }
  }

  /** Moves the clock, timer by timer, and lets the runs go on at each; stops early after many of them. */
  async advance(ms: number): Promise<void> {
    // A task that was lost is made again within seconds, whether more has come or not.
    for (const execution of this.open.values()) execution.waitsForMore = false;
    await this.settle();
    const untilMs = this.nowMs + ms;
    for (let timers = 0; timers < MOST_TIMERS_AT_ONCE; timers++) {
      const dueMs = this.nextTimerMs();
      if (dueMs === undefined || dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.fireDue();
      await this.settle();
      if (timers === MOST_TIMERS_AT_ONCE - 1) return;
    }
    this.nowMs = untilMs;
  }

  /** When the next timer fires. */
  nextTimerMs(): number | undefined {
    const due = [...this.open.values()].flatMap(({ run, firing }) => [...run.timers].filter(([seq]) => !firing.has(seq)).map(([, atMs]) => atMs));
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  private fireDue(): void {
    for (const execution of this.open.values()) {
      const due = [...execution.run.timers].filter(([seq, atMs]) => atMs <= this.nowMs && !execution.firing.has(seq)).sort(([, a], [, b]) => a - b);
      for (const [seq] of due) {
        execution.firing.add(seq);
        this.enqueue(execution, { what: 'timer', seq });
      }
    }
  }

  private canGoOn({ queue, waitsForMore, task, run }: Execution): boolean {
    if (task !== undefined || (queue.length > 0 && !waitsForMore)) return true;
    return this.faults.ledgerAway === undefined && [...run.calls.values()].some(({ isLocal }) => !isLocal);
  }

  private async goOn(execution: Execution): Promise<void> {
    if (!execution.task) {
      const normal = [...execution.run.calls.values()].find((call) => !call.isLocal && !execution.queue.some((job) => job.what === 'activity' && job.seq === call.seq));
      if (normal && this.faults.ledgerAway === undefined) {
        execution.queue.push({ what: 'activity', seq: normal.seq, answer: this.perform(execution, normal) });
      }
      const jobs = execution.queue.splice(0);
      if (jobs.length === 0) return;
      execution.task = { jobs, durable: execution.history.length, calls: 0 };
      await this.tell(execution, jobs);
    } else {
      await this.callOut(execution, execution.task);
    }
    const task = this.taskOf(execution);
    if (task && ![...execution.run.calls.values()].some(({ isLocal }) => isLocal)) await this.finishTask(execution, task);
  }

  /** For use after an await: what has happened since, whoever looked at it before cannot know. */
  private taskOf({ task }: Execution): Execution['task'] {
    return task;
  }

  private async callOut(execution: Execution, task: NonNullable<Execution['task']>): Promise<void> {
    const call = [...execution.run.calls.values()].find(({ isLocal }) => isLocal);
    if (!call) return;
    const { faults } = this;
    if (faults.meanwhile && --faults.meanwhile.afterCalls < 0) {
      const { act, heartbeat } = faults.meanwhile;
      faults.meanwhile = undefined;
      act();
      if (heartbeat && execution.queue.length > 0 && execution.state === 'open') {
        task.durable = execution.history.length;
        task.jobs = execution.queue.splice(0);
        await this.tell(execution, task.jobs);
        return;
      }
      if (execution.state !== 'open') return;
    }
    if (faults.ledgerAway !== undefined) {
      if (faults.ledgerAway === 'after-the-commit') this.perform(execution, call);
      return this.tell(execution, [{ what: 'activity', seq: call.seq, failed: true }]);
    }
    const answer = this.perform(execution, call);
    task.calls++;
    if (faults.taskToLose && task.calls >= faults.taskToLose.afterCalls) return this.loseTask(execution, task);
    await this.tell(execution, [{ what: 'activity', seq: call.seq, answer }]);
  }

  private perform(execution: Execution, { name, args }: PendingCall): unknown {
    const activity = this.activities[name] as ((...given: unknown[]) => unknown) | undefined;
    if (!activity) throw new Error(`the ledger has no activity ${name}`);
    const once = () => asSent(activity(...(asSent(args) as unknown[])));
    let answer = once();
    this.trace(`  ${name} ${JSON.stringify(args)} -> ${JSON.stringify(answer)}`);
    for (; this.faults.answersToLose > 0; this.faults.answersToLose--) answer = once();
    const { step } = (name === 'claim' ? answer : args[0]) as { step?: number };
    if (execution.stepSinceReset !== undefined && step !== undefined) execution.stepSinceReset = step;
    return answer;
  }

  private async tell(execution: Execution, jobs: readonly Job[]): Promise<void> {
    const activation: Activation = { jobs, atMs: this.nowMs, historyIsLong: execution.historyIsLong };
    execution.history.push(activation);
    await execution.run.activate(activation);
    for (const job of jobs) if (job.what === 'timer') execution.firing.delete(job.seq);
  }

  private async finishTask(execution: Execution, task: NonNullable<Execution['task']>): Promise<void> {
    const { ending } = execution.run;
    // A run cannot be closed over something that it was not told.
    if (this.faults.taskToLose || (ending && ending.how !== 'broken' && execution.queue.length > 0)) return this.loseTask(execution, task);
    execution.task = undefined;
    execution.tasks.push(execution.history.length);
    if (!ending) return;
    if (ending.how === 'broken') {
      execution.error = ending.error;
      this.close(execution, 'broken');
      return;
    }
    this.close(execution, ending.how);
    if (ending.how === 'completed') execution.result = ending.result;
    else {
      const { attributes, args } = ending.by;
      this.open_({
        ...execution.identity,
        args: asSent(args),
        attributesAtStart: attributes ? new TypedSearchAttributes([...attributes]) : execution.run.attributes,
      });
    }
  }

  private async loseTask(execution: Execution, task: NonNullable<Execution['task']>): Promise<void> {
    execution.waitsForMore = this.faults.taskToLose?.whenMoreHasCome === true && execution.queue.length === 0;
    this.faults.taskToLose = undefined;
    execution.queue.unshift(...task.jobs);
    execution.history.length = task.durable;
    execution.task = undefined;
    await this.rebuild(execution);
  }

  /** A worker that has not the run in its cache makes it from its history. */
  private async rebuild(execution: Execution): Promise<void> {
    for (const update of execution.updates) if (update.state !== 'run-over') update.state = 'sent';
    execution.run = new VirtualRun(execution.identity);
    for (const activation of execution.history) await execution.run.activate(activation);
  }

  private enqueue(execution: Execution, job: Job): void {
    execution.queue.push(job);
    execution.waitsForMore = false;
  }

  private open_(identity: RunIdentity): void {
    const execution: Execution = {
      identity,
      run: new VirtualRun(identity),
      history: [],
      tasks: [],
      queue: [{ what: 'start' }],
      task: undefined,
      firing: new Set(),
      updates: [],
      historyIsLong: false,
      waitsForMore: false,
      stepSinceReset: undefined,
      state: 'open',
    };
    this.executions.push(execution);
    this.open.set(identity.workflowId, execution);
  }

  private close(execution: Execution, state: Exclude<Execution['state'], 'open'>): void {
    execution.state = state;
    execution.task = undefined;
    this.open.delete(execution.identity.workflowId);
    for (const job of execution.queue) if (job.what === 'update') job.update.state = 'run-over';
    if (state === 'terminated') for (const update of execution.updates) if (update.state === 'sent' || update.state === 'accepted') update.state = 'run-over';
  }

  private pick(count: number): number {
    if (this.random === 0 || count < 2) return 0;
    this.random = (this.random * 48_271) % 2_147_483_647;
    return this.random % count;
  }
}

const MOST_TIMERS_AT_ONCE = 30;

/** What Temporal keeps of a value. */
const asSent = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));
