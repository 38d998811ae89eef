import { inspect } from 'node:util';

const POLL_MS = 50;

/**
 * Waits until the probe gives something that is neither undefined nor false, and returns it.
 * @throws Error that says what did not come, when the time is up, and what the probe throws.
 */
export async function waitFor<T>(what: string, probe: () => T | undefined | false | Promise<T | undefined | false>, timeoutMs = 20_000, lastSeen?: () => unknown): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}${lastSeen ? `\n${inspect(lastSeen(), { depth: 4 })}` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
