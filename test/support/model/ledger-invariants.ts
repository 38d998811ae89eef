import { isFinal, TOPICS, type DeletionStatus } from '../../../contracts/names/index.js';
import type { LedgerView, SeenDeletion, SeenLine } from './ledger-view.js';

/** What a request's status may become (design of the ledger, docs/architecture.md); a line of the timeline may also leave it as it is. */
const LEADS_TO: Record<DeletionStatus, readonly DeletionStatus[]> = {
  PENDING: ['SENT_TO_AIRFLOW', 'ON_HOLD', 'FAILED', 'COMPLETED', 'CANCELLED', 'DUPLICATE'],
  // DUPLICATE: its workflow was terminated, and another request takes the deletion over.
  ON_HOLD: ['PENDING', 'COMPLETED', 'CANCELLED', 'DUPLICATE'],
  SENT_TO_AIRFLOW: ['PENDING', 'FAILED', 'TIMEOUT', 'COMPLETED', 'DUPLICATE'],
  // ON_HOLD: held while it was parked, and then moved.
  FAILED: ['PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'COMPLETED', 'CANCELLED', 'DUPLICATE'],
  TIMEOUT: ['PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'COMPLETED', 'CANCELLED', 'DUPLICATE'],
  COMPLETED: [],
  CANCELLED: [],
  // The request that it had joined was withdrawn, or erased an earlier incarnation: it goes on where that stood.
  DUPLICATE: ['PENDING', 'ON_HOLD', 'FAILED', 'TIMEOUT', 'CANCELLED'],
};

const isLive = ({ status }: Pick<SeenDeletion, 'status'>): boolean => !isFinal(status);

/** What must hold of a ledger at any moment between two transactions. @returns what does not, in words */
export function ledgerFaults(view: LedgerView): string[] {
  return [...ownerFaults(view), ...transitionFaults(view), ...endFaults(view), ...attemptFaults(view), ...notificationFaults(view), ...tenantFaults(view)];
}

function ownerFaults({ deletions }: LedgerView): string[] {
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const row of deletions) {
    if (row.claimedRun !== null && isLive(row)) {
      const other = owners.get(row.workflowId);
      if (other !== undefined) faults.push(`${row.workflowId} has two live owners: ${other} and ${row.requestId}`);
      owners.set(row.workflowId, row.requestId);
    }
    if (row.status !== 'DUPLICATE') continue;
    const joined = deletions.find(({ requestId }) => requestId === row.duplicateOf);
    if (!joined) faults.push(`${row.requestId} joined nothing`);
    else if (row.outcome === null && isFinal(joined.status) && joined.status !== 'DUPLICATE') {
      faults.push(`${row.requestId} has no outcome although ${joined.requestId}, which it joined, is ${joined.status}`);
    } else if (row.outcome === 'COMPLETED' && joined.status !== 'COMPLETED') {
      faults.push(`${row.requestId} is called completed, and ${joined.requestId}, which it joined, is ${joined.status}`);
    }
  }
  return faults;
}

function transitionFaults({ timeline, deletions }: LedgerView): string[] {
  const faults: string[] = [];
  const latest = new Map<string, SeenLine>();
  for (const line of timeline) {
    const before = latest.get(line.requestId);
    if (before && before.status !== line.status && !LEADS_TO[before.status].includes(line.status)) {
      faults.push(`${line.requestId} went from ${before.status} to ${line.status} (${line.what})`);
    }
    latest.set(line.requestId, line);
  }
  for (const { requestId, status } of deletions) {
    const said = latest.get(requestId)?.status;
    if (said !== status) faults.push(`${requestId} is ${status}, and its timeline ends with ${String(said)}`);
  }
  return [...faults, ...sendingFaults({ timeline, deletions })];
}

/** Triggers: none while on hold, none while an attempt is with Airflow, no more automatic ones than the policy says. */
function sendingFaults({ timeline, deletions }: Pick<LedgerView, 'timeline' | 'deletions'>): string[] {
  const faults: string[] = [];
  const rows = new Map(deletions.map((row) => [row.requestId, row]));
  const subjects = new Map<string, { held: boolean; retries: number; sent: number }>();
  for (const line of timeline) {
    const row = rows.get(line.requestId);
    if (!row) continue;
    const subject = subjects.get(row.workflowId) ?? { held: false, retries: 0, sent: 0 };
    subjects.set(row.workflowId, subject);
    switch (line.what) {
      case 'held':
        subject.held = true;
        break;
      case 'released':
        subject.held = false;
        break;
      case 'completed':
        Object.assign(subject, { held: false, sent: 0 });
        break;
      case 'cancelled':
        // The last one: nobody carries on, which would be noted before it.
        if (!timeline.some((other) => other.what === 'carries on' && (other.cause === line.requestId || other.cause.startsWith(`${line.requestId}, `))) && row.claimedRun !== null) Object.assign(subject, { held: false, sent: 0 });
        break;
      case 'retry':
      case 'parked':
      case 'taken over':
      case 'carries on':
        subject.sent = 0;
        break;
      case 'sent to Airflow': {
        if (++subject.sent > 1 + row.input.policy.autoRetries) faults.push(`${line.requestId} was sent ${subject.sent} times without anyone moving it; its policy says ${row.input.policy.autoRetries} retries`);
        if (subject.held) faults.push(`attempt ${line.attempt} of ${line.requestId} was sent while on hold`);
        const retry = /^automatic retry (\d+) after/.exec(line.cause);
        subject.retries = retry ? subject.retries + 1 : 0;
        if (subject.retries > row.input.policy.autoRetries) faults.push(`${line.requestId} was retried ${subject.retries} times by itself; its policy says ${row.input.policy.autoRetries}`);
        break;
      }
    }
  }
  const before = new Map<string, SeenLine>();
  for (const line of timeline) {
    const last = before.get(line.requestId);
    if (line.what === 'sent to Airflow' && last?.status === 'SENT_TO_AIRFLOW') faults.push(`attempt ${line.attempt} of ${line.requestId} was sent while attempt ${last.attempt} is with Airflow`);
    before.set(line.requestId, line);
  }
  return faults;
}

function endFaults({ deletions, attempts, timeline }: LedgerView): string[] {
  const faults: string[] = [];
  for (const row of deletions) {
    const own = attempts.filter(({ requestId }) => requestId === row.requestId);
    const lines = timeline.filter(({ requestId }) => requestId === row.requestId);
    const count = (what: string) => lines.filter((line) => line.what === what).length;
    if (row.status === 'COMPLETED' && !own.some(({ result }) => result === 'SUCCESS')) faults.push(`${row.requestId} is COMPLETED without a SUCCESS of an attempt of its own`);
    if (count('completed') > 1 || count('cancelled') > 1) faults.push(`${row.requestId} ended more than once`);
    if (row.status === 'CANCELLED' && own.some(({ revoked }) => !revoked)) faults.push(`${row.requestId} is CANCELLED, and an attempt of it still stands`);
    if (row.status === 'COMPLETED') {
      const standing = own.filter(({ revoked }) => !revoked);
      if (standing.some(({ result }) => result !== 'SUCCESS')) faults.push(`${row.requestId} is COMPLETED, and another attempt than the one that succeeded still stands`);
    }
    if (own.filter(({ revoked }) => !revoked).length > 1) faults.push(`two attempts of ${row.requestId} stand at once`);
    if (lines.some((line, i) => line.what === 'retry' && line.person !== null && lines[i + 1]?.what !== 'sent to Airflow' && i === lines.length - 1) && own.some(({ revoked }) => !revoked)) {
      faults.push(`a person asked for another attempt of ${row.requestId}, and an earlier one still stands`);
    }
  }
  return faults;
}

function attemptFaults({ deletions, attempts, timeline, outbox }: LedgerView): string[] {
  const faults: string[] = [];
  const sent = timeline.filter(({ what }) => what === 'sent to Airflow').length;
  const triggers = outbox.filter(({ destination }) => destination === TOPICS.airflowTrigger);
  if (sent !== attempts.length || triggers.length !== attempts.length || new Set(triggers.map(({ eventId }) => eventId)).size !== triggers.length) {
    faults.push(`${attempts.length} attempts, ${sent} noted as sent, ${triggers.length} triggers`);
  }
  for (const { requestId, attempt } of deletions) {
    const numbers = attempts.filter((one) => one.requestId === requestId).map((one) => one.attempt).sort((a, b) => a - b);
    // One that was taken over has given its attempts away; set free later, it must not use their jobs' ids again.
    const gaveAway = timeline.some((line) => line.requestId === requestId && line.what === 'taken over');
    const first = gaveAway ? (numbers[0] ?? 1) : 1;
    if (numbers.some((number, i) => number !== first + i)) faults.push(`attempts of ${requestId} are numbered ${numbers.join(', ')}`);
    if (numbers.length > 0 && numbers.at(-1) !== attempt) faults.push(`${requestId} is at attempt ${attempt}, and its attempts are numbered ${numbers.join(', ')}`);
  }
  // A withdrawal hands attempts on: what was noted of one is looked for at whoever has it now.
  const workflowOf = new Map(deletions.map((row) => [row.requestId, row.workflowId]));
  const settled = new Set<string>();
  let chain = 0;
  for (const line of timeline) {
    if (line.what === 'completed') chain++;
    const failed = line.what === 'attempt failed' || (line.what === 'parked' && !/^Cannot delete|DEPENDENCY_BLOCKED|PROVISIONED_ANEW|provisioned anew|WORKFLOW_TERMINATED|^Its workflow was terminated/.test(line.cause));
    if (!failed) continue;
    const workflowId = workflowOf.get(line.requestId);
    const key = `${String(workflowId)} ${line.requestId} ${line.attempt} ${chain}`;
    if (settled.has(key)) faults.push(`attempt ${line.attempt} of ${line.requestId} was counted as failed twice`);
    settled.add(key);
    const of = attempts.filter((one) => one.attempt === line.attempt && workflowOf.get(one.requestId) === workflowId);
    if (!of.some(({ result, timedOut }) => result !== null || timedOut)) faults.push(`attempt ${line.attempt} of ${line.requestId} was counted as failed without a result or a timeout`);
  }
  return faults;
}

function notificationFaults({ deletions, timeline, outbox }: LedgerView): string[] {
  const faults: string[] = [];
  const told = outbox.filter(({ destination }) => destination === TOPICS.notifications);
  if (new Set(told.map(({ eventId }) => eventId)).size !== told.length) faults.push('a notification was written twice');
  for (const { requestId, status, outcome } of deletions) {
    const count = (eventType: string) => told.filter((one) => one.requestId === requestId && one.eventType === eventType).length;
    const lines = (...whats: string[]) => timeline.filter((line) => line.requestId === requestId && whats.includes(line.what)).length;
    const expected = {
      'deletion.completed': status === 'COMPLETED' || outcome === 'COMPLETED' ? 1 : 0,
      'deletion.cancelled': status === 'CANCELLED' ? 1 : 0,
    };
    for (const [eventType, times] of Object.entries(expected)) {
      if (count(eventType) !== times) faults.push(`${requestId} (${status}) was told of ${eventType} ${count(eventType)} times`);
    }
    const failures = count('deletion.failed') + count('deletion.timed_out');
    if (failures !== lines('parked', 'told again')) faults.push(`${requestId} was told ${failures} times that it is parked, and parked or told of ${lines('parked', 'told again')} times`);
  }
  return faults;
}

function tenantFaults({ tenants, deletions, outbox }: LedgerView): string[] {
  const faults: string[] = [];
  for (const { tenantId, emptyings, status } of tenants) {
    const events = outbox.filter(({ destination, key }) => destination === TOPICS.tenantLifecycle && key === tenantId);
    const of = (eventType: string) => events.filter((event) => event.eventType === eventType);
    if (of('TENANT_EMPTY').length !== emptyings) faults.push(`${tenantId} has been emptied ${emptyings} times, with ${of('TENANT_EMPTY').length} TENANT_EMPTY`);
    if (new Set(events.map(({ eventId }) => eventId)).size !== events.length) faults.push(`an event of ${tenantId} was written twice`);
    const completed = deletions.filter((row) => row.kind === 'tenant' && row.tenantId === tenantId && row.status === 'COMPLETED');
    if (of('TENANT_ERASED').some(({ requestId }) => !completed.some((row) => row.requestId === requestId))) faults.push(`${tenantId} was called erased without a completed clean-up`);
    if (status === 'ERASED' && of('TENANT_ERASED').length === 0) faults.push(`${tenantId} is ERASED, and nobody was told`);
    const open = deletions.filter((row) => row.kind === 'tenant' && row.tenantId === tenantId && isLive(row));
    if (open.length > 1) faults.push(`two clean-ups of ${tenantId} are under way`);
  }
  return faults;
}
