import type { Log } from '../../platform/log.js';
import type { Database } from '../../store/database.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { OUTBOX_CHANNEL } from '../../store/outbox.js';
import { periodically, type Periodic } from '../periodically.js';

const CHECK_EVERY_MS = 60_000;

/** Calls `onWake` whenever rows were written to the outbox, with the kind of their target; without one for rows of any kind. A connection that breaks is made anew, with backoff; polling covers the gap. */
export function listenForRows(database: Pick<Database, 'listen'>, onWake: (target?: OutboxMessage['target']) => void, log: Log): Pick<Periodic, 'stop'> {
  let unlisten: (() => Promise<void>) | undefined;
  const listening = periodically(
    async () => {
      if (unlisten) return;
      const end = await database.listen(OUTBOX_CHANNEL, (target) => onWake(target === 'kafka' || target === 'signal' ? target : undefined), (error) => {
        log.warn({ err: error }, 'the connection that wakes the relay broke');
        unlisten = undefined;
        end().catch((closing: unknown) => log.debug({ err: closing }, 'a broken connection did not close cleanly'));
        listening.wake();
      });
      unlisten = end;
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
