import type { DeletionAnswer } from '../contracts/api/deletions.js';
import { ClientFault } from './faults.js';

export type WatchUntil = 'final' | 'parked';

/** What is watched, and how patiently. */
export interface Watch {
  readonly read: () => Promise<DeletionAnswer>;
  /** parked: stop as well when it waits for a person. */
  readonly until: WatchUntil;
  readonly everyMs: number;
  /** How long a request may be unknown at first: it is in Kafka before it is in the ledger. */
  readonly arrivesWithinMs: number;
  /** undefined: for as long as it takes. */
  readonly timeoutMs?: number | undefined;
  readonly onSeen: (deletion: DeletionAnswer) => void;
  /** The API or its ledger cannot be read for now; the watch goes on. */
  readonly onOutage: (fault: ClientFault) => void;
  readonly sleep: (ms: number) => Promise<void>;
  readonly now?: () => number;
}

/** Whether there is nothing more to watch. A duplicate ends when what it joined has ended. */
export function isOver({ status, parked, outcome }: DeletionAnswer, until: WatchUntil): boolean {
  if (status === 'DUPLICATE') return outcome !== null;
  return status === 'COMPLETED' || status === 'CANCELLED' || (parked && until === 'parked');
}

/** Whether what was asked for has been done. */
export const hasSucceeded = ({ status, outcome }: DeletionAnswer): boolean => (status === 'DUPLICATE' ? outcome : status) === 'COMPLETED';

/**
 * Follows a deletion until it is over.
 * @returns how it was then
 * @throws ClientFault: not-found when it does not arrive, unreachable when it was never seen, failed when time is up
 */
export async function watchDeletion({ read, until, everyMs, arrivesWithinMs, timeoutMs, onSeen, onOutage, sleep, now = Date.now }: Watch): Promise<DeletionAnswer> {
  const startedAt = now();
  let last: DeletionAnswer | undefined;
  for (;;) {
    try {
      last = await read();
      onSeen(last);
      if (isOver(last, until)) return last;
    } catch (error) {
      if (!(error instanceof ClientFault)) throw error;
      const mayArrive = error.kind === 'not-found' && last === undefined && now() - startedAt < arrivesWithinMs;
      if (error.kind === 'unreachable' && last !== undefined) onOutage(error);
      else if (!mayArrive) throw error;
    }
    if (timeoutMs !== undefined && now() - startedAt >= timeoutMs) throw new ClientFault('failed', `Not over after ${timeoutMs / 1000} s${last ? `: it is ${last.status}` : ''}.`);
    await sleep(everyMs);
  }
}
