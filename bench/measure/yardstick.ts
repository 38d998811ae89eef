import { median } from './statistics.rules.js';

const EVERY_MS = 1_000;
/** Some milliseconds of what all of this does most: JSON. */
const WORK = JSON.stringify(Array.from({ length: 2_000 }, (_, n) => ({ requestId: `req-${n}`, attempt: n % 3, status: 'COMPLETED', counts: { rows_deleted: n } })));

/** CPU time of a fixed piece of work, in ms. */
function once(): number {
  const before = process.cpuUsage();
  JSON.stringify(JSON.parse(WORK));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/**
 * Runs some work, and beside it a fixed piece of work every second.
 * @returns what came of it; and the CPU time, in ms, that the fixed piece took in the middle. More than elsewhere says that the machine was
 * slower: others share its cores, caches and clock without being seen.
 */
export async function besideYardstick<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly yardstickMs: number }> {
  const found = [once()];
  const timer = setInterval(() => found.push(once()), EVERY_MS);
  try {
    return { result: await work(), yardstickMs: median(found) };
  } finally {
    clearInterval(timer);
  }
}
