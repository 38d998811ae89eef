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
 * Does a fixed piece of work every second, until the returned function is called.
 * @returns ends it; the CPU time, in ms, that the work took in the middle. More than elsewhere says that the machine was slower: others share
 * its cores, caches and clock without being seen.
 */
export function startYardstick(): () => number {
  const found = [once()];
  const timer = setInterval(() => found.push(once()), EVERY_MS);
  return () => {
    clearInterval(timer);
    return median(found);
  };
}
