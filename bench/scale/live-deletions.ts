import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContestant } from '../contestants.js';
import { userRequests } from '../load/requests.js';
import { residentBytes } from '../measure/cpu.js';
import type { Rig } from '../rig.js';

const AT_ONCE = 500;
const POLL_MS = 200;
const PATIENCE_MS = 90_000;
const SETTLE_MS = 3_000;

/** Makes deletions that stay: half wait for a result that does not come, half are parked after a failure (the roles run with AUTO_RETRIES=0). */
export async function addLiveDeletions(rig: Rig, count: number, onProgress: (done: number) => void): Promise<void> {
  for (let done = 0; done < count; ) {
    const now = Math.min(AT_ONCE, count - done);
    await addWaiting(rig, Math.ceil(now / 2));
    await park(rig, Math.floor(now / 2));
    done += now;
    onProgress(done);
  }
}

/** Makes deletions that wait for a result that does not come, whoever carries them out. */
export async function addWaiting(rig: Rig, count: number, onProgress: (done: number) => void = () => undefined): Promise<void> {
  rig.airflow.runsEnd('never');
  for (let done = 0; done < count; ) {
    const { requests } = userRequests(Math.min(AT_ONCE, count - done));
    await rig.driver.send(requests.map(({ record }) => record));
    await untilPosted(rig, requests.map(({ requestId }) => requestId));
    done += requests.length;
    onProgress(done);
  }
  rig.airflow.runsEnd('success');
}

/** Makes deletions that are parked. */
export async function park(rig: Rig, count: number): Promise<void> {
  const { requests } = userRequests(count);
  rig.airflow.runsEnd('failure');
  await rig.driver.send(requests.map(({ record }) => record));
  await rig.driver.allSeen(requests.map(({ requestId }) => requestId), PATIENCE_MS);
  rig.airflow.runsEnd('success');
}

async function untilPosted(rig: Rig, requestIds: readonly string[]): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const missing = requestIds.filter((requestId) => !rig.airflow.posts.has(`del_req_${requestId}`)).length;
    if (missing === 0) return;
    if (Date.now() > deadline) throw new Error(`${missing} of ${requestIds.length} deletions were not posted to Airflow in time`);
    await sleep(POLL_MS);
  }
}

/** How much more memory the worker holds for each parked deletion that it keeps in its cache, in KiB: over the second half of `count`, when it has grown warm. */
export async function memoryPerParked(rig: Rig, running: RunningContestant, count: number): Promise<number> {
  const half = Math.ceil(count / 2);
  const parkHalf = async (): Promise<number> => {
    for (let done = 0; done < half; done += AT_ONCE) await park(rig, Math.min(AT_ONCE, half - done));
    await sleep(SETTLE_MS);
    return residentBytes(running.pids()['worker'] ?? 0);
  };
  const before = await parkHalf();
  return ((await parkHalf()) - before) / half / 1024;
}
