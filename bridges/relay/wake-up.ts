import type { Log } from '../../platform/log.js';
import type { Database } from '../../store/database.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { OUTBOX_CHANNEL } from '../../store/outbox.js';
import { periodically, type Periodic } from '../periodically.js';

const CHECK_EVERY_MS = 60_000;

/** What is known of rows that were written: nothing, when they may be any. */
export interface Written {
  readonly target: OutboxMessage['target'];
  readonly lane: number;
}

/** What a NOTIFY says. @returns undefined for one of rows of any kind */
export function writtenOf(payload: string): Written | undefined {
  const [, target, lane] = /^(\w+) (\d+)$/.exec(payload) ?? [];
  return target === 'kafka' || target === 'signal' ? { target, lane: Number(lane) } : undefined;
}

/** Calls `onWake` whenever rows were written to the outbox. A connection that breaks is made anew, with backoff; polling covers the gap. */
export function listenForRows(database: Pick<Database, 'listen'>, onWake: (written?: Written) => void, log: Log): Pick<Periodic, 'stop'> {
  let unlisten: (() => Promise<void>) | undefined;
  const listening = periodically(
    async () => {
      if (unlisten) return;
      unlisten = await database.listen(OUTBOX_CHANNEL, (payload) => onWake(writtenOf(payload)), (error) => {
        log.warn({ err: error }, 'the connection that wakes the relay broke');
        unlisten = undefined;
        listening.wake();
      });
      // Whatever was written before.
      onWake();
    },
    { name: 'outbox wake-up', everyMs: CHECK_EVERY_MS, log },
  );
  return {
    stop: async () => {
      await listening.stop();
      await unlisten?.();
    },
  };
}
