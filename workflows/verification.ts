import { CancellationScope, condition, continueAsNew, defineSignal, log, setCurrentDetails, setDefaultSignalHandler, setHandler, workflowInfo } from '@temporalio/workflow';
import { countsInWords, SIGNALS, type SubjectCounts, type Verdict, type VerificationInput } from '../contracts/names/index.js';
import { call } from './ledger-activities.js';
import { nextLookMs } from './verification.rules.js';

/** What is stated of a completed deletion. The ledger has the whole story. */
export interface VerificationResult {
  readonly requestId: string;
  /** no-verification: the ledger has none for the request. */
  readonly verdict: Verdict | 'no-verification';
  readonly residual: SubjectCounts;
  /** The deletion that follows, if one does. */
  readonly again: string | null;
}

/**
 * Verifies a completed deletion: looks at what is left of the user, again and again, until nothing is or the deadline is
 * over. What is left then is stated in the ledger, and, by policy, deleted again.
 */
export async function verification(input: VerificationInput): Promise<VerificationResult> {
  const wakeUps = onRecheck();
  // A cancellation from outside would leave a deletion of which nobody says what is left.
  return CancellationScope.nonCancellable(async () => {
    for (let looks = 0; ; looks++) {
      wakeUps.count = 0;
      const seen = await call('verify', { requestId: input.requestId });
      if (seen.outcome === 'stated') return { requestId: input.requestId, verdict: seen.verdict, residual: seen.residual, again: seen.again };
      if (seen.outcome === 'none') return { requestId: input.requestId, verdict: 'no-verification', residual: {}, again: null };
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof verification>(input);

      const summary = seen.outcome === 'left' ? `left: ${countsInWords(seen.left)}` : 'waits for the owning services';
      setCurrentDetails(summary);
      await condition(() => wakeUps.count > 0, nextLookMs(looks, seen.deadlineInMs), { summary });
    }
  });
}

function onRecheck(): { count: number } {
  const wakeUps = { count: 0 };
  setHandler(
    defineSignal(SIGNALS.recheck),
    () => {
      wakeUps.count++;
    },
    { description: 'Looks now at what is left of the user. Needs no input.' },
  );
  setDefaultSignalHandler((name) => log.warn('a signal of an unknown name was ignored', { name }));
  return wakeUps;
}
