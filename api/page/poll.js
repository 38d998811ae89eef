// @ts-check
import { nextWaitMs } from './rules/poll.rules.js';

/**
 * Looks again and again, ever less often while nothing moves, and not at all while nobody sees the tab.
 * @param {() => Promise<'moved' | 'same' | 'over'>} look must not throw
 * @returns {{ hurry: () => void, stop: () => void }} `hurry` looks at once
 */
export function poll(look) {
  /** @type {number | undefined} */
  let timer;
  /** @type {number | undefined} */
  let waitMs;
  let stopped = false;
  let looking = false;

  const plan = (/** @type {boolean} */ moved) => {
    waitMs = nextWaitMs(waitMs, moved);
    if (!stopped && !document.hidden) timer = window.setTimeout(() => void again(), waitMs);
  };
  const again = async () => {
    window.clearTimeout(timer);
    if (stopped || looking) return;
    looking = true;
    const found = await look();
    looking = false;
    if (found === 'over') stop();
    else plan(found === 'moved');
  };
  const hurry = () => {
    waitMs = undefined;
    void again();
  };
  const seen = () => {
    if (document.hidden) window.clearTimeout(timer);
    else hurry();
  };
  const stop = () => {
    stopped = true;
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
  };
  document.addEventListener('visibilitychange', seen);
  plan(true);
  return { hurry, stop };
}
