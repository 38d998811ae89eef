import { sendEvent } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, JoinAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';

/**
 * Makes requests for the same subject DUPLICATE of the live one. A request that is owned already, has ended or has joined
 * is left as it is, so that a repeated signal changes nothing.
 */
export const join =
  (deps: ActivityDeps): Activities['join'] =>
  (call) =>
    runStep(deps.database, call, async (deletion): Promise<JoinAnswer> => {
      const joined: string[] = [];
      for (const requestId of [...call.requestIds].sort()) {
        const other = await deletion.lock(requestId);
        if (!other || other.row.status !== 'PENDING' || other.row.claimedRun !== null) continue;
        other.change({ status: 'DUPLICATE', duplicateOf: deletion.row.requestId });
        other.note({ what: 'joined', cause: `${deletion.row.requestId} is deleting the same subject` });
        sendEvent(other, deps.topicPrefix, 'deletion.joined');
        joined.push(requestId);
      }
      if (joined.length > 0) deletion.note({ what: 'joined by', cause: joined.join(', ').slice(0, 2000) });
      return { outcome: 'joined', joined };
    });
