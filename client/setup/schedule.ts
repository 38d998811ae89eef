import { Connection, ScheduleAlreadyRunning, ScheduleClient, ScheduleOverlapPolicy, type ScheduleOptions } from '@temporalio/client';
import { DEFAULT_LANE, RECONCILER, taskQueueFor } from '../../contracts/names/index.js';
import type { TemporalConfig } from '../../platform/config.js';
import type { Log } from '../../platform/log.js';
import { oncePossible, type SetupStep } from './steps.js';
import { refusal } from './temporal.js';

export interface ScheduleSetup {
  readonly temporal: TemporalConfig;
  readonly everyMs: number;
  readonly waitMs: number;
  readonly log: Log;
}

/** The reconciler's schedule: a pass at a time, and none is made up for that was missed. */
export const reconcilerSchedule = (everyMs: number): ScheduleOptions => ({
  scheduleId: RECONCILER.scheduleId,
  spec: { intervals: [{ every: everyMs }] },
  policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  action: {
    type: 'startWorkflow',
    workflowType: RECONCILER.workflowType,
    workflowId: RECONCILER.workflowId,
    taskQueue: taskQueueFor(DEFAULT_LANE),
    args: [{}],
    staticSummary: 'Compare the ledger with Temporal',
    staticDetails: 'Looks at every live deletion that has been quiet, and has those carried on that no workflow carries out any more. The result says what was mended.',
  },
});

/** Makes the reconciler's schedule, or has it run as often as it is to; one that a person has paused stays paused. @throws ClientFault */
export async function setUpSchedule({ temporal, everyMs, waitMs, log }: ScheduleSetup): Promise<SetupStep[]> {
  const wait = { what: `Temporal at ${temporal.connection.address ?? 'localhost:7233'} (TEMPORAL_ADDRESS)`, waitMs, log, refusal };
  const connection = await oncePossible(() => Connection.connect({ ...temporal.connection, connectTimeout: Math.min(waitMs, 5_000) }), wait);
  try {
    const schedules = new ScheduleClient({ connection, namespace: temporal.namespace });
    const made = await oncePossible(() => makeOrAdjust(schedules, everyMs), wait);
    return [{ part: 'temporal', what: `schedule ${RECONCILER.scheduleId}`, made: made ? [RECONCILER.scheduleId] : [] }];
  } finally {
    await connection.close();
  }
}

/** @returns whether anything was made or changed */
async function makeOrAdjust(schedules: ScheduleClient, everyMs: number): Promise<boolean> {
  const { scheduleId, ...wanted } = reconcilerSchedule(everyMs);
  try {
    await schedules.create({ scheduleId, ...wanted });
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  const handle = schedules.getHandle(scheduleId);
  const { spec } = await handle.describe();
  if (spec.intervals?.length === 1 && spec.intervals[0]?.every === everyMs) return false;
  await handle.update(({ state }) => ({ spec: wanted.spec, ...(wanted.policies && { policies: wanted.policies }), state, action: { ...wanted.action, workflowId: RECONCILER.workflowId } }));
  return true;
}
