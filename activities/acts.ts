import type { PersonAct } from '../contracts/names/index.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { sendEvent } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, CancelAnswer, NotedAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { countAsCancelled, endAsCancelled } from './end-as-cancelled.js';
import { handOver } from './hand-over.js';
import { releaseInventory } from './verify.js';
import { wakeWaitingTenant } from './wake-tenant.js';

/** A parked deletion is moved again: by a person's retry, a join, or because what blocked it has gone. */
export const reopen =
  (deps: ActivityDeps): Activities['reopen'] =>
  (call) =>
    runStep(deps.database, 'reopen', call, async (deletion): Promise<NotedAnswer> => {
      const { row } = deletion;
      deletion.change({ status: 'PENDING', parkedAt: null });
      if (call.act && row.failureCode === 'PROVISIONED_ANEW') await acceptNewIncarnation(deletion);
      deletion.note({ what: 'retry', cause: call.cause, person: call.act?.by, reason: call.act?.reason });
      if (call.act) deletion.revokeAttempts('a person asked for another attempt');
      return { outcome: 'noted' };
    });

/** A person who retries after PROVISIONED_ANEW says that the new incarnation is meant. */
async function acceptNewIncarnation(deletion: LockedDeletion): Promise<void> {
  const { service } = await deletion.standing();
  if (service) deletion.change({ generation: service.generation });
}

/** A person stops a deletion before its next trigger. */
export const hold =
  (deps: ActivityDeps): Activities['hold'] =>
  (call) =>
    runStep(deps.database, 'hold', call, async (deletion): Promise<NotedAnswer> => {
      deletion.change({ held: true, ...(deletion.row.status === 'PENDING' && { status: 'ON_HOLD' }) });
      deletion.note({ what: 'held', cause: 'stopped before its next trigger', person: call.act.by, reason: call.act.reason });
      sendEvent(deletion, deps.topicPrefix, 'deletion.held');
      // What is on hold is not under way: the tenant's emptying waits for it no longer.
      await wakeWaitingTenant(deletion);
      return { outcome: 'noted' };
    });

/** A hold that was asked for while Airflow ran, or while parked, takes effect: told already, now shown. */
export const showHold =
  (deps: ActivityDeps): Activities['showHold'] =>
  (call) =>
    runStep(deps.database, 'showHold', call, async (deletion): Promise<NotedAnswer> => {
      deletion.change({ status: 'ON_HOLD', parkedAt: null });
      deletion.note({ what: 'on hold', cause: 'a person had stopped it before its next trigger' });
      await wakeWaitingTenant(deletion);
      return { outcome: 'noted' };
    });

/** A person lets a held deletion go on. */
export const release =
  (deps: ActivityDeps): Activities['release'] =>
  (call) =>
    runStep(deps.database, 'release', call, (deletion): Promise<NotedAnswer> => {
      deletion.change({ held: false, ...(deletion.row.status === 'ON_HOLD' && { status: 'PENDING' }) });
      deletion.note({ what: 'released', cause: 'a person let it go on', person: call.act.by, reason: call.act.reason });
      sendEvent(deletion, deps.topicPrefix, 'deletion.released');
      return Promise.resolve({ outcome: 'noted' });
    });

/**
 * Withdraws one request: the one named, or the oldest. While another is left the deletion goes on under the oldest of
 * them; when none is left it ends here, and the fence holds every attempt back.
 */
export const cancel =
  (deps: ActivityDeps): Activities['cancel'] =>
  (call) =>
    runStep(deps.database, 'cancel', call, async (deletion): Promise<CancelAnswer> => {
      const requestId = call.act.requestId ?? deletion.row.requestId;
      const done = (await deletion.attempts()).find(({ result }) => result === 'SUCCESS');
      if (done) return { outcome: 'succeeded', attempt: done.attempt };
      const joined = await deletion.joined();
      if (requestId !== deletion.row.requestId) {
        const one = joined.find((candidate) => candidate.row.requestId === requestId);
        if (!one) return { outcome: 'unknown-request', requestId };
        withdraw(deps, one, call.act);
        return { outcome: 'withdrawn', requestId: deletion.row.requestId, withdrawn: requestId };
      }
      const [heir] = joined;
      if (!heir) {
        withdraw(deps, deletion, call.act);
        // The tenant's row before the attempts: whoever locks both does so in this order.
        await wakeWaitingTenant(deletion);
        deletion.revokeAttempts('the deletion was cancelled');
        await releaseInventory(deps, deletion);
        countAsCancelled(deps, deletion);
        return { outcome: 'cancelled' };
      }
      passOn(deletion, heir);
      handOver(deletion, heir);
      heir.change({ step: call.step });
      withdraw(deps, deletion, call.act);
      return { outcome: 'withdrawn', requestId: heir.row.requestId, withdrawn: requestId };
    });

/** The heir takes the deletion's place: its state and its claim. */
function passOn(deletion: LockedDeletion, heir: LockedDeletion): void {
  const { status, failureCode, failureMessage, parkedAt, sentAt, claimedRun } = deletion.row;
  heir.change({ status, failureCode, failureMessage, parkedAt, sentAt, claimedRun, duplicateOf: null });
  heir.note({ what: 'carries on', cause: `${deletion.row.requestId}, which it had joined, was withdrawn` });
}

const withdraw = (deps: ActivityDeps, deletion: LockedDeletion, { by, reason }: PersonAct): void =>
  endAsCancelled(deps, deletion, { cause: 'a person withdrew the request', person: by, reason }, 'The deletion was cancelled; nothing more is erased');
