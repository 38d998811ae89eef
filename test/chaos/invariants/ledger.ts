import { tenantRequestId } from '../../../contracts/names/index.js';
import type { Deletion } from '../../../store/ledger/rows.js';
import type { Check } from './check.js';
import { differences, groupBy, repeated } from './sets.js';

const subjectOf = ({ kind, userId, tenantId, serviceInstanceId }: Deletion): string =>
  kind === 'user' ? `user ${userId}` : kind === 'service' ? `service ${tenantId}/${serviceInstanceId}` : `tenant ${tenantId}`;

/** Every request that was sent is in the ledger, nothing else is, and each ended as it should, once, with its story told. */
export const requestsEndedWell: Check = async ({ house, load, deletions, attempts, expects }) => {
  const cleanUps = load.tenants.filter(({ fate }) => fate === 'erased').map(({ tenantId }) => tenantRequestId(tenantId, 1));
  const findings = differences([...load.ids, ...cleanUps], deletions.map(({ requestId }) => requestId), { missing: 'not in the ledger', unwanted: 'in the ledger, though nobody asked for it' });

  const asked = new Map(load.requests.map(({ requestId, subject }) => [requestId, subject]));
  const byId = new Map(deletions.map((row) => [row.requestId, row]));
  for (const row of deletions) {
    const { requestId, status } = row;
    const subject = asked.get(requestId);
    if (subject !== undefined && subject !== subjectOf(row)) findings.push(`${requestId} is for ${subjectOf(row)}, and was for ${subject}`);
    if (status === 'DUPLICATE') {
      const original = row.duplicateOf === null ? undefined : byId.get(row.duplicateOf);
      if (!original || subjectOf(original) !== subjectOf(row)) findings.push(`${requestId} is DUPLICATE of ${row.duplicateOf}, which is no request for the same subject`);
      if (row.outcome === null || row.outcome !== original?.status) findings.push(`${requestId} is DUPLICATE with the outcome ${row.outcome}, and ${row.duplicateOf} is ${original?.status}`);
    } else if (!(expects.statuses ?? ['COMPLETED']).includes(status)) findings.push(`${requestId} is ${status} (${row.failureCode ?? 'no failure'})`);
    if ((status === 'COMPLETED') !== (row.completedAt !== null && row.outcome === null) && status !== 'DUPLICATE' && status !== 'CANCELLED') findings.push(`${requestId} is ${status} with completed_at ${row.completedAt?.toISOString()}`);
  }

  const timeline = groupBy(await house.ledger.rows<{ requestId: string; what: string; attempt: number; cause: string }>('SELECT request_id, what, attempt, cause FROM timeline WHERE request_id = ANY($1) ORDER BY id', [[...byId.keys()]]), ({ requestId }) => requestId);
  const attemptsOf = groupBy(attempts, ({ requestId }) => requestId);
  for (const row of deletions) {
    const told = timeline.get(row.requestId) ?? [];
    const times = (what: string): number => told.filter((entry) => entry.what === what).length;
    if (times('completed') !== (row.status === 'COMPLETED' ? 1 : 0)) findings.push(`${row.requestId} is ${row.status}, and its timeline says ${times('completed')} times that it completed`);
    if (times('claimed') > 1) findings.push(`${row.requestId} was taken over, though no workflow was lost`);
    const own = attemptsOf.get(row.requestId) ?? [];
    if (own.some(({ attempt }, n) => attempt !== n + 1)) findings.push(`${row.requestId} has the attempts ${own.map(({ attempt }) => attempt).join(', ')}`);
    for (const { attempt, cause } of own) {
      const sent = told.filter((entry) => entry.what === 'sent to Airflow' && entry.attempt === attempt);
      if (sent.length !== 1 || sent[0]?.cause !== cause || cause === '') findings.push(`${row.requestId}: attempt ${attempt} has the cause "${cause}", and the timeline tells of it ${sent.length} times with "${sent[0]?.cause}"`);
    }
    if (row.status === 'COMPLETED' && own.length === 0) findings.push(`${row.requestId} completed without an attempt`);
    if (row.status === 'DUPLICATE' && own.length > 0) findings.push(`${row.requestId} is DUPLICATE, and has attempts of its own`);
    if (own.length > 1 && expects.attempts !== 'several') findings.push(`${row.requestId} took ${own.length} attempts: ${own.map(({ cause }) => cause).join('; ')}`);
  }
  for (const id of repeated(deletions.map(({ requestId }) => requestId))) findings.push(`twice in the ledger: ${id}`);
  return findings;
};
