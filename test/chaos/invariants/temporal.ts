import { WorkflowNotFoundError } from '@temporalio/client';
import { isFinal, tenantWorkflowId } from '../../../contracts/names/index.js';
import { waitFor } from '../../support/wait-for.js';
import type { House } from '../../support/house.js';
import type { Check } from './check.js';

const ABREAST = 16;
/** Temporal allows ten requests a second to visibility, for all of a namespace. */
const LIST_EVERY_MS = 1_000;

async function isRunning(house: House, workflowId: string): Promise<boolean | undefined> {
  try {
    return (await house.temporal.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** No workflow is left running for an ended row, none is missing for a live one, and none runs that no row tells of. */
export const temporalAgrees: Check = async ({ house, load, deletions, before }) => {
  const live = new Set(deletions.filter(({ status }) => !isFinal(status)).map(({ workflowId }) => workflowId));
  const left = [...new Set([...deletions.map(({ workflowId }) => workflowId), ...load.tenants.map(({ tenantId }) => tenantWorkflowId(tenantId))])];
  const findings: string[] = [];
  const next = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      const workflowId = id;
      const running = live.has(workflowId);
      // The ledger's last word is committed a moment before the workflow closes.
      await waitFor(workflowId, async () => ((await isRunning(house, workflowId)) ?? false) === running, 20_000).catch(() => {
        findings.push(`${workflowId} ${running ? 'has a live row and does not run' : 'runs, and no row of it is live'}`);
      });
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, next));

  let running: string[] = [];
  let askedAt = -Infinity;
  await waitFor('visibility knows of no other workflow', async () => {
    if (performance.now() - askedAt < LIST_EVERY_MS) return false;
    askedAt = performance.now();
    running = [];
    for await (const { workflowId } of house.temporal.workflow.list({ query: 'ExecutionStatus = "Running" AND WorkflowType != "reconcile"' })) running.push(workflowId);
    return running.every((workflowId) => live.has(workflowId) || before.leftovers.has(workflowId));
  }, 20_000).catch(() => {
    findings.push(...running.filter((workflowId) => !live.has(workflowId) && !before.leftovers.has(workflowId)).map((workflowId) => `${workflowId} runs, and nobody asked for it`));
  });
  return findings;
};
