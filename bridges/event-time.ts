import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { believedTime } from './event-time.rules.js';

export interface EventTimes {
  readonly metrics: Pick<Metrics, 'eventsAhead'>;
  readonly log: Pick<Log, 'warn'>;
}

/** When an event happened, as far as that can be believed; one of a time to come is counted and logged. @param about what the log says of it */
export function eventTimeOf({ metrics, log }: EventTimes, topic: string, said: Date, about: Readonly<Record<string, string>>): Date {
  const { at, wasAhead } = believedTime(said, Date.now());
  if (wasAhead) {
    metrics.eventsAhead.inc({ topic });
    log.warn({ ...about, said }, 'an event is of a time to come: it counts as of now');
  }
  return at;
}
