// @ts-check

/** @typedef {import('../../../contracts/api/deletions.js').DeletionAnswer} Deletion */

/**
 * A stretch of a deletion's life in one status.
 * @typedef {{ status: Deletion['status'], fromMs: number, toMs: number, open: boolean }} Phase
 */

/**
 * A line of the history, with how long after the line before it came.
 * @typedef {Deletion['history'][number] & { sinceMs: number | null }} Step
 */

/**
 * The stretches from its receipt to its end, or until now; steps that leave the status as it is make none of their own.
 * @param {Pick<Deletion, 'status' | 'final' | 'history' | 'timeline'>} deletion
 * @param {number} nowMs
 * @returns {Phase[]}
 */
export function phasesOf({ status, final, history, timeline }, nowMs) {
  /** @type {Phase[]} */
  const phases = [];
  let atMs = Date.parse(timeline.received);
  /** @type {Deletion['status']} */
  let current = history[0]?.status ?? status;
  const close = (/** @type {number} */ toMs, /** @type {boolean} */ open) => phases.push({ status: current, fromMs: atMs, toMs: Math.max(atMs, toMs), open });
  for (const entry of history) {
    if (entry.status === current) continue;
    close(Date.parse(entry.at), false);
    atMs = Math.max(atMs, Date.parse(entry.at));
    current = entry.status;
  }
  close(final ? atMs : nowMs, !final);
  return phases;
}

/** @param {Pick<Deletion, 'history'>} deletion @returns {Step[]} */
export const stepsOf = ({ history }) => history.map((entry, index) => {
  const before = history[index - 1];
  return { ...entry, sinceMs: before ? Math.max(0, Date.parse(entry.at) - Date.parse(before.at)) : null };
});

/**
 * Where each stretch is drawn: by its length, yet wide enough to be seen. An end is a mark of that least width.
 * @param {readonly Phase[]} phases
 * @param {number} width of the whole
 * @param {number} leastWidth of one stretch
 * @returns {{ x: number, width: number }[]}
 */
export function placesOf(phases, width, leastWidth) {
  const least = Math.min(leastWidth, width / Math.max(1, phases.length));
  const total = phases.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const free = width - least * phases.length;
  let x = 0;
  return phases.map(({ fromMs, toMs }) => {
    const place = { x, width: least + (total === 0 ? free / phases.length : (free * (toMs - fromMs)) / total) };
    x += place.width;
    return place;
  });
}

/**
 * Where a moment lies on that drawing.
 * @param {number} ms
 * @param {readonly Phase[]} phases
 * @param {readonly { x: number, width: number }[]} places
 */
export function xOf(ms, phases, places) {
  let x = 0;
  for (const [index, { fromMs, toMs }] of phases.entries()) {
    const place = places[index];
    if (!place || ms < fromMs) break;
    x = place.x + (toMs === fromMs ? 0 : place.width * Math.min(1, (ms - fromMs) / (toMs - fromMs)));
  }
  return x;
}

/**
 * When an attempt was over: by its result, its time-out or its revocation, whichever came first; undefined while it runs.
 * @param {Deletion['attempts'][number]} attempt
 * @returns {{ atMs: number, how: 'success' | 'failure' | 'timeout' | 'revoked' } | undefined}
 */
export function endOf({ result, resultAt, timedOutAt, revoked }) {
  const ends = [
    ...(resultAt === null || result === null ? [] : [{ atMs: Date.parse(resultAt), how: result === 'SUCCESS' ? /** @type {const} */ ('success') : /** @type {const} */ ('failure') }]),
    ...(timedOutAt === null ? [] : [{ atMs: Date.parse(timedOutAt), how: /** @type {const} */ ('timeout') }]),
    ...(revoked === null ? [] : [{ atMs: Date.parse(revoked.at), how: /** @type {const} */ ('revoked') }]),
  ];
  return ends.sort((a, b) => a.atMs - b.atMs)[0];
}
