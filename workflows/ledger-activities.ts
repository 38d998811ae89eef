import { isCancellation, proxyActivities, proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';
import type { Activities } from '../activities/answers.js';

// Every activity writes to PostgreSQL at most once per step, so it may run in the worker that runs the workflow, which
// saves two workflow tasks and their latency. When PostgreSQL is slow or away, a normal activity waits for it.
const local = proxyLocalActivities<Activities>({
  startToCloseTimeout: '4s',
  scheduleToCloseTimeout: '6s',
  // The normal activity is the retry. (The SDK's core lets the timeout of a local attempt run on into the next one.)
  retry: { maximumAttempts: 1 },
});
const durable = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Calls an activity beside the workflow, and as a normal one, retried until it is done, when that does not finish quickly. */
export async function call<Name extends keyof Activities>(
  name: Name,
  ...args: Parameters<Activities[Name]>
): Promise<Awaited<ReturnType<Activities[Name]>>> {
  type Activity = (...args: Parameters<Activities[Name]>) => Promise<Awaited<ReturnType<Activities[Name]>>>;
  try {
    return await (local[name] as unknown as Activity)(...args);
  } catch (error) {
    // A local activity's failure comes as it is, a normal one's comes in an ActivityFailure: any of them, let through, would fail the workflow.
    if (isCancellation(error) || !(error instanceof TemporalFailure)) throw error;
    return (durable[name] as unknown as Activity)(...args);
  }
}
