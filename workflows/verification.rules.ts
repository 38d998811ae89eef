const FIRST_LOOK_MS = 5_000;
const LONGEST_WAIT_MS = 3_600_000;

/**
 * How long to wait before looking again at what is left of a user: longer each time, and not beyond the deadline. Past the
 * deadline only whoever could not be asked is waited for.
 * @param looks how often was looked before
 * @param deadlineInMs until the deadline; negative when it is past
 */
export function nextLookMs(looks: number, deadlineInMs: number): number {
  const waitMs = Math.min(FIRST_LOOK_MS * 2 ** looks, LONGEST_WAIT_MS);
  return deadlineInMs > 0 ? Math.max(1, Math.ceil(Math.min(waitMs, deadlineInMs))) : waitMs;
}
