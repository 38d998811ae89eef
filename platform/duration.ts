const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const LONGEST_MS = 10 * 365 * UNIT_MS.d;

/** What a duration looks like, for messages to people. */
export const DURATION_FORM = 'a whole number and a unit, one of ms, s, m, h, d, at most 3650d; for example 500ms, 90s, 30m, 24h or 7d';

/**
 * Milliseconds of a duration as configuration writes it: `500ms`, `90s`, `30m`, `24h`, `7d`. The unit is never guessed.
 * @throws RangeError with the form that is wanted.
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text.trim());
  const durationMs = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : Number.NaN;
  if (!(durationMs <= LONGEST_MS)) throw new RangeError(`"${text}" is not a duration: write ${DURATION_FORM}`);
  return durationMs;
}

/** The shortest text that parses back to these milliseconds: 86400000 is `1d`, 90000 is `90s`. */
export function formatDuration(durationMs: number): string {
  const units = ['d', 'h', 'm', 's'] as const;
  const unit = units.find((candidate) => durationMs !== 0 && durationMs % UNIT_MS[candidate] === 0);
  return unit ? `${durationMs / UNIT_MS[unit]}${unit}` : `${durationMs}ms`;
}
