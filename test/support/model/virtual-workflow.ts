import * as common from '@temporalio/common';
import type { SearchAttributePair, SearchAttributeUpdatePair } from '@temporalio/common';
import { ContinuedAsNew, running } from './virtual-run.js';

// What the workflows use of @temporalio/workflow, for a run in this very process: `vi.mock('@temporalio/workflow', …)` puts it
// in the SDK's place. It keeps to the SDK's order of things: a job is handled, then conditions are looked at, then microtasks.

// Not `export { … } from`: what mocks a module does not follow those into a CommonJS one.
export const { ApplicationFailure, CancelledFailure, TemporalFailure } = common;

export const isCancellation = (error: unknown): boolean => error instanceof CancelledFailure;
export const log = { warn: () => undefined, info: () => undefined, error: () => undefined, debug: () => undefined };

export const defineSignal = (name: string) => ({ type: 'signal' as const, name });
export const defineUpdate = (name: string) => ({ type: 'update' as const, name });
export const defineQuery = (name: string) => ({ type: 'query' as const, name });

type Definition = ReturnType<typeof defineSignal | typeof defineUpdate | typeof defineQuery>;

export function setHandler({ type, name }: Definition, handler: (input: unknown) => unknown, options?: { validator?: (input: unknown) => void }): void {
  running().setHandler(type, name, handler, options?.validator);
}
export const setDefaultSignalHandler = (_handler: (name: string) => void): void => undefined;

/** The SDK's own structure: a timer against a condition, which one of the two then drops. */
export async function condition(holds: () => boolean, timeoutMs?: number): Promise<boolean | undefined> {
  const run = running();
  if (timeoutMs === undefined) {
    await run.blockOn(holds).met;
    return undefined;
  }
  if (timeoutMs <= 0) throw new Error(`a timer of ${timeoutMs} ms: the SDK makes 1 ms of it, which the workflow does not mean`);
  const timer = run.startTimer(timeoutMs);
  const blocked = run.blockOn(holds);
  try {
    return await Promise.race([timer.fired.then(() => false), blocked.met.then(() => true)]);
  } finally {
    timer.cancel();
    blocked.cancel();
  }
}

export const allHandlersFinished = (): boolean => running().handlersUnderWay === 0;

export const workflowInfo = () => {
  const run = running();
  return {
    workflowId: run.workflowId,
    runId: run.firstRunId,
    firstExecutionRunId: run.firstRunId,
    continueAsNewSuggested: run.continueAsNewSuggested,
    typedSearchAttributes: run.attributes,
  };
};

export function upsertSearchAttributes(updates: SearchAttributeUpdatePair[]): void {
  const run = running();
  run.attributes = run.attributes.updateCopy(updates);
}
export function setCurrentDetails(details: string): void {
  running().details = details;
}

export const makeContinueAsNewFunc = (options: { typedSearchAttributes?: SearchAttributePair[] }) => (...args: unknown[]): Promise<never> => {
  throw new ContinuedAsNew(args, options.typedSearchAttributes);
};
export const continueAsNew = (...args: unknown[]): Promise<never> => {
  throw new ContinuedAsNew(args, undefined);
};

export const CancellationScope = {
  current: () => ({ cancelRequested: running().cancelRequested }),
  nonCancellable: <T>(work: () => Promise<T>): Promise<T> => work(),
};

const proxy = (isLocal: boolean) => () =>
  new Proxy({}, { get: (_target, name: string) => (...args: unknown[]) => running().callActivity(name, args, isLocal) });
export const proxyLocalActivities = proxy(true);
export const proxyActivities = proxy(false);
