import { untilReachable } from '../../platform/patience.js';
import type { Log } from '../../platform/log.js';
import { causeOf, ClientFault } from '../faults.js';

/** What one step of the set-up did. */
export interface SetupStep {
  readonly part: 'postgres' | 'kafka' | 'temporal';
  readonly what: string;
  /** What was made now; empty when all was there. */
  readonly made: readonly string[];
}

export interface Wait {
  /** "Kafka at localhost:9092 (KAFKA_BROKERS)". */
  readonly what: string;
  /** How long a part may take to come up. */
  readonly waitMs: number;
  readonly log: Log;
  /** What the part refuses, in words; undefined for what may pass by itself. */
  readonly refusal: (error: unknown) => string | undefined;
}

/**
 * Does it as soon as the part can be reached.
 * @throws ClientFault refused, or unreachable when time is up
 */
export async function oncePossible<T>(act: () => Promise<T>, { what, waitMs, log, refusal }: Wait): Promise<T> {
  let last: unknown;
  const signal = AbortSignal.timeout(waitMs);
  const noted = async (): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      last = error;
      throw error;
    }
  };
  try {
    return await untilReachable(noted, { what, log, signal, worthRetrying: (error) => refusal(error) === undefined, backoff: { firstMs: 250, maxMs: 2_000 } });
  } catch (error) {
    const why = refusal(error);
    if (why !== undefined) throw new ClientFault('refused', `${what}: ${why}`, { cause: error });
    if (signal.aborted) throw new ClientFault('unreachable', `${what} cannot be reached within ${waitMs / 1000} s (${causeOf(last)}): start it, or correct the variable.`, { cause: last });
    throw error;
  }
}
