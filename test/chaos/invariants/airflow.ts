import { waitFor } from '../../support/wait-for.js';
import type { Check } from './check.js';
import { differences, repeated } from './sets.js';

/** Airflow's runs are the ledger's attempts, no more and no less; none was made twice, and no revoked one erased. */
export const airflowAgrees: Check = async ({ house, before, attempts, runs: seen, deletions, expects }) => {
  const jobs = new Set(attempts.map(({ jobId }) => jobId));
  const ids = new Set(seen.map(({ dag_run_id }) => dag_run_id));
  // A run publishes its result a moment before it ends.
  const runs = await waitFor('no run goes on', async () => {
    const found = (await house.airflow.runs()).filter(({ dag_run_id }) => ids.has(dag_run_id) || jobs.has(dag_run_id));
    return found.every(({ state }) => state === 'success' || state === 'failed') && found;
  }, 30_000);
  // A job that was revoked before it was posted has no run.
  const posted = attempts.filter(({ jobId, revokedAt }) => revokedAt === null || ids.has(jobId));
  const findings = differences(posted.map(({ jobId }) => jobId), runs.map(({ dag_run_id }) => dag_run_id), { missing: 'an attempt without a run', unwanted: 'a run without an attempt' });
  for (const id of repeated(runs.map(({ dag_run_id }) => dag_run_id))) findings.push(`two runs of one job: ${id}`);

  const after = await house.airflow.stats();
  const accepted = after.accepted - before.airflow.accepted;
  const made = (await house.airflow.runs()).length - before.airflowRuns;
  if (accepted !== made) findings.push(`Airflow accepted ${accepted} POSTs and made ${made} runs`);
  const answered = accepted + (after.conflicts - before.airflow.conflicts) + (after.refused - before.airflow.refused);
  if (after.posts - before.airflow.posts !== answered) findings.push(`of ${after.posts - before.airflow.posts} POSTs ${answered} are accounted for`);

  const byJob = new Map(runs.map((run) => [run.dag_run_id, run]));
  const rows = new Map(deletions.map((row) => [row.requestId, row]));
  for (const attempt of attempts) {
    const run = byJob.get(attempt.jobId);
    const row = rows.get(attempt.requestId);
    if (!run || !row) continue;
    const wanted = row.userId ?? (row.kind === 'service' ? `${row.tenantId}/${row.serviceInstanceId}` : row.tenantId);
    const { user_id: user, tenant_id: tenant, target_instance: instance } = run.conf as Record<string, string | undefined>;
    const has = user ?? (instance === undefined ? tenant : `${tenant}/${instance}`);
    if (run.dag_id !== attempt.dagId || has !== wanted) findings.push(`the run ${attempt.jobId} is of ${run.dag_id} for ${has}, and should be of ${attempt.dagId} for ${wanted}`);
    if (attempt.result === 'SUCCESS' && (await house.airflow.taskState(run.dag_id, run.dag_run_id, 'erase')) !== 'success') findings.push(`${attempt.jobId} succeeded in the ledger, and erased nothing in Airflow`);
    if (attempt.revokedAt !== null) findings.push(...(await erasedThoughRevoked(house, run.dag_id, attempt.jobId, attempt.revokedAt)));
    if (expects.attempts !== 'several' && run.state !== 'success') findings.push(`the run ${attempt.jobId} ended as ${run.state}`);
  }
  return findings;
};

/** A revocation has the time at which its transaction began, and is seen when that is committed. */
const COMMIT_WITHIN_MS = 2_000;

/** The DAG's first step asks whether the job stands: one that asked after the revocation must not have erased. */
async function erasedThoughRevoked(house: Parameters<Check>[0]['house'], dagId: string, jobId: string, revokedAt: Date): Promise<string[]> {
  const [fence, erase] = await Promise.all([house.airflow.task(dagId, jobId, 'check_fence'), house.airflow.task(dagId, jobId, 'erase')]);
  const askedLater = fence.start_date !== null && new Date(fence.start_date).getTime() > revokedAt.getTime() + COMMIT_WITHIN_MS;
  return askedLater && erase.state === 'success' ? [`${jobId} was revoked at ${revokedAt.toISOString()}, asked at ${fence.start_date}, and erased`] : [];
}
