import type { Queryable } from '../../store/database.js';

/** Between two moments that the ledger keeps, by PostgreSQL's clock: the middle, in ms. */
export interface Phase {
  readonly phase: string;
  readonly p50Ms: number;
}

const PHASES = [
  ['from the ledger to its workflow’s first transaction', 'claimed_at - received_at'],
  ['until its trigger is on Kafka', 'trigger_sent_at - claimed_at'],
  ['until Airflow has it', 'posted_at - trigger_sent_at'],
  ['until its result is in the ledger', 'result_at - posted_at'],
  ['until the workflow has ended it', 'completed_at - result_at'],
  ['until its notification is on Kafka', 'told_at - completed_at'],
] as const;

/** Where the time of these deletions went. What is sent is marked a round trip later. */
export async function phasesOf(ledger: Queryable, requestIds: readonly string[]): Promise<readonly Phase[]> {
  const [row] = await ledger.rows<Record<string, number>>(
    `SELECT ${PHASES.map(([, difference], n) => `percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ${difference}) * 1000)::float8 AS phase${n}`).join(', ')}
     FROM (
       SELECT d.received_at, d.completed_at, a.posted_at, a.result_at,
         (SELECT min(at) FROM timeline t WHERE t.request_id = d.request_id AND what = 'claimed') AS claimed_at,
         (SELECT min(sent_at) FROM outbox o WHERE o.request_id = d.request_id AND destination = 'airflow.pipeline.trigger') AS trigger_sent_at,
         (SELECT min(sent_at) FROM outbox o WHERE o.request_id = d.request_id AND destination = 'notifications.send') AS told_at
       FROM deletions d JOIN attempts a USING (request_id) WHERE d.request_id = ANY($1)) times`,
    [requestIds],
  );
  return PHASES.map(([phase], n) => ({ phase, p50Ms: row?.[`phase${n}`] ?? Number.NaN }));
}
