import { ApplicationFailure, type SearchAttributePair, type TypedSearchAttributes } from '@temporalio/common';

/** Thrown by the workflow to go on as a new run. */
export class ContinuedAsNew extends Error {
  readonly args: readonly unknown[];
  readonly attributes: readonly SearchAttributePair[] | undefined;
  constructor(args: readonly unknown[], attributes: readonly SearchAttributePair[] | undefined) {
    super('continued as new');
    this.args = args;
    this.attributes = attributes;
  }
}

let current: VirtualRun | undefined;

function turnOf(run: VirtualRun | undefined): void {
  current = run;
}

/** Whose code runs now: the runs of one process take turns. */
export function running(): VirtualRun {
  if (!current) throw new Error('workflow code ran outside of its turn');
  return current;
}

/** What a workflow's run is told, in the order of its history. */
export type Job =
  | { readonly what: 'start' }
  | { readonly what: 'signal'; readonly name: string; readonly input: unknown }
  | { readonly what: 'update'; readonly update: VirtualUpdate }
  | { readonly what: 'timer'; readonly seq: number }
  | { readonly what: 'activity'; readonly seq: number; readonly answer?: unknown; readonly failed?: true }
  | { readonly what: 'cancel-workflow' };

/** Jobs that are handled together, by the clock of that moment. */
export interface Activation {
  readonly jobs: readonly Job[];
  readonly atMs: number;
  readonly historyIsLong: boolean;
}

/** An update, as whoever sent it sees it. */
export interface VirtualUpdate {
  readonly name: string;
  readonly input: unknown;
  state: 'sent' | 'accepted' | 'done' | 'refused' | 'run-over';
  answer?: unknown;
  why?: string;
}

export interface PendingCall {
  readonly seq: number;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly isLocal: boolean;
  readonly settle: { resolve(answer: unknown): void; reject(error: Error): void };
}

export type Ending = { readonly how: 'completed'; readonly result: unknown } | { readonly how: 'continued'; readonly by: ContinuedAsNew } | { readonly how: 'broken'; readonly error: unknown };

type WorkflowFunction = (...args: never[]) => Promise<unknown>;
interface Handler {
  readonly handle: (input: unknown) => unknown;
  readonly validator: ((input: unknown) => void) | undefined;
}

export interface RunIdentity {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly type: WorkflowFunction;
  readonly args: readonly unknown[];
  readonly attributesAtStart: TypedSearchAttributes;
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The code of one workflow, running: what a worker keeps in its cache. Made again from the history after a crash. */
export class VirtualRun {
  readonly calls = new Map<number, PendingCall>();
  /** Timers that have not fired, and when they will. */
  readonly timers = new Map<number, number>();
  handlersUnderWay = 0;
  attributes: TypedSearchAttributes;
  details = '';
  continueAsNewSuggested = false;
  ending: Ending | undefined;
  readonly cancelRequested: Promise<never>;

  readonly workflowId: string;
  readonly firstRunId: string;
  private readonly identity: RunIdentity;
  private atMs = 0;
  private nextSeq = 0;
  private rejectCancelRequested: (error: Error) => void = () => undefined;
  private readonly fired = new Map<number, () => void>();
  private readonly blocked = new Set<{ holds(): boolean; resolve(): void }>();
  private readonly handlers = new Map<string, Handler>();
  private readonly buffered: Extract<Job, { what: 'signal' | 'update' }>[] = [];

  constructor(identity: RunIdentity) {
    this.identity = identity;
    this.workflowId = identity.workflowId;
    this.firstRunId = identity.firstRunId;
    this.attributes = identity.attributesAtStart;
    this.cancelRequested = new Promise((_resolve, reject) => (this.rejectCancelRequested = reject));
    this.cancelRequested.catch(() => undefined);
  }

  /** Handles jobs as the SDK does: one by one, conditions behind each, until nothing moves any more. */
  async activate({ jobs, atMs, historyIsLong }: Activation): Promise<void> {
    this.atMs = atMs;
    this.continueAsNewSuggested = historyIsLong;
    const clock = Date.now;
    Date.now = () => this.atMs;
    turnOf(this);
    try {
      for (const job of jobs) {
        this.handle(job);
        this.lookAtConditions();
      }
      do await microtasks();
      while (this.lookAtConditions());
    } finally {
      turnOf(undefined);
      Date.now = clock;
    }
  }

