import { isFinal, type DeletionInput, type DeletionStatus } from '../../contracts/names/index.js';
import type { TraceContext } from '../../contracts/topics/index.js';
import type { Queryable, Transaction } from '../database.js';

/** A tenant's clean-up, about to enter the ledger. */
export interface NewCleanUp {
  readonly input: DeletionInput;
  readonly workflowId: string;
  readonly cause: string;
  readonly person: string | undefined;
  readonly reason: string | undefined;
  /** Where in a trace it begins. */
  readonly place?: TraceContext | undefined;
}

/** Inserts a tenant's clean-up and its first timeline entry. Call it under the tenant's lock. */
export function insertCleanUp(tx: Transaction, { input, workflowId, cause, person, reason, place }: NewCleanUp): void {
  if (input.subject.kind !== 'tenant') throw new TypeError('a clean-up is of a tenant');
  tx.write(
    `INSERT INTO deletions (request_id, kind, workflow_id, tenant_id, emptying, requested_by, reason, gdpr_mode, dry_run, trace_id,
       input, requested_at, due_at, events, traceparent, tracestate)
     VALUES ($1, 'tenant', $2, $3, $4, $5, $6, $7, false, $8, $9, now(), now() + $10 * interval '1 millisecond', 1, $11, $12)`,
    [
      input.requestId,
      workflowId,
      input.subject.tenantId,
      input.subject.emptying,
      person ?? null,
      reason ?? null,
      input.gdprMode,
      input.traceId,
      JSON.stringify(input),
      input.policy.dueInMs,
      place?.traceparent ?? null,
      place?.tracestate ?? null,
    ],
  );
  tx.write(
    `INSERT INTO timeline (request_id, what, status, attempt, cause, person, reason) VALUES ($1, 'received', 'PENDING', 0, $2, $3, $4)`,
    [input.requestId, cause, person ?? null, reason ?? null],
  );
}

/** The latest clean-up of one emptying of a tenant, and how many there were. */
export async function latestCleanUp(
  tx: Queryable,
  tenantId: string,
  emptying: number,
): Promise<{ requestId: string; input: DeletionInput; ended: boolean; turns: number } | undefined> {
  const rows = await tx.rows<{ requestId: string; input: DeletionInput; status: DeletionStatus }>(
    `SELECT request_id, input, status FROM deletions WHERE tenant_id = $1 AND kind = 'tenant' AND emptying = $2 ORDER BY received_at`,
    [tenantId, emptying],
  );
  const latest = rows.at(-1);
  return latest && { requestId: latest.requestId, input: latest.input, ended: isFinal(latest.status), turns: rows.length };
}
