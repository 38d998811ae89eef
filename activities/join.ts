import { sendEvent } from '../store/ledger/outgoing.js';
import { runStep } from '../store/ledger/step.js';
import type { Activities, JoinAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';

/**
 * Makes requests for the same subject DUPLICATE of the live one. A request that is owned already, has ended or has joined
 * is left as it is, so that a repeated signal changes nothing; the answer names all that are part of this deletion now.
 */
export const join =
  (deps: ActivityDeps): Activities['join'] =>
  (call) =>
    runStep(deps.database, 'join', call, async (deletion): Promise<JoinAnswer> => {
      const joined: string[] = [];
      const newcomers: string[] = [];
      for (const requestId of [...call.requestIds].sort()) {
        const other = await deletion.lock(requestId);
        // Another subject's request is never taken for this one's.
        if (other?.row.workflowId !== deletion.row.workflowId) continue;
        if (other.row.duplicateOf === deletion.row.requestId) joined.push(requestId);
        if (other.row.status !== 'PENDING' || other.row.claimedRun !== null) continue;
        other.change({ status: 'DUPLICATE', duplicateOf: deletion.row.requestId });
        // The strongest terms win: what is due for one of them is due for all.
        if (other.row.dueAt < deletion.row.dueAt) deletion.change({ dueAt: other.row.dueAt });
        other.note({ what: 'joined', cause: `${deletion.row.requestId} is deleting the same subject` });
        sendEvent(other, deps.topicPrefix, 'deletion.joined');
        joined.push(requestId);
        newcomers.push(requestId);
      }
      if (newcomers.length > 0) deletion.note({ what: 'joined by', cause: newcomers.join(', ').slice(0, 2000) });
      return { outcome: 'joined', joined };
    });