  private handle(job: Job): void {
    switch (job.what) {
      case 'start':
        this.start();
        return;
      case 'signal':
      case 'update': {
        const handler = this.handlers.get(handlerOf(job));
        if (!handler) this.buffered.push(job);
        else this.dispatch(job, handler);
        return;
      }
      case 'timer':
        this.fired.get(job.seq)?.();
        this.timers.delete(job.seq);
        return;
      case 'activity': {
        const call = this.calls.get(job.seq);
        if (!call) throw new Error(`the run does not wait for call ${job.seq}: the workflow is not deterministic`);
        this.calls.delete(job.seq);
        if (job.failed) call.settle.reject(ApplicationFailure.create({ message: 'the answer was lost', type: 'Lost' }));
        else call.settle.resolve(job.answer);
        return;
      }
      case 'cancel-workflow':
        this.rejectCancelRequested(new Error('cancelled from outside'));
        return;
    }
  }

  private start(): void {
    const { type, args } = this.identity;
    (type as (...given: unknown[]) => Promise<unknown>)(...args).then(
      (result) => (this.ending = { how: 'completed', result }),
      (error: unknown) => (this.ending = error instanceof ContinuedAsNew ? { how: 'continued', by: error } : { how: 'broken', error }),
    );
  }

  setHandler(type: string, name: string, handle: Handler['handle'], validator: Handler['validator']): void {
    const handler: Handler = { handle, validator };
    this.handlers.set(`${type} ${name}`, handler);
    for (const job of this.buffered.filter((one) => handlerOf(one) === `${type} ${name}`)) {
      this.buffered.splice(this.buffered.indexOf(job), 1);
      this.dispatch(job, handler);
    }
  }

  private dispatch(job: Extract<Job, { what: 'signal' | 'update' }>, { handle, validator }: Handler): void {
    if (job.what === 'signal') {
      handle(job.input);
      return;
    }
    void this.answer(job.update, handle, validator);
  }

  private async answer(update: VirtualUpdate, handle: Handler['handle'], validator: Handler['validator']): Promise<void> {
    this.handlersUnderWay++;
    try {
      validator?.(update.input);
      update.state = 'accepted';
      Object.assign(update, { answer: await handle(update.input), state: 'done' });
    } catch (error) {
      Object.assign(update, { state: 'refused', why: error instanceof Error ? error.message : String(error) });
      // Any other error fails the workflow task, again and again.
      if (!(error instanceof ApplicationFailure)) this.ending = { how: 'broken', error };
    } finally {
      this.handlersUnderWay--;
    }
  }

  /** What the run answers to a query of its state. */
  query(name: string): unknown {
    const handler = this.handlers.get(`query ${name}`);
    turnOf(this);
    try {
      return handler?.handle(undefined);
    } finally {
      turnOf(undefined);
    }
  }

  callActivity(name: string, args: readonly unknown[], isLocal: boolean): Promise<unknown> {
    const seq = this.nextSeq++;
    const asSent = JSON.parse(JSON.stringify(args)) as unknown[];
    return new Promise((resolve, reject) => this.calls.set(seq, { seq, name, args: asSent, isLocal, settle: { resolve, reject } }));
  }

  startTimer(ms: number): { readonly fired: Promise<void>; cancel(): void } {
    const seq = this.nextSeq++;
    this.timers.set(seq, this.atMs + ms);
    const fired = new Promise<void>((resolve) => this.fired.set(seq, resolve));
    return {
      fired,
      cancel: () => {
        this.timers.delete(seq);
        this.fired.delete(seq);
      },
    };
  }

  blockOn(holds: () => boolean): { readonly met: Promise<void>; cancel(): void } {
    if (holds()) return { met: Promise.resolve(), cancel: () => undefined };
    const block = { holds, resolve: (): void => undefined };
    const met = new Promise<void>((resolve) => (block.resolve = resolve));
    this.blocked.add(block);
    return { met, cancel: () => this.blocked.delete(block) };
  }

  private lookAtConditions(): boolean {
    let moved = false;
    for (let again = true; again; ) {
      again = false;
      for (const block of this.blocked) {
        if (!block.holds()) continue;
        this.blocked.delete(block);
        block.resolve();
        again = moved = true;
      }
    }
    return moved;
  }
}

const handlerOf = (job: Extract<Job, { what: 'signal' | 'update' }>): string => `${job.what} ${job.what === 'signal' ? job.name : job.update.name}`;
