import { latenciesOf, type Latencies } from './statistics.rules.js';

/** An event that was produced and indexed; ms since 1970. */
export interface IndexedEvent {
  /** When it was due to be sent. */
  readonly producedAtMs: number;
  /** When the transaction that indexed it was committed. */
  readonly indexedAtMs: number;
}

/** How it stood at a moment of a load. */
export interface LagPoint {
  readonly second: number;
  readonly produced: number;
  readonly indexed: number;
  /** Produced and not indexed. */
  readonly lag: number;
}

/** What a load of events gave. */
export interface IndexFigures {
  readonly events: number;
  /** From the first that was produced to the last that was indexed. */
  readonly perSecond: number;
  readonly latencyMs: Latencies;
  /** At the end of each step. */
  readonly lagOverTime: readonly LagPoint[];
  /** At any moment. */
  readonly mostLag: number;
}

/** @param stepMs between the points of the lag over time. @throws RangeError without events */
export function indexFigures(events: readonly IndexedEvent[], stepMs: number): IndexFigures {
  const latencyMs = latenciesOf(events.map(({ producedAtMs, indexedAtMs }) => indexedAtMs - producedAtMs));
  const produced = events.map(({ producedAtMs }) => producedAtMs).sort((a, b) => a - b);
  const indexed = events.map(({ indexedAtMs }) => indexedAtMs).sort((a, b) => a - b);
  const start = produced[0] ?? 0;
  const end = Math.max(indexed.at(-1) ?? 0, produced.at(-1) ?? 0);
  const lagOverTime: LagPoint[] = [];
  let [p, i, mostLag] = [0, 0, 0];
  const advance = (until: number): void => {
    while (p < produced.length && (produced[p] ?? Infinity) <= until) {
      const at = produced[p++] ?? 0;
      while (i < indexed.length && (indexed[i] ?? Infinity) <= at) i++;
      mostLag = Math.max(mostLag, p - i);
    }
    while (i < indexed.length && (indexed[i] ?? Infinity) <= until) i++;
  };
  for (let at = start + stepMs; at < end + stepMs; at += stepMs) {
    advance(at);
    lagOverTime.push({ second: (at - start) / 1000, produced: p, indexed: i, lag: p - i });
  }
  return { events: events.length, perSecond: (events.length * 1000) / ((indexed.at(-1) ?? 0) - start), latencyMs, lagOverTime, mostLag };
}
