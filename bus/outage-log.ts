import type { Outage } from './delivery.js';
import type { BusLog } from './messages.js';

/** Of one outage, which may hold up thousands of messages, a line as often as this tells enough. */
const EVERY_MS = 1_000;

/** Logs that messages wait: of each topic a line a second at the most, with how many others there were. */
export function createOutageLog(log: Pick<BusLog, 'warn'>, now: () => number = () => performance.now()): (outage: Outage) => void {
  const byTopic = new Map<string, { readonly loggedAt: number; leftOut: number }>();
  return ({ topic, partition, offset, attempt, waitMs, error }) => {
    const last = byTopic.get(topic);
    if (last && now() - last.loggedAt < EVERY_MS) {
      last.leftOut++;
      return;
    }
    byTopic.set(topic, { loggedAt: now(), leftOut: 0 });
    log.warn({ topic, partition, offset, attempt, waitMs, othersSinceLastLine: last?.leftOut ?? 0, err: error }, 'a message waits for an outage to end');
  };
}
