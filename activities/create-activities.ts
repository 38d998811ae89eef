import { cancel, hold, release, reopen, showHold } from './acts.js';
import type { Activities } from './answers.js';
import { noteFailedAttempt, park, remind } from './attempts.js';
import { claim } from './claim.js';
import { complete } from './complete.js';
import type { ActivityDeps } from './deps.js';
import { decideEmptying, requestErasure } from './emptying.js';
import { toApplicationFailure } from './failure.js';
import { join } from './join.js';
import { confirmEmpty } from './refill.js';
import { createActivitySpans } from './spans.js';
import { trigger } from './trigger.js';
import { verify } from './verify.js';

/** Makes every activity of the worker. Their errors leave as ApplicationFailure; `onError` hears of each first. */
export function createActivities(deps: ActivityDeps, onError: (activity: string, error: unknown) => void): Activities {
  const traced = createActivitySpans(deps.database);
  const guarded = <Call, Answer>(name: string, activity: (call: Call) => Promise<Answer>) => {
    const told = async (call: Call): Promise<Answer> => {
      try {
        return await activity(call);
      } catch (error) {
        onError(name, error);
        throw toApplicationFailure(error);
      }
    };
    return (call: Call): Promise<Answer> => traced(name, call, () => told(call));
  };
  return {
    claim: guarded('claim', claim(deps)),
    trigger: guarded('trigger', trigger(deps)),
    confirmEmpty: guarded('confirmEmpty', confirmEmpty(deps)),
    complete: guarded('complete', complete(deps)),
    noteFailedAttempt: guarded('noteFailedAttempt', noteFailedAttempt(deps)),
    park: guarded('park', park(deps)),
    remind: guarded('remind', remind(deps)),
    join: guarded('join', join(deps)),
    reopen: guarded('reopen', reopen(deps)),
    hold: guarded('hold', hold(deps)),
    showHold: guarded('showHold', showHold(deps)),
    release: guarded('release', release(deps)),
    cancel: guarded('cancel', cancel(deps)),
    decideEmptying: guarded('decideEmptying', decideEmptying(deps)),
    requestErasure: guarded('requestErasure', requestErasure(deps)),
    verify: guarded('verify', verify(deps)),
  };
}
