import { condition, defineSignal, proxyActivities, proxyLocalActivities, setHandler } from '@temporalio/workflow';
import { BARE_RESULT_SIGNAL, type BareActivities, type BareInput, type BareResult } from './names.js';

const result = defineSignal<[BareResult]>(BARE_RESULT_SIGNAL);
const normal = proxyActivities<BareActivities>({ startToCloseTimeout: '30s' });
const local = proxyLocalActivities<BareActivities>({ startToCloseTimeout: '30s' });

/** Publish, wait for one signal or a timer, publish: the least that Temporal needs for a deletion, without anything that makes it safe. */
async function run(activities: BareActivities, input: BareInput): Promise<string> {
  let received: BareResult | undefined;
  setHandler(result, (one) => {
    received ??= one;
  });
  await activities.publishTrigger(input);
  const status = (await condition(() => received !== undefined, '24 hours')) ? 'COMPLETED' : 'TIMEOUT';
  await activities.publishNotification(input, status);
  return status;
}

export async function bareNormal(input: BareInput): Promise<string> {
  return run(normal, input);
}

export async function bareLocal(input: BareInput): Promise<string> {
  return run(local, input);
}
