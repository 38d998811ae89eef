/** How far a producer's clock may be ahead of ours before its times are not believed. */
const MOST_AHEAD_MS = 5 * 60_000;

/** When an event happened, as far as that can be believed. */
export interface BelievedTime {
  readonly at: Date;
  /** Its producer named a time that is still to come. */
  readonly wasAhead: boolean;
}

/**
 * The later of two events counts. One from a day that is still to come would win against all that follow until then, so it
 * counts as of now. It is not refused: what it tells of exists, or is gone, all the same.
 * @param nowMs when it was read
 */
export function believedTime(said: Date, nowMs: number): BelievedTime {
  const latestMs = nowMs + MOST_AHEAD_MS;
  return said.getTime() > latestMs ? { at: new Date(latestMs), wasAhead: true } : { at: said, wasAhead: false };
}
